package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// overFor is how long an alert that is over is still shown.
const overFor = 7 * 24 * time.Hour

// overShown is how many of them.
const overShown = 100

// alerts is what the page of alerts shows.
type alerts struct {
	Tenant      string // only this practice's; empty: all
	Open, Quiet []store.Alert
	Over        []store.Alert
	More        int // that are over too, and not listed
}

// alertsPage shows what needs somebody, the worst first; then what somebody has
// taken on, and what was over of late.
func (s *Server) alertsPage(w http.ResponseWriter, r *http.Request) error {
	list, err := s.seenAlerts(r.Context(), r.FormValue("practice"))
	if err != nil {
		return err
	}
	a, now := alerts{Tenant: r.FormValue("practice")}, time.Now()
	for _, one := range list {
		switch {
		case !one.ClosedAt.IsZero():
			a.Over = append(a.Over, one)
		case quiet(one, now):
			a.Quiet = append(a.Quiet, one)
		default:
			a.Open = append(a.Open, one)
		}
	}
	if n := len(a.Over) - overShown; n > 0 {
		a.Over, a.More = a.Over[:overShown], n
	}
	return s.show(w, r, http.StatusOK, "alerts", a)
}

// quiet reports whether somebody has taken an alert on.
func quiet(a store.Alert, now time.Time) bool { return a.AckBy != "" && a.AckUntil.After(now) }

// seenAlerts gives the alerts that who asks may see, the worst first: of one
// practice, or of all and of none.
func (s *Server) seenAlerts(ctx context.Context, tenant string) ([]store.Alert, error) {
	all, err := s.opts.Store.Alerts(ctx, time.Now().Add(-overFor))
	if err != nil {
		return nil, err
	}
	actor, severities := actorOf(ctx), config.Severities()
	all = slices.DeleteFunc(all, func(a store.Alert) bool {
		return tenant != "" && a.Tenant != tenant || !actor.May(access.See, a.Tenant)
	})
	slices.SortStableFunc(all, func(x, y store.Alert) int {
		return cmp.Or(y.ClosedAt.Compare(x.ClosedAt), cmp.Compare(slices.Index(severities, y.Severity), slices.Index(severities, x.Severity)), y.Since.Compare(x.Since))
	})
	return all, nil
}

// openOf gives those that are not over.
func openOf(all []store.Alert) []store.Alert {
	return slices.DeleteFunc(slices.Clone(all), func(a store.Alert) bool { return !a.ClosedAt.IsZero() })
}

const (
	ackAtMost  = 90 * 24 * time.Hour
	noteAtMost = 300
)

// ackAlert records that somebody has taken an alert on.
func (s *Server) ackAlert(w http.ResponseWriter, r *http.Request) error {
	err := s.acknowledge(r.Context(), r.PathValue("tenant"), r.PathValue("alert"), r.FormValue("for"), r.FormValue("note"))
	if err != nil {
		return err
	}
	next := "/alerts"
	if r.FormValue("next") != "" {
		next = local(r.FormValue("next"))
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

// acknowledge takes an open alert of a practice on, or with an empty tenant one
// of none, for a time such as 3d.
func (s *Server) acknowledge(ctx context.Context, tenant, id, long, note string) error {
	number := whole(id, 0)
	open, err := s.opts.Store.OpenAlerts(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(open, func(a store.Alert) bool { return a.ID == number && a.Tenant == tenant }) {
		return errNotFound
	}
	var d config.Duration
	note = strings.TrimSpace(note)
	switch {
	case d.UnmarshalText([]byte(cmp.Or(long, "3d"))) != nil, d.Std() < time.Minute, d.Std() > ackAtMost:
		return usage("an alert is taken on for a time such as 12h or 3d, 90 days at most", "Choose one of the times that the form offers.", tenant)
	case len(note) > noteAtMost || note != audit.Line(note):
		return usage("the note is longer than 300 characters, or not one line", "Say in one short line what is being done; it must name no patient.", tenant)
	}
	by := actorOf(ctx).ID
	err = s.opts.Store.In(tenant).Acknowledge(ctx, number, store.Ack{By: by, Until: time.Now().Add(d.Std()), Note: note})
	if err == nil {
		s.opts.Log.InfoContext(ctx, "alert acknowledged", "tenant", tenant, "alert", number, "by", by)
	}
	return err
}

// errAsked is the cause of a problem that lies in what was asked for.
var errAsked = errors.New("it cannot be read")

// usage is the problem that lies in what was asked for.
func usage(summary, remedy, tenant string) error {
	return problem.Wrap(errAsked, problem.Usage, summary, remedy).For(tenant)
}
