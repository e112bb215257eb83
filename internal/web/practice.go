package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/look"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// exportsShown is how many exports the page of a practice lists.
const exportsShown = 25

type practice struct {
	look.Row
	Tenant  *config.Tenant // nil for one that is no longer configured
	Exports []store.Export
	Older   string // the export behind which the next page begins; empty: there is none
	Before  string // the export behind which this page begins
	Lanes   []lane
	Alerts  []store.Alert
	Next    nextExport
	Hold    *schedule.Hold // what holds a kick-off back now; nil: nothing
	Pause   *store.Pause   // the practice's own pause; nil: there is none
	Permits standingAgreement
	Began   bool // no export stands in the way of the next
}

// A nextExport says when the next scheduled export is due, and why it will be
// full or incremental.
type nextExport struct {
	Schedule, Zone string
	Full           bool
	Why            string
	FullAt         time.Time // when the last full export completed; zero: none has
	Since          string    // where the next incremental one begins
}

// practicePage shows one practice: how it stands, what permits its exports, what
// needs somebody, and its exports, a page at a time.
func (s *Server) practicePage(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("tenant")
	standing, ok, err := s.opts.Store.Standing(r.Context(), id)
	if err != nil || !ok {
		return cmp.Or(err, access.ErrNotFound)
	}
	now := time.Now()
	ground, err := s.look.Ground(r.Context())
	if err != nil {
		return err
	}
	p := practice{Row: look.RowOf(standing, ground, now), Before: r.FormValue("before")}
	if p.Tenant, err = s.opts.Config().Tenant(id); err != nil {
		p.Tenant = nil
	}
	p.Began = standing.Export != "" && !standing.State.Settled()
	if err := s.fillHistory(r.Context(), &p, id, now); err != nil {
		return err
	}
	if p.Tenant != nil {
		p.Permits = agreementOf(p.Tenant, now)
		if err := s.fillNext(r.Context(), &p, ground, now); err != nil {
			return err
		}
	}
	if p.Alerts, err = s.look.Alerts(r.Context(), id); err != nil {
		return err
	}
	p.Alerts = openOf(p.Alerts)
	return s.pages.Show(w, r, http.StatusOK, "practice", p)
}

// fillHistory reads a page of the practice's exports and draws their phases.
func (s *Server) fillHistory(ctx context.Context, p *practice, id string, now time.Time) (err error) {
	in := s.opts.Store.In(id)
	p.Exports, p.Older, err = look.PageOfExports(ctx, in, p.Before, exportsShown)
	if err != nil {
		return err
	}
	shown := p.Exports[:min(len(p.Exports), recentShown)]
	moves, err := in.Moves(ctx, idsOf(shown)...)
	p.Lanes = lanesOf(shown, moves, now)
	return err
}

// fillNext says when the next export is due and why it is what it is.
func (s *Server) fillNext(ctx context.Context, p *practice, g schedule.Ground, now time.Time) error {
	c, t := s.opts.Config(), p.Tenant
	p.Next = nextExport{Schedule: t.Schedule, Zone: t.TimeZone}
	mark, ok, err := s.opts.Store.In(t.ID).Watermark(ctx, export.Order{Config: c, Tenant: t, Wish: export.Wish{By: schedule.BySchedule}}.Stream())
	if err != nil {
		return err
	}
	p.Next.FullAt, p.Next.Since = mark.FullAt, mark.Since
	due := p.NextAt
	if due.Before(now) {
		due = now
	}
	switch {
	case !ok:
		p.Next.Full, p.Next.Why = true, "it is the first of its kind"
	case schedule.FullDue(t.FullEvery, t.Location(), mark.FullAt, due):
		p.Next.Full, p.Next.Why = true, "a full one is due by then (full_every)"
	default:
		p.Next.Why = "it goes on where the last one ended"
	}
	if h, ok := g.Holds(t, schedule.Start, now); ok {
		p.Hold = &h
	}
	if i := slices.IndexFunc(g.Pauses, func(one store.Pause) bool { return one.Scope == store.PauseTenant && one.Object == t.ID }); i >= 0 {
		p.Pause = &g.Pauses[i]
	}
	return nil
}

// Barred reports whether the agreement permits nothing, and the latest export
// does not say so.
func (p practice) Barred() bool {
	return p.Permits.Problem != "" && p.Problem != string(problem.AgreementDenied) && p.Problem != string(problem.AgreementMissing)
}

// CanResume reports whether the practice's latest export may be taken up.
func (p practice) CanResume() bool { return p.State == life.Failed || p.State == life.Unknown }

// SinceAt is where the next incremental export begins; the zero time when
// nobody can say.
func (n nextExport) SinceAt() time.Time {
	t, err := fhir.ParseInstant(n.Since)
	if err != nil {
		return time.Time{}
	}
	return t
}

func (s *Server) startExport(w http.ResponseWriter, r *http.Request) error {
	tenant := r.PathValue("tenant")
	id, err := s.opts.Work.Request(r.Context(), tenant, export.Wish{Full: r.FormValue("full") != "", By: access.ActorOf(r.Context()).ID})
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/practices/"+tenant+"/exports/"+id, http.StatusSeeOther)
	return nil
}

func (s *Server) resumeExport(w http.ResponseWriter, r *http.Request) error {
	x, err := s.export(r)
	if err != nil {
		return err
	}
	if err := s.opts.Work.Resume(r.Context(), x.Tenant, x.ID); err != nil {
		return err
	}
	s.opts.Log.Info("export resumed", "tenant", x.Tenant, "export", x.ID, "by", access.ActorOf(r.Context()).ID)
	http.Redirect(w, r, "/practices/"+x.Tenant+"/exports/"+x.ID, http.StatusSeeOther)
	return nil
}

func (s *Server) cancelExport(w http.ResponseWriter, r *http.Request) error {
	x, err := s.export(r)
	if err != nil {
		return err
	}
	if err := s.opts.Work.Cancel(r.Context(), x.Tenant, x.ID, access.ActorOf(r.Context()).ID); err != nil {
		return err
	}
	http.Redirect(w, r, "/practices/"+x.Tenant+"/exports/"+x.ID, http.StatusSeeOther)
	return nil
}
