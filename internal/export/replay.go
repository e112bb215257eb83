package export

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A replay takes the refused lines of an export again, after a rule, a view or
// an agreement has changed. It is an export of its own: its raw files are those
// lines, each on the line that it had, and from there on it goes every
// export's way. It asks no server, moves no watermark and removes nothing that
// is absent. What passes is of its origin's time: sinks leave alone what later
// exports have brought or deleted since, and what a later full export has
// asked for anew is not taken again at all.
//
// When every sink has what passed, one transaction books it: in the origin's
// file these lines go from quarantined to delivered, and what was refused again
// has its new reason. So lines = delivered + quarantined + blank holds on (I4).

// A Retake is the wish for a replay.
type Retake struct {
	Origin string // the export whose refused lines are meant
	Reason string // only lines refused for it, or for its family; empty: all
	By     string // who asks
}

// Replay plans the replay, as of the ledger: its intent and its files. Nothing
// that can be taken again is the problem Usage, which says why.
func (o Order) Replay(ctx context.Context, ledger *store.Scope, r Retake) (store.Intent, []store.File, error) {
	x, err := ledger.Export(ctx, r.Origin)
	if err != nil {
		return store.Intent{}, nil, err
	}
	if p := replayable(x); p != nil {
		return store.Intent{}, nil, p.For(o.Tenant.ID)
	}
	files, err := ledger.Files(ctx, x.ID)
	if err != nil {
		return store.Intent{}, nil, err
	}
	since, err := Superseded(ctx, ledger, x)
	if err != nil {
		return store.Intent{}, nil, err
	}
	chosen, why, err := o.retaken(files, since, r)
	if err != nil {
		return store.Intent{}, nil, err
	}
	if chosen, why, err = kept(ctx, ledger, x, chosen, why); err != nil {
		return store.Intent{}, nil, err
	}
	unknown, err := r.blind(ctx, ledger, files)
	if err != nil {
		return store.Intent{}, nil, err
	}
	if unknown != "" {
		chosen, why = nil, append(why, unknown)
	}
	if len(chosen) == 0 {
		return store.Intent{}, nil, nothingToReplay(x, why).For(o.Tenant.ID)
	}
	i := x.Intent
	i.Mode, i.Since, i.Purpose, i.Origin, i.RequestedBy = Incremental, "", store.Replay, x.ID, r.By
	i.Types = o.permittedTypes(append(Types(o.Tenant), x.Types...))
	i.Sinks = slices.DeleteFunc(slices.Clone(x.Sinks), func(s string) bool { return !slices.Contains(o.Tenant.Sinks, s) })
	i.Parameters.Reason = r.Reason
	if len(i.Sinks) == 0 {
		return i, nil, problem.New(problem.Usage, "none of the sinks that took export "+x.ID+" is the practice's any more",
			"Run a full export: it brings everything to the present sinks.").For(o.Tenant.ID)
	}
	return i, chosen, nil
}

// replayable says why an export has nothing to be taken again.
func replayable(x store.Export) *problem.Problem {
	if x.Purpose == store.Replay {
		return problem.New(problem.Usage, "export "+x.ID+" is a replay of export "+x.Origin+" itself",
			"Replay export "+x.Origin+": what is refused still is counted there.")
	}
	if s := x.State; s != "completed" {
		return problem.New(problem.Usage, fmt.Sprintf("export %s is %s; only the refused lines of exports that completed are taken again", x.ID, s),
			"Resume it with bulkhead export "+x.Tenant+" --resume: it then judges its lines by the present rules and views.")
	}
	return nil
}

func nothingToReplay(x store.Export, why []string) *problem.Problem {
	if len(why) == 0 {
		why = []string{"no line is refused, or none for that reason"}
	}
	return problem.New(problem.Usage, "export "+x.ID+" has nothing that can be taken again: "+strings.Join(why, "; "),
		"See what is refused, and why, with bulkhead quarantine list "+x.Tenant+".")
}

// retaken gives the files of a replay, and why others with refused lines are
// not among them.
func (o Order) retaken(files []store.File, since map[string]string, r Retake) (chosen []store.File, why []string, err error) {
	for _, f := range files {
		n, err := RefusedFor(f, r.Reason)
		if err != nil {
			return nil, nil, err
		}
		reason := ""
		switch {
		case n == 0:
			continue
		case f.Section == string(ingest.Errors):
			reason = "lines of error files bring nothing to tables"
		case since[f.ResourceType] != "":
			reason = "the full export " + since[f.ResourceType] + " has brought what the practice has since"
		case f.Section == string(ingest.Output) && f.ResourceType != organized && len(o.permittedTypes([]string{f.ResourceType})) == 0:
			reason = "the agreement does not permit " + f.ResourceType
		}
		if reason != "" {
			if !slices.Contains(why, reason) {
				why = append(why, reason)
			}
			continue
		}
		chosen = append(chosen, store.File{Name: f.Name, Position: f.Position, Section: f.Section, ResourceType: f.ResourceType, Expected: -1})
	}
	return chosen, why, nil
}

// permittedTypes gives those of the types that the agreement permits, sorted.
func (o Order) permittedTypes(types []string) []string {
	not := agreement.NotPermitted(o.Tenant.Agreement, types)
	return slices.DeleteFunc(fhir.TypeSet(types), func(t string) bool { return slices.Contains(not, t) })
}

// RefusedFor counts the lines of a file that are in quarantine for a reason or
// its family; the empty reason means all.
func RefusedFor(f store.File, reason string) (n int64, err error) {
	all, err := refusals(f)
	for of, count := range all {
		if quarantine.Holds(of, reason) {
			n += count
		}
	}
	return n, err
}

// refusals counts the lines of a file that are in quarantine by their reason.
func refusals(f store.File) (map[string]int64, error) {
	if f.Quarantined == 0 || len(f.Summary) == 0 {
		return nil, nil
	}
	var s struct {
		ByReason map[string]int64 `json:"by_reason"`
	}
	if err := json.Unmarshal(f.Summary, &s); err != nil {
		return nil, fmt.Errorf("read the summary of %s: %w", f.Name, err)
	}
	return s.ByReason, nil
}

// Superseded gives the types of which a later full export of the same patients
// has brought everything that the practice had then, by that export's id: what
// was refused of them before is either here by now, refused again there, or gone.
func Superseded(ctx context.Context, ledger *store.Scope, x store.Export) (map[string]string, error) {
	later, err := ledger.Later(ctx, x)
	if err != nil {
		return nil, err
	}
	types := map[string]string{}
	for _, l := range later {
		whole := l.State == "completed" && l.Purpose == store.Delivery && l.Mode == Full && l.Since == "" && l.ServerErrors == 0 && l.Plain()
		if !whole || l.Endpoint != x.Endpoint || l.Level != x.Level || l.Group != x.Group {
			continue
		}
		files, err := ledger.Files(ctx, l.ID)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if f.Section == string(ingest.Output) && f.Lines > f.Blank {
				types[f.ResourceType] = l.ID
			}
		}
	}
	return types, nil
}

// Keeper gives the export that keeps the quarantine of a file of export x.
func Keeper(x string, f store.File) string { return cmp.Or(f.QuarantineOf, x) }
