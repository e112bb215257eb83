package store_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// completed makes an export of one file that has completed, and returns it.
func completed(t *testing.T, s *store.Store, i store.Intent, f store.File) store.Export {
	t.Helper()
	var x store.Export
	err := s.In("lakeside").Do(t.Context(), func(tx *store.Tx) error {
		i.Endpoint, i.Level, i.Mode = "e", "system", "full"
		id, err := tx.Request(i)
		if err != nil {
			return err
		}
		if x, err = tx.Export(id); err != nil {
			return err
		}
		if err := tx.ListFiles(&x, 0, []store.File{{Name: f.Name, Section: "output", ResourceType: "Patient"}}); err != nil {
			return err
		}
		if err := tx.SetIngested(&x, []store.File{f}, nil); err != nil {
			return err
		}
		for _, e := range []life.Event{life.Admit, life.Accepted, life.Listed, life.Stored, life.Ingested, life.Complete} {
			if err := tx.Move(&x, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(2 * time.Millisecond) // ids and requests are told apart by the millisecond
	return x
}

func TestWhatAReplaySettlesAddsUp(t *testing.T) {
	s, _ := openLedger(t)
	in, file := s.In("lakeside"), store.File{Name: "0-output-0-Patient", Lines: 10, Delivered: 7, Quarantined: 3, Summary: json.RawMessage("{}")}
	origin := completed(t, s, store.Intent{}, file)
	replay := completed(t, s, store.Intent{Purpose: store.Replay, Origin: origin.ID}, store.File{Name: file.Name, Lines: 3, Delivered: 2, Quarantined: 1})
	settlement := store.Settlement{File: file, Passed: 2, Summary: json.RawMessage(`{"x":1}`)}
	settle := func() error {
		return in.Do(t.Context(), func(tx *store.Tx) error { return tx.Settle(&replay, settlement) })
	}
	if err := settle(); err != nil {
		t.Fatal(err)
	}
	refused, err := in.Refused(t.Context())
	if err != nil || len(refused) != 1 || refused[0].Export.ID != origin.ID {
		t.Fatalf("refused %+v, %v", refused, err)
	}
	if f := refused[0].File; f.Delivered != 9 || f.Quarantined != 1 || f.Replayed != 2 || f.QuarantineOf != replay.ID || string(f.Summary) != `{"x":1}` {
		t.Errorf("file after the replay %+v", f)
	}
	if err := settle(); !errors.Is(err, store.ErrFenced) {
		t.Errorf("settled twice: %v", err)
	}
	if ids, err := in.Replays(t.Context(), origin.ID); err != nil || len(ids) != 1 || ids[0] != replay.ID {
		t.Errorf("replays %v, %v", ids, err)
	}
	if other, err := s.In("hillcrest").Refused(t.Context()); err != nil || len(other) > 0 {
		t.Errorf("another practice's refused lines: %v, %v", other, err)
	}
	if x, ok, err := in.LatestCompleted(t.Context()); err != nil || !ok || x.ID != origin.ID {
		t.Errorf("the latest export that brought anything is %s, %v", x.ID, err)
	}
}

func TestAReplayIsOfItsOriginsTime(t *testing.T) {
	s, _ := openLedger(t)
	in, file := s.In("lakeside"), store.File{Name: "0-output-0-Patient"}
	first := completed(t, s, store.Intent{}, file)
	second := completed(t, s, store.Intent{}, file)
	completed(t, s, store.Intent{Purpose: store.Roster}, file)
	replay := completed(t, s, store.Intent{Purpose: store.Replay, Origin: second.ID}, file)
	completed(t, s, store.Intent{Purpose: store.Replay, Origin: first.ID}, file)
	later, err := in.Later(t.Context(), first)
	if err != nil || len(later) != 2 || later[0].ID != second.ID || later[1].ID != replay.ID {
		t.Errorf("later than the first: %v, %v", later, err)
	}
	if later, err = in.Later(t.Context(), second); err != nil || len(later) != 0 {
		t.Errorf("later than the second: %v, %v", later, err)
	}
}

// Some of the sinks may have an export that failed while it was published,
// whatever became of it then.
func TestWhatSinksMayHaveIsLater(t *testing.T) {
	s, _ := openLedger(t)
	first := completed(t, s, store.Intent{}, store.File{Name: "0-output-0-Patient"})
	var ids []string
	for _, ends := range [][]life.Event{{life.Refuse}, {life.Refuse, life.Cancel}, {life.Deny}} {
		err := s.In("lakeside").Do(t.Context(), func(tx *store.Tx) error {
			id, err := tx.Request(store.Intent{Endpoint: "e", Level: "system", Mode: "full"})
			if err != nil {
				return err
			}
			ids = append(ids, id)
			x, err := tx.Export(id)
			for _, e := range []life.Event{life.Admit, life.Accepted, life.Listed, life.Stored, life.Ingested} {
				err = errors.Join(err, tx.Move(&x, e))
			}
			err = errors.Join(err, tx.SetProblem(&x, problem.New(problem.SinkFailed, "full", "Make room.")))
			for _, e := range ends {
				err = errors.Join(err, tx.Move(&x, e))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(2 * time.Millisecond)
	}
	later, err := s.In("lakeside").Later(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range later {
		got = append(got, x.ID)
	}
	if !slices.Equal(got, ids) {
		t.Errorf("later are %v, want %v", got, ids)
	}
}
