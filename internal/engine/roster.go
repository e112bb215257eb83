package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Exports of groups show who is in them: that is recorded, in numbers of each
// export, so that a list which nobody makes anew is found out.
//
// A server may leave out the older data of patients who joined a group after
// the last export. The procedure for such a server is a chain of exports: who
// is in the group, everything of those who are new, and then what has changed.
// Each link is requested in the transaction that completes the one before, so
// the chain has no gap; a link that fails ends it, and the next request begins
// it anew, because the watermark has not moved and nobody was made a member.
// https://hl7.org/fhir/uv/bulkdata/export.html#group-export

// afterIngest goes on when every file is staged.
func (e *Engine) afterIngest(tx *store.Tx, x *store.Export) error {
	if x.Purpose == store.Roster {
		return tx.AddStep(x.ID, export.ReadMembers, "", tx.Now())
	}
	return e.feedSinks(tx, x)
}

// afterSinks goes on when every sink has the export. Only then are those whose
// data it brought members of the group.
func (e *Engine) afterSinks(tx *store.Tx, x *store.Export) error {
	if !export.ShowsGroup(*x) {
		return e.complete(tx, x)
	}
	whole, _, err := moves(tx, x)
	if err != nil {
		return err
	}
	cfg := e.config()
	t, err := cfg.Tenant(x.Tenant)
	if err != nil {
		return e.complete(tx, x) // it is no longer configured: nobody watches its group
	}
	shows := whole && export.ShowsAll(*x)
	if x.Mode == export.Incremental && !export.Watched(cfg, t, x.Intent) {
		if shows, err = tx.KnowsGroup(x.Stream); err != nil {
			return err
		}
	}
	if shows {
		return tx.AddStep(x.ID, export.ReadMembers, "", tx.Now())
	}
	return e.complete(tx, x)
}

// recordMembers notes who is in the group. A patient whose data is still to
// come is no member yet.
func (e *Engine) recordMembers(tx *store.Tx, x *store.Export, m export.Members) error {
	shown := store.Shown{Patients: m.Patients, Whole: export.ShowsAll(*x), Held: x.Mode == export.Full}
	if x.Purpose == store.Roster {
		shown.Patients = without(m.Patients, m.Strangers)
	}
	list, err := tx.Members(x.Stream, shown)
	if err != nil {
		return err
	}
	if x.Purpose == store.Roster {
		list.Joined, list.Members = int64(len(m.Strangers)), int64(len(m.Patients))
	}
	if err := tx.PutGroupList(x, list); err != nil {
		return err
	}
	if list.Whole || list.Joined > 0 {
		detail := fmt.Sprintf("%d in the group, %d joined, %d left", list.Members, list.Joined, list.Left)
		if err := tx.Note(x.ID, "engine", "roster", detail); err != nil {
			return err
		}
	}
	if err := e.complete(tx, x); err != nil || x.Purpose != store.Roster {
		return err
	}
	return e.follow(tx, x, m.Strangers)
}

func without(all, some []string) []string {
	drop := make(map[string]bool, len(some))
	for _, id := range some {
		drop[id] = true
	}
	var rest []string
	for _, id := range all {
		if !drop[id] {
			rest = append(rest, id)
		}
	}
	return rest
}

// recordNewcomers makes the patients whose data has come members of the group,
// and goes on to what has changed.
func (e *Engine) recordNewcomers(tx *store.Tx, x *store.Export) error {
	if x.ServerErrors == 0 { // or else the next chain asks for them again
		if _, err := tx.Members(x.Stream, store.Shown{Patients: x.Parameters.Patients, Held: true}); err != nil {
			return err
		}
	}
	return e.follow(tx, x, nil)
}

// follow requests the next link of the chain: the newcomers, all of the group
// when they are too many, or what has changed. A chain that the configuration
// or the agreement no longer has ends here.
func (e *Engine) follow(tx *store.Tx, x *store.Export, newcomers []string) error {
	mark, ok, err := tx.Watermark(x.Stream)
	if err != nil {
		return err
	}
	i, err := e.nextLink(x, mark, ok, newcomers)
	if p, refused := errors.AsType[*problem.Problem](err); refused {
		return tx.Note(x.ID, "engine", "not_followed", string(p.Code))
	}
	if err != nil {
		return err
	}
	id, err := tx.Request(i)
	if err != nil {
		return err
	}
	if err := tx.GoOnAs(x.ID, id); err != nil {
		return err
	}
	return auditRequest(tx, id, i, agreement.Verdict{Permit: true, Rule: agreement.Permitted}) // nextLink has asked
}

func (e *Engine) nextLink(x *store.Export, mark store.Watermark, ok bool, newcomers []string) (store.Intent, error) {
	cfg := e.config()
	t, err := cfg.Tenant(x.Tenant)
	if err != nil {
		return store.Intent{}, err
	}
	order := export.Order{Config: cfg, Tenant: t, Wish: export.WishOf(*x)}
	if order.Stream() != x.Stream {
		return store.Intent{}, problem.New(problem.ConfigInvalid, "the configuration no longer has exports such as this one", "Start a new export.")
	}
	i, err := order.Plan(mark, ok)
	if err != nil {
		return i, err
	}
	if len(newcomers) > 0 {
		some, few := export.NewcomersOf(i, newcomers)
		if order.Wish.Full = !few; few {
			i = some
		} else if i, err = order.Plan(mark, ok); err != nil {
			return i, err
		}
	}
	if p := export.Permit(cfg, t, i, time.Now()); p != nil { // I1
		return i, p
	}
	return i, nil
}
