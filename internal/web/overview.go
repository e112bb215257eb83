package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A mark is how a practice stands, in one word, the worst first.
type mark string

const (
	trouble mark = "needs somebody" // it does not go on by itself
	late    mark = "late"           // its schedule has passed and nothing has begun
	waiting mark = "waits"          // the server asked to come later
	running mark = "runs"
	paused  mark = "paused" // a person holds it back
	never   mark = "never exported"
	fresh   mark = "fresh"
	stopped mark = "stopped" // a person cancelled its latest export
	frozen  mark = "frozen"  // no longer configured
)

var marks = []mark{trouble, late, waiting, running, paused, never, stopped, fresh, frozen}

// lateAfter is how long after its time a schedule may begin.
const lateAfter = 15 * time.Minute

// markOf says how a practice stands.
func markOf(s store.Standing, now time.Time) mark {
	switch {
	case s.Frozen:
		return frozen
	case s.State == life.Failed, s.State == life.Unknown, s.State == life.Gone, s.State == life.Denied:
		return trouble
	case s.State == life.Waiting:
		return waiting
	case s.Export != "" && !s.State.Settled():
		return running
	case !s.NextAt.IsZero() && now.Sub(s.NextAt) > lateAfter:
		return late
	case s.State == life.Cancelled:
		return stopped
	case s.Completed == "":
		return never
	}
	return fresh
}

// A row is one practice on the overview.
type row struct {
	store.Standing
	Mark  mark
	AsOf  time.Time    // what is here is as of then; zero when nothing is, or the server gave no time
	Alert *store.Alert // the worst that is open and that nobody has taken on; nil: there is none
	Held  string       // who paused it, and why; empty when nobody has
}

func rowOf(s store.Standing, now time.Time) row {
	r := row{Standing: s, Mark: markOf(s, now)}
	if t, err := fhir.ParseInstant(s.TransactionTime); err == nil {
		r.AsOf = t
	}
	return r
}

// held marks a practice as paused that would run, wait or be fresh without a
// person's pause.
func held(r row, ground schedule.Ground, now time.Time) row {
	if len(ground.Pauses) == 0 || r.Mark == frozen || r.Mark == trouble {
		return r
	}
	t, err := ground.Config.Tenant(r.Tenant)
	if err != nil {
		return r
	}
	for _, p := range ground.Pauses {
		if !p.Over(now) && schedule.Pauses(p, t) {
			r.Mark, r.Held = paused, "paused by "+p.By+": "+p.Reason
		}
	}
	return r
}

// Class is the mark as a name that a style sheet can use.
func (r row) Class() string { return strings.ReplaceAll(string(r.Mark), " ", "-") }

// A tally counts the practices of one mark.
type tally struct {
	Mark  mark
	Class string
	Count int
}

type overview struct {
	Rows    []row
	Tallies []tally
	Find    string // text that practices must have in name or id
	Only    mark   // the mark that they must have; empty for all
	Total   int
	House   []store.Alert // of no practice, that nobody has taken on
	Alerts  int           // of practices
}

// overviewPage shows every practice that who asks may see, those in trouble
// first.
func (s *Server) overviewPage(w http.ResponseWriter, r *http.Request) error {
	rows, err := s.visible(r.Context())
	if err != nil {
		return err
	}
	o := overview{Find: strings.TrimSpace(r.URL.Query().Get("find")), Only: mark(r.URL.Query().Get("only")), Total: len(rows)}
	for _, m := range marks {
		t := tally{Mark: m, Class: row{Mark: m}.Class()}
		for _, row := range rows {
			if row.Mark == m {
				t.Count++
			}
		}
		if t.Count > 0 {
			o.Tallies = append(o.Tallies, t)
		}
	}
	find := strings.ToLower(o.Find)
	for _, row := range rows {
		if (o.Only == "" || o.Only == row.Mark) && (strings.Contains(strings.ToLower(row.Tenant), find) || strings.Contains(strings.ToLower(row.Name), find)) {
			o.Rows = append(o.Rows, row)
		}
	}
	if err := s.fillAlerts(r.Context(), &o); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "overview", o)
}

// fillAlerts puts beside each practice the worst alert that nobody has taken on.
func (s *Server) fillAlerts(ctx context.Context, o *overview) error {
	list, err := s.seenAlerts(ctx, "")
	if err != nil {
		return err
	}
	worst, now := map[string]*store.Alert{}, time.Now()
	for i, a := range list { // the worst first
		switch {
		case !a.ClosedAt.IsZero() || quiet(a, now):
			continue
		case a.Tenant == "":
			o.House = append(o.House, a)
			continue
		case worst[a.Tenant] == nil:
			worst[a.Tenant] = &list[i]
		}
		o.Alerts++
	}
	for i := range o.Rows {
		o.Rows[i].Alert = worst[o.Rows[i].Tenant]
	}
	return nil
}

// visible gives the practices that who asks may see, the worst first, then by
// id.
func (s *Server) visible(ctx context.Context) ([]row, error) {
	all, err := s.opts.Store.Standings(ctx)
	if err != nil {
		return nil, err
	}
	ground, err := s.ground(ctx)
	if err != nil {
		return nil, err
	}
	actor, now := actorOf(ctx), time.Now()
	var rows []row
	for _, standing := range all {
		if actor.May(access.See, standing.Tenant) {
			rows = append(rows, held(rowOf(standing, now), ground, now))
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Compare(slices.Index(marks, a.Mark), slices.Index(marks, b.Mark))
	})
	return rows, nil
}
