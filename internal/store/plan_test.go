package store_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// grows are the tables that have more rows with every export, alert or request.
var grows = map[string]bool{
	"export": true, "event": true, "output_file": true, "manifest_page": true, "staged_part": true, "publication": true, "step": true,
	"quality": true, "export_log": true, "export_log_item": true, "audit": true, "alert": true, "alert_news": true, "notice": true,
	"member": true, "attachment": true, "attachment_file": true, "export_requests": true, "callback": true, "disposal": true,
}

// seldom are the queries that read all of such a table, each because of what it
// is for: a person asks, or it runs once a day.
var seldom = map[string]string{
	"AlertsSince":    "the page of alerts, and alerts are few",
	"ListNotices":    "the page of alerts, and messages are forgotten after a year",
	"PruneNotices":   "once a day",
	"PruneCallbacks": "once a day",
	"PruneRequests":  "once a day",
}

// TestNoQueryReadsATableThatGrows keeps what a bulkhead does all day from
// costing more with every year of history.
func TestNoQueryReadsATableThatGrows(t *testing.T) {
	s, _ := openLedger(t)
	argument := regexp.MustCompile(`sqlc\.n?(?:arg|slice)\('?\w+'?\)`)
	embedded := regexp.MustCompile(`sqlc\.embed\((\w+)\)`)
	named := regexp.MustCompile(`(?i)\b(?:FROM|JOIN|UPDATE)\s+(\w+)(?:\s+(?:AS\s+)?(\w+))?`)
	looked := 0
	for name, text := range queriesOf(t) {
		_, query, _ := strings.Cut(text, "\n")
		query = embedded.ReplaceAllString(argument.ReplaceAllString(query, "?"), "$1.*")
		if strings.HasPrefix(query, "INSERT") {
			continue
		}
		looked++
		of := map[string]string{}
		for _, m := range named.FindAllStringSubmatch(query, -1) {
			of[m[1]], of[m[2]] = m[1], m[1]
		}
		reads := ""
		for _, detail := range planOf(t, s, query) {
			if table, ok := strings.CutPrefix(detail, "SCAN "); ok && grows[of[table]] {
				reads = of[table]
			}
		}
		if _, known := seldom[name]; known != (reads != "") {
			t.Errorf("%s reads all of %q; known to: %t", name, reads, known)
		}
	}
	if looked < 150 {
		t.Errorf("looked at %d queries", looked)
	}
}

// planOf gives how the ledger would answer a query.
func planOf(t *testing.T, s *store.Store, query string) (details []string) {
	t.Helper()
	rows, err := s.DB().QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?"))...)
	if err != nil {
		t.Fatal(query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		details = append(details, detail)
	}
	return details
}
