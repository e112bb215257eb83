package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/quality"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// filesShown is how many output files of an export its page lists.
const filesShown = 200

type exportView struct {
	store.Export
	Totals    store.FileTotals
	Phases    []phase
	Files     []store.File // the first of them
	Timeline  []store.Entry
	Published []store.Publication
	Quality   *quality.Summary // nil until it is made
	Reasons   []reason
}

// A phase is a part of the export's life: what it was, and how far it is.
type phase struct {
	Name        string
	Done, Begun bool
	Count       string // how far, in words; empty when there is nothing to count
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
	in := s.opts.Store.In(x.Tenant)
	if v.Totals, err = in.FileTotals(r.Context(), x.ID); err != nil {
		return err
	}
	if v.Files, err = in.Files(r.Context(), x.ID); err != nil {
		return err
	}
	v.Files = v.Files[:min(len(v.Files), filesShown)]
	if v.Timeline, err = in.Timeline(r.Context(), x.ID); err != nil {
		return err
	}
	if v.Published, err = in.Publications(r.Context(), x.ID); err != nil {
		return err
	}
	text, err := in.Quality(r.Context(), x.ID)
	if err != nil {
		return err
	}
	if text != nil {
		v.Quality = &quality.Summary{}
		if err := json.Unmarshal(text, v.Quality); err != nil {
			return fmt.Errorf("read the quality summary: %w", err)
		}
		v.Reasons = reasonsOf(v.Quality.ByReason)
	}
	v.Phases = phasesOf(x, v.Totals, len(v.Published), time.Now())
	return s.show(w, r, http.StatusOK, "export", v)
}

func reasonsOf(by map[string]int64) []reason {
	var all []reason
	for text, n := range by {
		all = append(all, reason{text, n})
	}
	slices.SortFunc(all, func(a, b reason) int { return cmp.Or(cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Text, b.Text)) })
	return all
}

// phasesOf says how far an export is.
func phasesOf(x store.Export, t store.FileTotals, published int, now time.Time) []phase {
	at := slices.Index(life.States, x.State)
	if x.State != life.Completed && x.State.Over() {
		at = slices.Index(life.States, x.FailedIn) // the phases before are done, this one is not
	}
	of := func(s life.State) (begun, done bool) {
		i := slices.Index(life.States, s)
		return at >= i, at > i && at >= 0
	}
	kick, kicked := of(life.KickingOff)
	poll, polled := of(life.Polling)
	load, loaded := of(life.Downloading)
	stage, staged := of(life.Ingesting)
	publish, _ := of(life.Publishing)
	all := []phase{
		{Name: "asked for", Begun: kick, Done: kicked && poll},
		{Name: "server works", Begun: poll, Done: polled, Count: x.Progress},
		{Name: "downloaded", Begun: load, Done: loaded, Count: fmt.Sprintf("%s of %s files, %s", count(t.InRaw), count(t.Files), size(t.Bytes))},
		{Name: "checked and staged", Begun: stage, Done: staged, Count: fmt.Sprintf("%s lines: %s delivered, %s refused", count(t.Lines), count(t.Delivered), count(t.Quarantined))},
		{Name: "published", Begun: publish, Done: x.State == life.Completed, Count: fmt.Sprintf("%d of %d sinks", published, len(x.Sinks))},
	}
	if x.State == life.Polling && !x.NextPollAt.IsZero() {
		all[1].Count += " (asked again " + ago(now, x.NextPollAt) + ")"
	}
	for i := range all {
		if !all[i].Begun {
			all[i].Count = ""
		}
	}
	return all
}
