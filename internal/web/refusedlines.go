package web

import (
	"net/http"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/look"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// lines is what the page of an export's refused lines shows.
type lines struct {
	store.Export
	File   string
	Reason string
	Lines  []look.RefusedLine
	From   int // how many were passed over
	Next   int // how many the next page passes over; 0: there is none
}

// linesPassed is how many lines may be passed over: what is further in is for the
// command.
const linesPassed = 100_000

func (s *Server) linesPage(w http.ResponseWriter, r *http.Request) error {
	x, err := s.export(r)
	if err != nil {
		return err
	}
	v := lines{Export: x, File: r.FormValue("file"), Reason: r.FormValue("reason"), From: int(min(max(whole(r.FormValue("from"), 0), 0), linesPassed))}
	more := false
	if v.Lines, more, err = s.look.RefusedLines(r.Context(), x, v.File, v.Reason, v.From); err != nil {
		return err
	}
	if more {
		v.Next = v.From + len(v.Lines)
	}
	return s.pages.Show(w, r, http.StatusOK, "lines", v)
}

// replay takes the refused lines of an export again.
func (s *Server) replay(w http.ResponseWriter, r *http.Request) error {
	x, err := s.export(r)
	if err != nil {
		return err
	}
	id, err := s.opts.Work.Replay(r.Context(), x.Tenant, export.Retake{Origin: x.ID, Reason: r.FormValue("reason"), By: access.ActorOf(r.Context()).ID})
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/practices/"+x.Tenant+"/exports/"+id, http.StatusSeeOther)
	return nil
}
