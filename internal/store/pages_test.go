package store_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// TestPagesReadByIndex keeps pages from reading a history: whatever grows with
// the years is found by an index.
func TestPagesReadByIndex(t *testing.T) {
	s, _ := openLedger(t)
	looked := 0
	for _, file := range []string{"pages", "overview", "requests"} {
		text, err := os.ReadFile("sqlite/queries/" + file + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		argument := regexp.MustCompile(`sqlc\.n?(arg|slice)\(\w+\)`)
		for block := range strings.SplitSeq(string(text), "-- name: ") {
			name, query, _ := strings.Cut(block, "\n")
			query, _, _ = strings.Cut(query, ";")
			if !strings.HasPrefix(strings.TrimSpace(query), "SELECT") {
				continue
			}
			looked++
			for _, detail := range planOf(t, s, argument.ReplaceAllString(query, "?")) {
				for _, big := range []string{"export", "event", "output_file", "quality", "quality_count", "audit", "export_requests", "callback", "x", "f", "e", "c", "d", "l", "q", "s"} {
					if detail == "SCAN "+big {
						t.Errorf("%s reads all of a table: %s", name, detail)
					}
				}
			}
		}
	}
	if looked < 18 {
		t.Errorf("looked at %d queries", looked)
	}
}

func TestAHistoryIsReadAPageAtATime(t *testing.T) {
	s, _ := openLedger(t)
	var want []string
	for range 7 {
		x := request(t, s, "lakeside")
		want = append([]string{x.ID}, want...)
		if err := s.In("lakeside").Do(t.Context(), func(tx *store.Tx) error { return tx.Move(&x, life.Cancel) }); err != nil {
			t.Fatal(err)
		}
	}
	other := request(t, s, "hillcrest")
	var got []string
	for last := ""; ; {
		page, err := s.In("lakeside").ExportsBefore(t.Context(), last, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range page {
			got = append(got, x.ID)
		}
		if len(page) < 3 {
			break
		}
		last = got[len(got)-1]
	}
	seen := map[string]bool{}
	for _, id := range got {
		if seen[id] {
			t.Errorf("%s is there twice", id)
		}
		seen[id] = true
	}
	if len(got) != len(want) || seen[other.ID] {
		t.Errorf("the pages hold %v, want %v in some order of those of one moment", got, want)
	}
	if _, err := s.In("lakeside").ExportsBefore(t.Context(), other.ID, 3); err == nil {
		t.Error("another practice's export is a place in this one's history")
	}
}

func TestMovesSayWhenAnExportCameIntoItsStates(t *testing.T) {
	s, _ := openLedger(t)
	x := request(t, s, "lakeside")
	if err := s.In("lakeside").Do(t.Context(), func(tx *store.Tx) error {
		if err := tx.Move(&x, life.Admit); err != nil {
			return err
		}
		if err := tx.Note(x.ID, "engine", "published", "failed"); err != nil { // a sink may be called so
			return err
		}
		return tx.Move(&x, life.Refuse)
	}); err != nil {
		t.Fatal(err)
	}
	moves, err := s.In("lakeside").Moves(t.Context(), x.ID, "another")
	if err != nil {
		t.Fatal(err)
	}
	var states []life.State
	for _, m := range moves[x.ID] {
		states = append(states, m.To)
	}
	if diff := cmp.Diff([]life.State{life.KickingOff, life.Failed}, states); diff != "" || len(moves) != 1 {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
	if other, err := s.In("hillcrest").Moves(t.Context(), x.ID); err != nil || len(other) != 0 {
		t.Errorf("another practice sees them: %v, %v", other, err)
	}
}

func TestQualityIsCountedAsItIsRecorded(t *testing.T) {
	s, _ := openLedger(t)
	x := request(t, s, "lakeside")
	summary := json.RawMessage(`{"lines":12,"blank":2,"quarantined":3,"types":[{"verdicts":{"errors":2}},{"verdicts":{"errors":1}}],"questions":[{"about":"Patient","says":"why?"},{"says":"so?"}]}`)
	if err := s.In("lakeside").Do(t.Context(), func(tx *store.Tx) error {
		for _, e := range []life.Event{life.Admit, life.Accepted, life.Listed, life.Stored, life.Ingested, life.Complete} {
			if err := tx.Move(&x, e); err != nil {
				return err
			}
		}
		if err := tx.ExpectQuality(&x); err != nil {
			return err
		}
		return tx.SetQuality(x.ID, summary)
	}); err != nil {
		t.Fatal(err)
	}
	all, err := s.LastJudged(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	want := store.Judged{Tenant: "lakeside", Name: "Lakeside", Export: x.ID, Mode: "full", EndedAt: all[0].EndedAt, Lines: 10, Refused: 3, Broken: 3, Questions: 2, Question: "Patient: why?"}
	if diff := cmp.Diff(want, all[0]); diff != "" || all[0].EndedAt.IsZero() {
		t.Errorf("judged (-want +got):\n%s", diff)
	}
	if kept, err := s.In("lakeside").Qualities(t.Context(), 5); err != nil || len(kept) != 1 || string(kept[0].Summary) != string(summary) {
		t.Errorf("summaries: %v, %v", kept, err)
	}
	if other, err := s.In("hillcrest").JudgedOverTime(t.Context(), 5); err != nil || len(other) != 0 {
		t.Errorf("another practice sees it: %v, %v", other, err)
	}
}

func TestTheRecordIsSearchedFromItsEnd(t *testing.T) {
	s, _ := openLedger(t)
	for i := range 30 {
		tenant := []string{"lakeside", "hillcrest", audit.House}[i%3]
		actor := []string{"anna", "bert"}[i%2]
		if err := s.Record(t.Context(), audit.Event{Action: audit.RecordRead, Actor: actor, Reason: fmt.Sprint(i)}, tenant); err != nil {
			t.Fatal(err)
		}
	}
	walk := func(a store.AuditSearch) (reasons []string) {
		for {
			f, err := s.AuditSearch(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range f.Entries {
				reasons = append(reasons, e.Reason)
			}
			if f.Below == 0 {
				return reasons
			}
			a.Below = f.Below
		}
	}
	for name, c := range map[string]struct {
		a    store.AuditSearch
		want []string
	}{
		"one chain":         {store.AuditSearch{Tenants: []string{"lakeside"}, Looked: 4}, []string{"27", "24", "21", "18", "15", "12", "9", "6", "3", "0"}},
		"the house's":       {store.AuditSearch{Tenants: []string{audit.House}, Actor: "anna", Looked: 100}, []string{"26", "20", "14", "8", "2"}},
		"some":              {store.AuditSearch{Tenants: []string{"lakeside", "hillcrest"}, Actor: "bert", Looked: 7}, []string{"27", "25", "21", "19", "15", "13", "9", "7", "3", "1"}},
		"none of that act":  {store.AuditSearch{Action: audit.SignedIn, Looked: 100}, nil},
		"none of that time": {store.AuditSearch{Until: time.Now().Add(-time.Hour), Looked: 100}, nil},
		"all until later":   {store.AuditSearch{Tenants: []string{"hillcrest"}, Until: time.Now().Add(time.Hour), Looked: 3}, []string{"28", "25", "22", "19", "16", "13", "10", "7", "4", "1"}},
	} {
		if diff := cmp.Diff(c.want, walk(c.a)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if all := walk(store.AuditSearch{Looked: 11}); len(all) != 30 {
		t.Errorf("%d of 30 rows are found", len(all))
	}
}

func TestAChainSaysWhoLookedItOver(t *testing.T) {
	s, _ := openLedger(t)
	for _, ev := range []audit.Event{
		{Action: audit.RecordSigned, Actor: "anna", Facts: map[string]any{"up_to": 1}},
		{Action: audit.RecordSigned, Actor: "bert", Facts: map[string]any{"up_to": 7}},
		{Action: audit.RecordVerified, Actor: "carl", Facts: map[string]any{"up_to": 8}},
	} {
		if err := s.Record(t.Context(), ev, "lakeside"); err != nil {
			t.Fatal(err)
		}
	}
	chains, err := s.AuditStandings(t.Context())
	if err != nil || len(chains) != 1 {
		t.Fatal(chains, err)
	}
	c := chains[0]
	if c.Rows != 3 || c.Reviewed.By != "bert" || c.Reviewed.UpTo != 7 || c.Verified.By != "carl" || c.Verified.UpTo != 8 || !c.Whole {
		t.Errorf("the chain stands as %+v", c)
	}
}
