package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Replay writes the intent of a replay, with the files that it takes again,
// and returns its id; admission starts it when slots are free. What the
// agreement forbids is recorded as denied and returned as that problem, with
// the id. Nothing to be taken again is the problem Usage.
func (e *Engine) Replay(ctx context.Context, tenant string, r export.Retake) (string, error) {
	cfg := e.config()
	t, err := cfg.Tenant(tenant)
	if err != nil {
		return "", err
	}
	i, files, err := export.Order{Config: cfg, Tenant: t}.Replay(ctx, e.store.In(tenant), r)
	if err != nil {
		return "", err
	}
	verdict := export.Decide(cfg, t, agreement.AtKickoff, i, time.Now()) // I1
	var id string
	err = e.store.In(tenant).Do(ctx, func(tx *store.Tx) error {
		open, err := tx.Open(i.Endpoint)
		if err != nil {
			return err
		}
		if open > 0 {
			return problem.New(problem.Usage, "an export of this practice has not ended yet",
				"Watch it with bulkhead status "+tenant+"; replay when it has ended.").For(tenant)
		}
		if id, err = tx.Request(i); err != nil {
			return err
		}
		if err := auditRequest(tx, id, i, verdict); err != nil {
			return err
		}
		x, err := tx.Export(id)
		if err != nil {
			return err
		}
		if !verdict.Permit {
			return e.fail(tx, &x, verdict.Problem)
		}
		return tx.ListFiles(&x, 0, files)
	})
	if err != nil {
		return "", err
	}
	if !verdict.Permit {
		return id, verdict.Problem
	}
	return id, e.admit(ctx)
}

// retake starts a replay: its lines are here, no server is asked.
func (e *Engine) retake(tx *store.Tx, x *store.Export) error {
	if err := tx.Move(x, life.Retake); err != nil {
		return err
	}
	return e.feed(tx, x)
}

// fetching gives the step that brings a file of the export into raw.
func fetching(x *store.Export) string {
	if x.Purpose == store.Replay {
		return export.Gather
	}
	return export.Download
}

func setRemaining(tx *store.Tx, x *store.Export, file string, remaining map[string]int64) error {
	text, err := json.Marshal(remaining)
	if err != nil {
		return err
	}
	return tx.SetRemaining(x, file, text)
}

// overtaken is the problem Usage for a replay whose lines another one,
// requested later, has taken again and settled.
func overtaken(tx *store.Tx, x *store.Export) error {
	if x.Purpose != store.Replay {
		return nil
	}
	files, err := tx.Files(x.ID)
	if err != nil {
		return err
	}
	origin, err := tx.Files(x.Origin)
	if err != nil {
		return err
	}
	for _, f := range files {
		i := slices.IndexFunc(origin, func(o store.File) bool { return o.Name == f.Name })
		if i < 0 || origin[i].QuarantineOf == "" {
			continue
		}
		by, err := tx.Export(origin[i].QuarantineOf)
		if err != nil {
			return err
		}
		if by.RequestedAt.After(x.RequestedAt) {
			return problem.New(problem.Usage, "replay "+by.ID+" has taken the lines of replay "+x.ID+" again since that one stopped",
				"Nothing is left for it to do. What is refused still is taken again with bulkhead quarantine replay "+x.Tenant+" --export "+x.Origin+".").For(x.Tenant)
		}
	}
	return nil
}

// settle books what a replay has come to in the files of its origin, in the
// transaction that completes it, and then lets its copies of lines go.
func settle(tx *store.Tx, x *store.Export) error {
	files, err := tx.Files(x.ID)
	if err != nil {
		return err
	}
	origin, err := tx.Files(x.Origin)
	if err != nil {
		return err
	}
	passed, again, left := int64(0), int64(0), map[string]int64{}
	for _, f := range files {
		i := slices.IndexFunc(origin, func(o store.File) bool { return o.Name == f.Name })
		if i < 0 {
			return fmt.Errorf("settle replay: its origin has no file %s", f.Name)
		}
		passed, again = passed+f.Delivered, again+f.Quarantined
		if err := settleFile(tx, x, origin[i], f, left); err != nil {
			return err
		}
	}
	said := fmt.Sprintf("%d delivered, %d refused again", passed, again)
	if len(left) > 0 {
		said += "; in quarantine: " + counts(left)
	}
	if err := tx.Note(x.ID, "engine", "settled", said); err != nil {
		return err
	}
	if err := tx.Note(x.Origin, "engine", "replayed", x.ID+": "+said); err != nil {
		return err
	}
	if err := tx.RenewQuality(x.Origin); err != nil {
		return err
	}
	return tx.AddStep(x.ID, export.Release, "", tx.Now())
}

// settleFile books one file, and adds what is left of it to left.
func settleFile(tx *store.Tx, x *store.Export, origin, f store.File, left map[string]int64) error {
	var remaining map[string]int64
	if err := json.Unmarshal(f.Remaining, &remaining); err != nil {
		return fmt.Errorf("read what remains of %s: %w", f.Name, err)
	}
	total := int64(0)
	for reason, n := range remaining {
		left[reason] += n
		total += n
	}
	if total != origin.Quarantined-f.Delivered { // I4
		return fmt.Errorf("settle replay: file %s had %d lines in quarantine, %d passed, %d remain", f.Name, origin.Quarantined, f.Delivered, total)
	}
	text, err := amended(origin.Summary, map[string]any{
		"by_reason": remaining, "delivered": origin.Delivered + f.Delivered, "quarantined": total,
		"quarantine_key": nil, // the ledger says which replay keeps it
	})
	if err != nil {
		return fmt.Errorf("write the summary of %s: %w", f.Name, err)
	}
	err = tx.Settle(x, store.Settlement{File: origin, Passed: f.Delivered, Summary: text})
	if errors.Is(err, store.ErrFenced) {
		return fmt.Errorf("settle replay: the counts of %s have changed meanwhile", f.Name) // not the step's own fence
	}
	return err
}

// amended gives a JSON object with other members; nil takes one away.
func amended(object json.RawMessage, members map[string]any) (json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(object, &all); err != nil {
		return nil, err
	}
	for name, value := range members {
		if value == nil {
			delete(all, name)
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		all[name] = text
	}
	return json.Marshal(all)
}

func counts(of map[string]int64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, fmt.Sprintf("%s ×%d", name, of[name]))
	}
	return strings.Join(parts, ", ")
}
