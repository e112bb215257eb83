package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/door"
	"github.com/bulkhead-fhir/bulkhead/internal/look"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// overShown is how many alerts that are over the page lists.
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
	list, err := s.look.Alerts(r.Context(), r.FormValue("practice"))
	if err != nil {
		return err
	}
	a, now := alerts{Tenant: r.FormValue("practice")}, time.Now()
	for _, one := range list {
		switch {
		case !one.ClosedAt.IsZero():
			a.Over = append(a.Over, one)
		case look.Quiet(one, now):
			a.Quiet = append(a.Quiet, one)
		default:
			a.Open = append(a.Open, one)
		}
	}
	if n := len(a.Over) - overShown; n > 0 {
		a.Over, a.More = a.Over[:overShown], n
	}
	return s.pages.Show(w, r, http.StatusOK, "alerts", a)
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
		next = door.Local(r.FormValue("next"))
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
		return access.ErrNotFound
	}
	var d config.Duration
	note = strings.TrimSpace(note)
	switch {
	case d.UnmarshalText([]byte(cmp.Or(long, "3d"))) != nil, d.Std() < time.Minute, d.Std() > ackAtMost:
		return problem.Asked("an alert is taken on for a time such as 12h or 3d, 90 days at most", "Choose one of the times that the form offers.").For(tenant)
	case len(note) > noteAtMost || note != audit.Line(note):
		return problem.Asked("the note is longer than 300 characters, or not one line", "Say in one short line what is being done; it must name no patient.").For(tenant)
	}
	by := access.ActorOf(ctx).ID
	err = s.opts.Store.In(tenant).Acknowledge(ctx, number, store.Ack{By: by, Until: time.Now().Add(d.Std()), Note: note})
	if err == nil {
		s.opts.Log.InfoContext(ctx, "alert acknowledged", "tenant", tenant, "alert", number, "by", by)
	}
	return err
}
