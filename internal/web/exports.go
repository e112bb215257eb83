package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/look"
	"github.com/bulkhead-fhir/bulkhead/internal/quality"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const (
	filesShown   = 40  // output files of an export on its page
	filesPaged   = 200 // and on the page of its files
	entriesShown = 60  // of its timeline
	recentShown  = 20  // exports whose phases are compared
)

type exportView struct {
	store.Export
	Progress  look.Progress
	Bytes     curve // as they came into raw
	Lines     curve // as they were ingested
	Files     []store.File
	Timeline  []store.Entry
	Published []store.Publication
	Quality   *quality.Summary // nil until it is made
	Reasons   []reason
	Recent    []lane                // the practice's last exports up to this one
	Requests  []store.ExportRequest // of other programs, that it answers
	Told      []store.Callback      // to whom its ends are told
}

// A reason counts the refused lines of one kind.
type reason struct {
	Text  string
	Lines int64
}

// Live reports whether the page changes by itself.
func (v exportView) Live() bool { return !v.State.Settled() }

// CanResume reports whether the export may be taken up.
func (v exportView) CanResume() bool { return v.State == life.Failed || v.State == life.Unknown }

// CanCancel reports whether the export may be stopped.
func (v exportView) CanCancel() bool {
	_, err := life.Next(v.State, life.Cancel)
	return err == nil
}

func (s *Server) exportPage(w http.ResponseWriter, r *http.Request) error {
	x, err := s.export(r)
	if err != nil {
		return err
	}
	v := exportView{Export: x}
	if err := s.fillExport(r.Context(), &v, time.Now()); err != nil {
		return err
	}
	return s.pages.Show(w, r, http.StatusOK, "export", v)
}

func (s *Server) fillExport(ctx context.Context, v *exportView, now time.Time) (err error) {
	in := s.opts.Store.In(v.Tenant)
	before, err := in.ExportsBefore(ctx, v.ID, recentShown-1)
	if err != nil {
		return err
	}
	recent := append([]store.Export{v.Export}, before...)
	moves, err := in.Moves(ctx, idsOf(recent)...)
	if err != nil {
		return err
	}
	v.Recent = lanesOf(recent, moves, now)
	if v.Progress, err = s.look.ProgressOf(ctx, v.Export, moves[v.ID], now); err != nil {
		return err
	}
	v.Bytes = curveOf(v.Progress.Bytes, "bytes stored over time")
	v.Lines = curveOf(v.Progress.Lines, "lines ingested over time")
	if v.Files, err = look.FilesOfInterest(ctx, in, v.ID, filesShown); err != nil {
		return err
	}
	if v.Timeline, err = in.LastEntries(ctx, v.ID, entriesShown); err != nil {
		return err
	}
	if v.Published, err = in.Publications(ctx, v.ID); err != nil {
		return err
	}
	if v.Requests, err = in.RequestsOf(ctx, v.ID); err != nil {
		return err
	}
	if v.Told, err = in.Callbacks(ctx, v.ID); err != nil {
		return err
	}
	if v.Quality, err = summaryOf(in.Quality(ctx, v.ID)); err == nil && v.Quality != nil {
		v.Reasons = reasonsOf(v.Quality.ByReason)
	}
	return err
}

func idsOf(exports []store.Export) []string {
	ids := make([]string, len(exports))
	for i, x := range exports {
		ids[i] = x.ID
	}
	return ids
}

// summaryOf reads a summary of quality; nil when there is none.
func summaryOf(text json.RawMessage, err error) (*quality.Summary, error) {
	if err != nil || text == nil {
		return nil, err
	}
	var q quality.Summary
	if err := json.Unmarshal(text, &q); err != nil {
		return nil, fmt.Errorf("read the quality summary: %w", err)
	}
	return &q, nil
}

// files is what the page of an export's output files shows.
type files struct {
	store.Export
	State  string
	States []fileState
	Files  []store.File
	After  int64 // the position behind which the next page begins; negative: there is none
}

// A fileState counts the output files in one state.
type fileState struct {
	State string
	Files int64
}

// filesPage shows the output files of an export, state by state, a page at a
// time.
func (s *Server) filesPage(w http.ResponseWriter, r *http.Request) error {
	x, err := s.export(r)
	if err != nil {
		return err
	}
	in, v := s.opts.Store.In(x.Tenant), files{Export: x, State: r.FormValue("state"), After: -1}
	counts, err := in.FileStates(r.Context(), x.ID)
	if err != nil {
		return err
	}
	for _, state := range look.FileStates() {
		if n := counts[state]; n > 0 {
			v.States = append(v.States, fileState{state, n})
		}
	}
	if v.State == "" && len(v.States) > 0 {
		v.State = v.States[0].State
	}
	v.Files, v.After, err = look.PageOfFiles(r.Context(), in, x.ID, v.State, whole(r.FormValue("after"), -1), filesPaged)
	if err != nil {
		return err
	}
	return s.pages.Show(w, r, http.StatusOK, "files", v)
}

// whole reads a whole number, or gives another where there is none.
func whole(text string, otherwise int64) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return otherwise
	}
	return n
}

func reasonsOf(by map[string]int64) []reason {
	var all []reason
	for text, n := range by {
		all = append(all, reason{text, n})
	}
	slices.SortFunc(all, func(a, b reason) int { return cmp.Or(cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Text, b.Text)) })
	return all
}

// export gives the export that the path names, access.ErrNotFound when the
// practice has none of that id.
func (s *Server) export(r *http.Request) (store.Export, error) {
	return s.look.Export(r.Context(), r.PathValue("tenant"), r.PathValue("export"))
}
