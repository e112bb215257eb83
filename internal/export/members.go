package export

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

// newcomersAtMost is how many patients who joined a group are exported by
// name. More of them cost less as a full export.
const newcomersAtMost = 1000

// Watched reports whether the tenant's server leaves the older data of
// patients who join a group to us, so that we must know who is in it.
func Watched(c *config.Config, t *config.Tenant, i store.Intent) bool {
	return i.Level == config.LevelGroup && c.NewMembers(t) == config.MembersExport
}

// ShowsGroup reports whether a delivery shows who is in its group: a full one
// shows everybody, one of changes only the patients of whom something changed.
func ShowsGroup(x store.Export) bool {
	return x.Level == config.LevelGroup && x.Purpose == store.Delivery && x.Plain() && slices.Contains(x.Types, "Patient")
}

// ShowsAll reports whether what came of an export shows everybody who is in its
// group: nothing was left out by _since, and the server reported no errors.
func ShowsAll(x store.Export) bool {
	return x.Mode == Full && x.Since == "" && x.ServerErrors == 0 && x.ProblemCode == ""
}

// RosterOf gives the export that tells who is in the group of i now: the first
// step of the procedure for new members.
// https://hl7.org/fhir/uv/bulkdata/export.html#group-export
func RosterOf(i store.Intent) store.Intent {
	i.Purpose, i.Mode, i.Since, i.Sinks = store.Roster, Full, "", nil
	i.Parameters = store.Parameters{Elements: []string{"id"}, Following: i.Types}
	i.Types = []string{"Patient"}
	return i
}

// WishOf gives what was asked for when the chain began that x is a link of.
func WishOf(x store.Export) Wish {
	w := Wish{By: x.RequestedBy, Group: x.Group, Types: x.Types}
	if x.Purpose == store.Roster {
		w.Types = x.Parameters.Following
	}
	return w
}

// NewcomersOf gives the export of everything about the patients who joined the
// group of i; ok is false when they are so many that a full export costs less.
func NewcomersOf(i store.Intent, patients []string) (_ store.Intent, ok bool) {
	i.Purpose, i.Mode, i.Since = store.Newcomers, Incremental, ""
	i.Parameters.Patients = patients
	return i, len(patients) <= newcomersAtMost
}

// members reads who is in the group from the export's patients.
func (s *Steps) members(ctx context.Context, t *config.Tenant, w Work) (Outcome, error) {
	files, err := s.Store.In(t.ID).Files(ctx, w.Export.ID)
	if err != nil {
		return nil, err
	}
	scope, err := s.Files.Tenant(t.ID)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, f := range files {
		if f.Section != "output" || f.ResourceType != "Patient" && f.ResourceType != organized {
			continue
		}
		raw, err := s.openRaw(ctx, scope, w, f.Name)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(patientsIn(raw, seen), raw.Close()); err != nil {
			return nil, err
		}
	}
	m := Members{}
	for id := range seen {
		m.Patients = append(m.Patients, id)
	}
	if m.Patients, err = scope.Veil(ctx, m.Patients); err != nil {
		return nil, err
	}
	if err := renameMembers(ctx, s.Store, scope, w.Export.Stream); err != nil {
		return nil, err
	}
	m.Strangers, err = s.Store.In(t.ID).Strangers(ctx, w.Export.Stream, m.Patients)
	return m, err
}

// renameMembers has the ledger name the known members as those of today are:
// where encryption is on, veiled by the practice's newest key. Those that
// another form or key names still are renamed; those whose key is destroyed
// nobody knows any more, and they are forgotten.
func renameMembers(ctx context.Context, ledger *store.Store, scope *blob.Scope, stream string) error {
	head, err := scope.VeilHead(ctx)
	if err != nil || head == "" {
		return err
	}
	old, err := ledger.In(scope.Tenant()).MembersUnlike(ctx, stream, head)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, was := range old {
		now, err := renewed(ctx, scope, []string{was})
		if err != nil {
			return err
		}
		names[was] = strings.Join(now, "")
	}
	if len(names) == 0 {
		return nil
	}
	err = ledger.In(scope.Tenant()).Do(ctx, func(tx *store.Tx) error { return tx.RenameMembers(stream, names) })
	if err != nil {
		return err
	}
	return ledger.Truncate(ctx)
}

// renewed veils names by the practice's newest key, in whatever form they are;
// there are none when their key is destroyed.
func renewed(ctx context.Context, scope *blob.Scope, names []string) ([]string, error) {
	plain, err := scope.Unveil(ctx, names)
	if p, told := errors.AsType[*problem.Problem](err); told && (p.Code == problem.PracticeKeyMissing || p.Code == problem.StorageDamaged) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return scope.Veil(ctx, plain)
}

// VeilLedger has the ledger name a practice's patients by its newest key, in
// all groups and in all requests that name patients. Nobody else may work on the
// practice meanwhile.
func VeilLedger(ctx context.Context, ledger *store.Store, scope *blob.Scope) error {
	in := ledger.In(scope.Tenant())
	streams, err := in.Streams(ctx)
	if err != nil {
		return err
	}
	for _, stream := range streams {
		if err := renameMembers(ctx, ledger, scope, stream); err != nil {
			return err
		}
	}
	exports, err := in.AllExports(ctx)
	if err != nil {
		return err
	}
	for _, x := range exports {
		if len(x.Parameters.Patients) == 0 {
			continue
		}
		veiled, err := renewed(ctx, scope, x.Parameters.Patients)
		if err != nil {
			return err
		}
		if len(veiled) == 0 {
			continue
		}
		if err := in.Do(ctx, func(tx *store.Tx) error { return tx.RenamePatients(x.ID, veiled) }); err != nil {
			return err
		}
	}
	return ledger.Truncate(ctx)
}

// patientsIn adds the ids of the patients in a file. Lines that are no
// resource are quarantine's business.
func patientsIn(r io.Reader, seen map[string]bool) error {
	lines := ndjson.NewReader(r, ndjson.Options{OverLong: func(ndjson.LongLine) error { return nil }})
	shape, line := tape.NewShape(), tape.Tape{}
	shape.Root().Member("resourceType")
	shape.Root().Member("id")
	kind, id := shape.Key("resourceType"), shape.Key("id")
	text := func(key int32) string {
		n := line.Member(0, key)
		if n < 0 || line.Node(n).Kind != tape.String {
			return ""
		}
		return string(line.Text(n))
	}
	for {
		block, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for l := range block.Lines() {
			if line.Parse(l.Bytes, shape) != nil || text(kind) != "Patient" {
				continue
			}
			if patient := text(id); patient != "" && !strings.ContainsAny(patient, "/ ~") {
				seen[patient] = true
			}
		}
		block.Release()
	}
}
