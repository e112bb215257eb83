package look

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A RefusedLine is a refused line without what it says.
type RefusedLine struct {
	File      string             `json:"file"`
	Line      int64              `json:"line"`
	Offset    int64              `json:"offset" doc:"Of the line's first byte in the file."`
	Bytes     int64              `json:"bytes"`
	Reason    string             `json:"reason"`
	Structure string             `json:"structure" doc:"Names of members that FHIR has given them; other names, and values, as their kind and length."`
	More      bool               `json:"more,omitempty"`
	StopsAt   *int64             `json:"stops_at,omitempty" doc:"Byte of the line at which reading it as JSON stops."`
	Met       string             `json:"met,omitempty" doc:"What kind of byte stands there."`
	Meaning   quarantine.Meaning `json:"-"`
}

// linesShown is how many refused lines one look shows.
const linesShown = 20

// RefusedLines gives refused lines of an export without what they say: of one
// file, or of the one with the most; and whether there are more. The agreement
// must permit a look (I1), and who looked is on record before anything is read.
func (rd *Reader) RefusedLines(ctx context.Context, x store.Export, file, reason string, from int) (list []RefusedLine, more bool, err error) {
	f, ok, err := rd.RefusedFile(ctx, x, file)
	if err != nil || !ok || rd.Files == nil {
		return nil, false, err
	}
	if err := rd.maySee(ctx, x, f.Name); err != nil {
		return nil, false, err
	}
	scope, err := rd.Files.Tenant(x.Tenant)
	if err != nil {
		return nil, false, err
	}
	passed := 0
	for e, err := range quarantine.Entries(ctx, scope, export.Keeper(x.ID, f), f.Name) {
		switch {
		case err != nil:
			return nil, false, err
		case !quarantine.Holds(e.Reason, reason):
			continue
		case passed < from:
			passed++
			continue
		case len(list) == linesShown:
			return list, true, nil
		}
		shown, err := redacted(e)
		if err != nil {
			return nil, false, err
		}
		list = append(list, shown)
	}
	return list, false, nil
}

func redacted(e *quarantine.Entry) (RefusedLine, error) {
	shown := RefusedLine{File: e.File, Line: e.Line, Offset: e.Offset, Reason: e.Reason, Meaning: quarantine.Explain(e.Reason)}
	r, err := quarantine.Redact(e)
	shown.Structure, shown.Bytes, shown.More, shown.Met = r.Structure, r.Bytes, r.More, r.Met
	if r.Offset >= 0 {
		shown.StopsAt = &r.Offset
	}
	return shown, err
}

// RefusedFile gives a file of an export that has refused lines; without a name
// the one with the most.
func (rd *Reader) RefusedFile(ctx context.Context, x store.Export, name string) (f store.File, ok bool, err error) {
	in := rd.Store.In(x.Tenant)
	if name != "" {
		f, err = in.File(ctx, x.ID, name)
		if errors.Is(err, sql.ErrNoRows) {
			err = access.ErrNotFound
		}
		return f, f.Quarantined > 0, err
	}
	files, err := in.RefusedFiles(ctx, x.ID, 1)
	if err != nil || len(files) == 0 {
		return f, false, err
	}
	return files[0], true, nil
}

// maySee puts on record that somebody looks at refused lines, or that the
// agreement does not permit it, which is its problem then.
func (rd *Reader) maySee(ctx context.Context, x store.Export, file string) error {
	t, err := rd.Config().Tenant(x.Tenant)
	if err != nil {
		return err
	}
	v := agreement.Decide(t.Agreement, agreement.Ask{Stage: agreement.AtRead, Tenant: t.ID, At: time.Now()}) // I1
	ev := audit.Event{Action: audit.LinesViewed, Export: x.ID, Object: file, Rule: string(v.Rule), Facts: map[string]any{"at_most": linesShown}}
	if !v.Permit {
		ev = audit.Event{Action: audit.Policy, Object: string(agreement.AtRead), Outcome: audit.Refused, Reason: string(v.Problem.Code), Rule: string(v.Rule)}
	}
	if err := rd.Store.Record(ctx, ev, x.Tenant); err != nil {
		return err
	}
	if v.Problem != nil {
		return v.Problem
	}
	return nil
}
