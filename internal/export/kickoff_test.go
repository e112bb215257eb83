package export

import (
	"errors"
	"testing"

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
