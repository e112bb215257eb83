package store_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// TestFactsOfAlertsAreReadByIndex keeps a look at five hundred practices from
// reading their history.
func TestFactsOfAlertsAreReadByIndex(t *testing.T) {
	s, _ := openLedger(t)
	text, err := os.ReadFile("sqlite/queries/alert.sql")
	if err != nil {
		t.Fatal(err)
	}
	argument := regexp.MustCompile(`sqlc\.arg\(\w+\)`)
	looked := 0
	for block := range strings.SplitSeq(string(text), "-- name: ") {
		name, query, _ := strings.Cut(block, "\n")
		if !strings.HasPrefix(strings.TrimSpace(query), "SELECT") || strings.Contains(query, "sqlc.embed") {
			continue
		}
		looked++
		query = argument.ReplaceAllString(query, "?")
		for _, detail := range planOf(t, s, query) {
			for _, big := range []string{"export", "event", "output_file", "quality", "e", "l", "f"} {
				if detail == "SCAN "+big {
					t.Errorf("%s reads all of a table: %s", name, detail)
				}
			}
		}
	}
	if looked < 10 {
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
