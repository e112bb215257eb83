package web

import (
	"net/http"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// exportsShown is how many exports the page of a practice lists.
const exportsShown = 50

type practice struct {
	row
	Tenant  *config.Tenant // nil for one that is no longer configured
	Exports []store.Export
	Began   bool // no export stands in the way of the next
}

// practicePage shows one practice: how it stands, what permits its exports, and
// those of late.
func (s *Server) practicePage(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("tenant")
	standing, ok, err := s.opts.Store.Standing(r.Context(), id)
	if err != nil || !ok {
		return orElse(err, errNotFound)
	}
	p := practice{row: rowOf(standing, time.Now())}
	if p.Exports, err = s.opts.Store.In(id).Exports(r.Context(), exportsShown); err != nil {
		return err
	}
	if t, err := s.opts.Config().Tenant(id); err == nil {
		p.Tenant = t
	}
	p.Began = standing.Export != "" && !standing.State.Settled()
	return s.show(w, r, http.StatusOK, "practice", p)
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// CanResume reports whether the practice's latest export may be taken up.
func (p practice) CanResume() bool { return p.State == life.Failed || p.State == life.Unknown }

func (s *Server) startExport(w http.ResponseWriter, r *http.Request) error {
	tenant := r.PathValue("tenant")
	id, err := s.opts.Work.Request(r.Context(), tenant, export.Wish{Full: r.FormValue("full") != "", By: actorOf(r.Context()).ID})
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
	s.opts.Log.Info("export resumed", "tenant", x.Tenant, "export", x.ID, "by", actorOf(r.Context()).ID)
	http.Redirect(w, r, "/practices/"+x.Tenant+"/exports/"+x.ID, http.StatusSeeOther)
	return nil
}

func (s *Server) cancelExport(w http.ResponseWriter, r *http.Request) error {
	x, err := s.export(r)
	if err != nil {
		return err
	}
	if err := s.opts.Work.Cancel(r.Context(), x.Tenant, x.ID, actorOf(r.Context()).ID); err != nil {
		return err
	}
	http.Redirect(w, r, "/practices/"+x.Tenant+"/exports/"+x.ID, http.StatusSeeOther)
	return nil
}
