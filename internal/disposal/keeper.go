package disposal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A Shredder destroys a practice's data key, so that nobody can read what is
// encrypted with it any more, wherever a copy is. Doing it again changes nothing.
type Shredder interface {
	Shred(ctx context.Context, tenant string) error
}

// A Keeper disposes of what may no longer be kept. Its fields must not change
// once it is used; its methods may be called concurrently, also by several
// processes: what one has done the others find done.
type Keeper struct {
	Store  *store.Store
	Files  *blob.Store
	Sinks  func() map[string]sink.Sink // those of the configuration in force, by name
	Shred  Shredder                    // nil when nothing is encrypted
	Folder string                      // the state folder: certificates are kept in it

	// Point, for tests, is called at the named moments between steps; its error
	// takes the place of what would have come next. Nil in production.
	Point func(name string) error
}

// A Wish says how a practice is dealt with.
type Wish struct {
	Until  time.Time // no new step begins after it; zero: everything that is due
	AtOnce bool      // without the pause after the end of the agreement
}

// A Result says what was done for a practice.
type Result struct {
	Gone        []Verdict     // areas that were destroyed to their end
	Ending      *store.Ending // of the agreement, when it is over, or of which the certificate was written; nil otherwise
	More        bool          // something is due still
	Waits       string        // why the end of the agreement cannot go on now; empty when it can
	Certificate string        // where the certificate was written, when it was
}

// Facts gathers what is known of a practice.
func (k *Keeper) Facts(ctx context.Context, t *config.Tenant, at time.Time) (f Facts, open *store.Ending, err error) {
	in := k.Store.In(t.ID)
	f = Facts{Agreement: t.Agreement, Now: at}
	if f.Exports, err = in.Left(ctx, concerned(t.Agreement, at)); err != nil {
		return f, nil, err
	}
	if f.Marks, err = in.Marks(ctx); err != nil {
		return f, nil, err
	}
	endings, err := in.Endings(ctx)
	if err != nil {
		return f, nil, err
	}
	if last, ok := latest(endings); ok {
		f.OverAt, f.Returned, open = last.OverAt, !last.ReturnedAt.IsZero(), &last
	} else if rule, over := agreement.Over(t.Agreement, at); over {
		since, left, err := k.unseen(ctx, t, rule, last)
		switch {
		case err != nil:
			return f, nil, err
		case !left:
			f.Destroyed = last.EndedAt
		case since.Before(at): // one that is not in force yet may be thought better of
			f.OverAt = since
		}
	}
	return f, open, nil
}

// concerned gives the areas that may have to go: those with a clock, and after
// the end of the agreement all.
func concerned(a *config.Agreement, at time.Time) (names []string) {
	_, over := agreement.Over(a, at)
	for _, area := range Areas {
		if over || agreement.Clocked(a, area.Kind) {
			names = append(names, string(area.Kind))
		}
	}
	return names
}

// Practice takes away what is due of one practice.
func (k *Keeper) Practice(ctx context.Context, t *config.Tenant, w Wish) (r Result, err error) {
	if err := k.seeEnd(ctx, t); err != nil {
		return r, err
	}
	f, open, err := k.Facts(ctx, t, time.Now())
	if err != nil {
		return r, err
	}
	f.AtOnce, r.Ending = w.AtOnce, open
	if _, over := agreement.Over(t.Agreement, f.Now); over && open != nil {
		err := k.end(ctx, t, f, w, &r)
		return r, err
	}
	if _, over := agreement.Over(t.Agreement, f.Now); over {
		if err := k.keepLast(ctx, t, &r); err != nil {
			return r, err
		}
	}
	scope, err := k.Files.Tenant(t.ID)
	if err != nil {
		return r, err
	}
	for _, v := range Look(f) {
		if !v.Due {
			continue
		}
		if err := k.area(ctx, place{scope, k.Store.In(t.ID), v, 0}, w, &r); err != nil || r.More {
			return r, err
		}
	}
	return r, k.departed(ctx, t, f.Now)
}

// keepLast writes the practice's latest certificate, of an agreement that is over,
// where its files are not there: whoever recorded it may have died before it was
// written.
func (k *Keeper) keepLast(ctx context.Context, t *config.Tenant, r *Result) error {
	endings, err := k.Store.In(t.ID).Endings(ctx)
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(endings) {
		if e.EndedAt.IsZero() {
			continue
		}
		if _, err := os.Stat(base(k.Folder, t.ID, e) + ".html"); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		r.Ending = &e
		r.Certificate, err = k.Keep(t.ID, e)
		return err
	}
	return nil
}

// departed forgets the patients who left a group so long ago that the history of
// the export which showed it is gone too.
func (k *Keeper) departed(ctx context.Context, t *config.Tenant, now time.Time) error {
	_, over := agreement.Over(t.Agreement, now)
	if over || !agreement.Clocked(t.Agreement, agreement.KindHistory) || t.Agreement.LegalHold.Holds() {
		return nil
	}
	return k.Store.In(t.ID).Do(ctx, func(tx *store.Tx) error {
		_, err := tx.DropDeparted(now.Add(-t.Agreement.Retention.History.Std()), string(agreement.RetentionOver))
		return err
	})
}

// spent reports whether no new step may begin.
func (w Wish) spent() bool { return !w.Until.IsZero() && !time.Now().Before(w.Until) }

func (k *Keeper) at(name string) error {
	if k.Point == nil {
		return nil
	}
	return k.Point("disposal: " + name)
}

// seeEnd records that the practice's agreement is over, or that it stands again
// before anything was destroyed.
func (k *Keeper) seeEnd(ctx context.Context, t *config.Tenant) error {
	in, now := k.Store.In(t.ID), time.Now()
	endings, err := in.Endings(ctx)
	if err != nil || t.Agreement == nil {
		return err
	}
	rule, over := agreement.Over(t.Agreement, now)
	last, open := latest(endings)
	switch {
	case over && !open:
		return k.see(ctx, t, rule, last)
	case !over && open && last.BegunAt.IsZero():
		return in.Do(ctx, func(tx *store.Tx) error {
			if err := tx.CallOff(last); err != nil {
				return err
			}
			return tx.Audit(audit.Event{Action: audit.Policy, Object: stage, Outcome: audit.Refused, Rule: string(agreement.Standing)})
		})
	}
	return nil
}

// stage is the object of decisions on record that are about disposal.
const stage = "disposal"

// latest gives the last ending, and whether it is on its way.
func latest(endings []store.Ending) (last store.Ending, open bool) {
	if len(endings) == 0 {
		return last, false
	}
	last = endings[len(endings)-1]
	return last, last.EndedAt.IsZero() && last.CalledOffAt.IsZero()
}

// see records the end of an agreement, where an export was begun since the one
// before.
func (k *Keeper) see(ctx context.Context, t *config.Tenant, rule agreement.Rule, before store.Ending) error {
	at, ok, err := k.unseen(ctx, t, rule, before)
	if err != nil || !ok {
		return err
	}
	return k.Store.In(t.ID).Do(ctx, func(tx *store.Tx) error {
		_, err := tx.SeeEnding(store.Ending{Reference: t.Agreement.Reference, Document: t.Agreement.Document.SHA256, Rule: string(rule), OverAt: at})
		if err != nil {
			return err
		}
		return tx.Audit(audit.Event{Action: audit.Policy, Object: stage, Outcome: audit.Refused, Rule: string(agreement.Frozen), Reason: string(rule)})
	})
}

// unseen gives since when an agreement is over whose end is not recorded; ok is
// false where no export was begun since the end before.
func (k *Keeper) unseen(ctx context.Context, t *config.Tenant, rule agreement.Rule, before store.Ending) (at time.Time, ok bool, err error) {
	in := k.Store.In(t.ID)
	asked, err := in.LatestAsked(ctx)
	if err != nil || asked.IsZero() || !before.EndedAt.IsZero() && !asked.After(before.BegunAt) {
		return at, false, err
	}
	if at = t.Agreement.ExpiresAt.Time; rule == agreement.Terminated {
		at, err = terminatedAt(ctx, in, time.Now())
	}
	return at, err == nil, err
}

// terminatedAt gives since when the configuration in force says that the
// agreement is terminated; now when that is not recorded.
func terminatedAt(ctx context.Context, in *store.Scope, now time.Time) (time.Time, error) {
	revisions, err := in.Revisions(ctx, 100)
	if err != nil {
		return now, fmt.Errorf("find when the agreement was terminated: %w", err)
	}
	at := now
	for _, r := range revisions { // the newest first
		if !strings.Contains("\n"+r.Text, "\nagreement.status: \""+config.AgreementTerminated+"\"\n") {
			break
		}
		at = r.AppliedAt
	}
	return at, nil
}
