package export

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A server that holds an export's place until it is told to forget it would
// refuse the next one.
func TestTheNextLinkOfAChainWaitsUntilTheServerMayForgetTheLast(t *testing.T) {
	w, s := stepOf(t, Kickoff, lakeside)
	sent := errors.New("the step went on")
	s.Connect = func(*config.Tenant, []string) (*bulkdata.Client, error) { return nil, sent }
	if _, err := s.Store.DB().Exec(`UPDATE export SET purpose = 'roster'`); err != nil {
		t.Fatal(err)
	}
	if err := s.Store.In("lakeside").Do(t.Context(), func(tx *store.Tx) error {
		roster := w.Export
		for _, e := range []life.Event{life.Admit, life.Accepted, life.Listed, life.Stored, life.Ingested, life.Complete} {
			if err := tx.Move(&roster, e); err != nil {
				return err
			}
		}
		if err := tx.AddStep(roster.ID, Release, "", tx.Now()); err != nil {
			return err
		}
		id, err := tx.Request(roster.Intent)
		if err != nil {
			return err
		}
		w.Export, err = tx.Export(id)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), w); !isLater(err) {
		t.Errorf("before the server is told: %v", err)
	}
	if _, err := s.Store.DB().Exec(`UPDATE step SET state = 'done'`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), w); !errors.Is(err, sent) {
		t.Errorf("after it: %v", err)
	}
}

func TestAKickoffWaitsForTheVendorsCooldownOfItsGroup(t *testing.T) {
	w, s := stepOf(t, Kickoff, strings.Replace(lakeside, "    open: true\n", "    open: true\n    profile: epic\n", 1))
	sent := errors.New("the step went on")
	s.Connect = func(*config.Tenant, []string) (*bulkdata.Client, error) { return nil, sent }
	before := func(group string, ago time.Duration) time.Time {
		at := time.Now().Add(-ago).Truncate(time.Millisecond)
		if _, err := s.Store.DB().Exec(`UPDATE export SET kickoff_sent_at = ?, group_id = ? WHERE export_id <> ?`, at.UnixMilli(), group, w.Export.ID); err != nil {
			t.Fatal(err)
		}
		return at
	}
	first := w.Export
	if err := s.Store.In("lakeside").Do(t.Context(), func(tx *store.Tx) error {
		if err := tx.Move(&first, life.Cancel); err != nil {
			return err
		}
		id, err := tx.Request(first.Intent)
		if err == nil {
			w.Export, err = tx.Export(id)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	last := before("g1", time.Hour)
	outcome, err := s.Run(t.Context(), w)
	if busy, ok := outcome.(Busy); err != nil || !ok || !busy.Until.Equal(last.Add(24*time.Hour)) {
		t.Errorf("an hour after the last: %+v, %v, want a wait until %s", outcome, err, last.Add(24*time.Hour))
	}
	for what, group := range map[string]string{"another group's": "g2", "a day ago": "g1"} {
		before(group, map[string]time.Duration{"g2": time.Hour, "g1": 24 * time.Hour}[group])
		if outcome, err := s.Run(t.Context(), w); !errors.Is(err, sent) {
			t.Errorf("%s: %+v, %v", what, outcome, err)
		}
	}
}
