package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Rouse gives an export that has come to a stop, because none of its steps is
// there, the step that its state names. Nothing happens to one that has a step
// or needs none, so doing it again changes nothing.
func (e *Engine) Rouse(ctx context.Context, tenant, id string) error {
	return e.store.In(tenant).Do(ctx, func(tx *store.Tx) error {
		x, err := tx.Export(id)
		if err != nil {
			return err
		}
		open, err := tx.OpenStepsOf(&x)
		if err != nil || open > 0 || !x.State.Busy() {
			return err
		}
		if err := tx.Note(id, "doctor", "roused", string(x.State)); err != nil {
			return err
		}
		if x.State == life.KickingOff { // one that had left without an answer is told by its step
			return tx.AddStep(id, export.Kickoff, "", tx.Now())
		}
		return e.begin(tx, &x)
	})
}

// begin adds the steps that the state of a resumed export calls for: polling,
// publishing, or what its files lack.
func (e *Engine) begin(tx *store.Tx, x *store.Export) error {
	switch {
	case x.State == life.Polling: // not before the server has said that it may be asked
		return tx.AddStep(x.ID, export.Poll, "", notBefore(tx, x))
	case x.State == life.Publishing:
		return e.afterIngest(tx, x)
	}
	if err := tx.ReopenFiles(x); err != nil {
		return err
	}
	return e.feed(tx, x)
}

// A Loss names output files of an export of which something in storage is not
// there any more, or is not what it was.
type Loss struct {
	Tenant, Export string
	Raw            []string // must be downloaded again
	Staged         []string // must be ingested again, from raw
}

// Redo takes an export back to where what was lost is made again: one that was
// at work goes on from there at the next start; one that has failed does when
// it is resumed. It is the problem Usage for an export that has ended
// otherwise: what it brought, sinks have, or nobody will.
func (e *Engine) Redo(ctx context.Context, l Loss) error {
	return e.store.In(l.Tenant).Do(ctx, func(tx *store.Tx) error {
		x, err := tx.Export(l.Export)
		if err != nil {
			return err
		}
		from := life.Ingesting
		if len(l.Raw) > 0 {
			from = life.Downloading
		}
		failed := x.State == life.Failed || x.State == life.Waiting && x.FailedIn != "" // resumed, and not yet taken up
		if !failed && !reached(x.State) || failed && !reached(x.FailedIn) {
			return problem.New(problem.Usage, fmt.Sprintf("export %s is %s; nothing of it can be made again", x.ID, x.State),
				"Run a full export: it brings the practice's records again.").For(l.Tenant)
		}
		if failed {
			if from == life.Ingesting && x.FailedIn == life.Downloading {
				from = life.Downloading
			}
			if err := tx.SetFailedIn(&x, string(from)); err != nil {
				return err
			}
			return e.reopen(tx, &x, l)
		}
		if from == life.Ingesting && x.State == life.Downloading {
			from = life.Downloading
		}
		if err := tx.Move(&x, life.Refuse); err != nil { // it drops the steps, which are about what was
			return err
		}
		if err := tx.Move(&x, life.Resume(from)); err != nil {
			return err
		}
		if err := e.reopen(tx, &x, l); err != nil {
			return err
		}
		return e.begin(tx, &x)
	})
}

// reached reports whether an export in a state has files, and no sink has all
// of it.
func reached(s life.State) bool {
	return s == life.Downloading || s == life.Ingesting || s == life.Publishing
}

func (e *Engine) reopen(tx *store.Tx, x *store.Export, l Loss) error {
	for _, file := range slices.Concat(l.Staged, l.Raw) { // the rows of a lost raw file are staged among those of others
		if err := tx.Unstage(x, file); err != nil {
			return err
		}
	}
	for _, file := range l.Raw {
		if err := tx.SetFileState(x, file, store.FileListed); err != nil {
			return err
		}
	}
	if err := tx.Audit(audit.Event{Action: audit.ExportResumed, Export: x.ID, Facts: map[string]any{
		"from": string(x.State), "from_server": len(l.Raw), "from_raw": len(l.Staged),
	}}); err != nil {
		return err
	}
	return tx.Note(x.ID, "doctor", "to_be_made_again", fmt.Sprintf("%d files from the server, %d from raw", len(l.Raw), len(l.Staged)))
}
