package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// auditStep puts on record what a step did, in the transaction that is about
// to record its outcome: one row for each outcome, none for one that only
// waits. How an export ends is put on record where it does.
func auditStep(tx *store.Tx, x *store.Export, l store.Lease, r result) error {
	if r.err != nil {
		return nil
	}
	for _, ev := range stepEvents(x, l, r.outcome) {
		ev.Actor, ev.Export = audit.Service, x.ID
		if err := tx.Audit(ev); err != nil {
			return err
		}
	}
	return nil
}

func stepEvents(x *store.Export, l store.Lease, outcome export.Outcome) []audit.Event {
	permitted := string(agreement.Permitted)
	switch o := outcome.(type) {
	case export.Accepted:
		return []audit.Event{
			{Action: audit.Policy, Object: string(agreement.AtKickoff), Outcome: audit.Allowed, Rule: permitted},
			{Action: audit.ExportKickedOff, Object: audit.URL(o.StatusURL), Rule: permitted},
		}
	case export.Busy:
		return []audit.Event{{Action: audit.ExportPutOff, Reason: o.Reason, Facts: map[string]any{"until": audit.Instant(o.Until)}}}
	case export.Lost:
		return []audit.Event{{Action: audit.ExportUnknown, Outcome: audit.Failed, Reason: string(o.Problem.Code), Facts: statusFact(o.Problem)}}
	case export.Vanished:
		return []audit.Event{{Action: audit.ExportGone, Outcome: audit.Failed, Reason: string(o.Problem.Code), Facts: statusFact(o.Problem)}}
	case export.Listed:
		return listedEvents(o)
	case export.Staged:
		return stagedEvents(o)
	case export.Attached:
		return attachedEvents(l.Subject, o)
	case export.Published:
		return []audit.Event{{Action: audit.Delivered, Object: l.Subject, Rule: permitted, Facts: receiptFacts(o.Receipt)}}
	case export.Released:
		if x.ReleasedAt.IsZero() && x.StatusURL != "" {
			return []audit.Event{{Action: audit.ExportReleased, Object: audit.URL(x.StatusURL)}}
		}
	}
	return nil
}

// attachedEvents is one row for the documents of the files of a step.
func attachedEvents(subject string, o export.Attached) []audit.Event {
	var found, kept, bytes int64
	for _, f := range o.Files {
		found, kept, bytes = found+f.Found, kept+f.Kept, bytes+f.Bytes
	}
	facts := map[string]any{"found": found, "kept": kept, "bytes": bytes}
	if n := len(o.Files); n > 1 {
		facts["files"], facts["to"] = n, o.Files[n-1].File
	}
	return []audit.Event{{Action: audit.Attached, Object: subject, Rule: string(agreement.Permitted), Facts: facts}}
}

// stagedEvents is one row for the files of a unit; the counts of each stand in
// it where they are several.
func stagedEvents(o export.Staged) []audit.Event {
	var sum ingest.Summary
	reasons, each := map[string]int64{}, make([]string, len(o.Files))
	for i, f := range o.Files {
		s := f.Summary
		sum.Lines, sum.Blank, sum.Delivered, sum.Quarantined = sum.Lines+s.Lines, sum.Blank+s.Blank, sum.Delivered+s.Delivered, sum.Quarantined+s.Quarantined
		for reason, n := range s.ByReason {
			reasons[reason] += n
		}
		each[i] = fmt.Sprintf("%s %d %d %d %d", s.File, s.Lines, s.Delivered, s.Quarantined, s.Blank)
	}
	facts := map[string]any{"lines": sum.Lines, "blank": sum.Blank, "delivered": sum.Delivered, "quarantined": sum.Quarantined}
	if len(reasons) > 0 {
		facts["by_reason"] = reasons
	}
	if len(o.Files) > 1 {
		facts["files"], facts["file_lines_delivered_quarantined_blank"] = len(o.Files), each
	}
	return []audit.Event{{Action: audit.FileStaged, Object: o.Files[0].Summary.File, Rule: string(agreement.Permitted), Facts: facts}}
}

// auditStored puts on record that the files of a unit are in raw, in one row;
// the bytes and the SHA-256 of each stand in it.
func auditStored(tx *store.Tx, x *store.Export, files []store.File) error {
	if len(files) == 0 {
		return nil
	}
	facts := map[string]any{"bytes": files[0].Bytes, "wire_bytes": files[0].WireBytes, "sha256": files[0].SHA256}
	if len(files) > 1 {
		bytes, each := int64(0), make([]string, len(files))
		for i, f := range files {
			bytes += f.Bytes
			each[i] = fmt.Sprintf("%s %d %s", f.Name, f.Bytes, f.SHA256)
		}
		facts = map[string]any{"files": len(files), "bytes": bytes, "file_bytes_sha256": each}
	}
	return tx.Audit(audit.Event{
		Action: audit.FileStored, Export: x.ID, Object: files[0].Name, Rule: string(agreement.Permitted), Actor: audit.Service, Facts: facts,
	})
}

// auditFileFailed puts on record that a file could not be had.
func auditFileFailed(tx *store.Tx, x *store.Export, file string, p *problem.Problem) error {
	return tx.Audit(audit.Event{
		Action: audit.FileFailed, Export: x.ID, Object: file, Outcome: audit.Failed, Reason: string(p.Code), Actor: audit.Service, Facts: statusFact(p),
	})
}

func listedEvents(o export.Listed) []audit.Event {
	events := []audit.Event{{Action: audit.ExportListed, Rule: string(agreement.Permitted), Facts: map[string]any{
		"page": o.Page, "files": len(o.Files), "transaction_time": audit.Line(o.TransactionTime),
	}}}
	if len(o.NotPermitted) > 0 {
		events = append(events, audit.Event{
			Action: audit.TypesLeft, Outcome: audit.Refused, Rule: string(agreement.TypeNotNamed), Facts: map[string]any{"types": o.NotPermitted},
		})
	}
	return events
}

// statusFact is the HTTP status of the answer that was the cause, if any.
func statusFact(err error) map[string]any {
	if status, _ := blame(err); status != nil {
		return map[string]any{"status": *status}
	}
	return nil
}

// receiptFacts adds up what a sink says of a delivery.
func receiptFacts(text json.RawMessage) map[string]any {
	var r sink.Receipt
	if json.Unmarshal(text, &r) != nil {
		return nil // a sink of a test
	}
	facts := map[string]any{}
	sum := func(name string, n int64) {
		if before, _ := facts[name].(int64); n > 0 {
			facts[name] = before + n
		}
	}
	for _, t := range r.Types {
		sum("new", t.New)
		sum("changed", t.Changed)
		sum("unchanged", t.Unchanged)
		sum("deleted", t.Deleted)
		sum("withheld", t.Withheld)
	}
	return facts
}

// auditRequest puts on record that somebody asked for an export.
func auditRequest(tx *store.Tx, id string, i store.Intent, verdict agreement.Verdict) error {
	outcome := audit.Allowed
	if !verdict.Permit {
		outcome = audit.Refused
	}
	facts := map[string]any{"mode": i.Mode, "level": i.Level, "types": i.Types, "sinks": i.Sinks, "purpose": string(i.Purpose), "by": i.RequestedBy}
	if i.Group != "" {
		facts["group"] = i.Group
	}
	return tx.Audit(audit.Event{Action: audit.ExportRequested, Export: id, Outcome: outcome, Rule: string(verdict.Rule), Facts: facts})
}

// auditEnd puts on record that an export ended with a problem in a state, and
// first the decision where it was the agreement's.
func auditEnd(tx *store.Tx, x *store.Export, from life.State, p *problem.Problem) error {
	rule := agreement.Of(p)
	if refusal, ok := errors.AsType[*agreement.Refusal](p); ok {
		err := tx.Audit(audit.Event{
			Action: audit.Policy, Export: x.ID, Object: string(refusal.Stage), Outcome: audit.Refused, Reason: string(p.Code), Rule: string(rule), Actor: audit.Service,
		})
		if err != nil {
			return err
		}
	}
	action, outcome := audit.ExportFailed, audit.Failed
	if x.State == life.Denied {
		action, outcome = audit.ExportDenied, audit.Refused
	}
	if x.State == life.Cancelled {
		action, outcome = audit.ExportCancelled, audit.Done
	}
	facts := map[string]any{"in": string(from)}
	maps.Copy(facts, statusFact(p))
	return tx.Audit(audit.Event{
		Action: action, Export: x.ID, Outcome: outcome, Reason: string(p.Code), Rule: string(rule), Facts: facts, Actor: audit.Service,
	})
}

// auditCompleted puts on record that every sink has an export.
func auditCompleted(tx *store.Tx, x *store.Export) error {
	sum, err := tx.ManifestTotals(x.ID)
	if err != nil {
		return err
	}
	return tx.Audit(audit.Event{Action: audit.ExportCompleted, Export: x.ID, Actor: audit.Service, Facts: map[string]any{
		"files": sum.Output + sum.Deleted + sum.Error, "resources": sum.Resources, "bytes": sum.Bytes,
		"seconds": int64(tx.Now().Sub(x.RequestedAt) / time.Second),
	}})
}

// auditStart puts on record that output files are asked for: one row for all
// that are begun at once.
func auditStart(tx *store.Tx, x *store.Export, files []string) error {
	if len(files) == 0 || x.Purpose == store.Replay {
		return nil
	}
	ev := audit.Event{Action: audit.FileStarted, Export: x.ID, Object: files[0], Actor: audit.Service}
	if n := len(files); n > 1 {
		ev.Facts = map[string]any{"files": n, "to": files[n-1]}
	}
	return tx.Audit(ev)
}
