package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/look"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// pageOperations are what pages show, for programs: nothing is on a page that
// the API does not give.
func (s *Server) pageOperations(a huma.API) {
	register(s, a, operation("get-export-progress", "GET", "/api/v1/practices/{tenant}/exports/{export}/progress", access.See, "How far an export is: stages, files by type, and how they came over time"),
		func(ctx context.Context, q *Exact) (p look.Progress, err error) {
			x, err := s.look.Export(ctx, q.Tenant, q.Export)
			if err != nil {
				return p, err
			}
			moves, err := s.opts.Store.In(q.Tenant).Moves(ctx, x.ID)
			if err != nil {
				return p, err
			}
			return s.look.ProgressOf(ctx, x, moves[x.ID], time.Now())
		})
	register(s, a, operation("list-export-files", "GET", "/api/v1/practices/{tenant}/exports/{export}/files", access.See, "The output files of an export in one state, a page at a time"), s.apiFiles)
	register(s, a, operation("get-quarantine", "GET", "/api/v1/practices/{tenant}/quarantine", access.See, "What is refused of a practice's exports, and what it means"),
		func(ctx context.Context, q *refusedQuery) (apiRefused, error) {
			list, older, err := s.look.RefusedExports(ctx, q.Tenant, q.Export, q.Reason, q.Before)
			return apiRefused{list, older}, err
		})
	register(s, a, operation("list-refused-lines", "GET", "/api/v1/practices/{tenant}/exports/{export}/quarantine", access.See, "Refused lines without what they say; that somebody looked is on record"), s.apiLines)
	register(s, a, operation("list-refused", "GET", "/api/v1/quarantine", access.See, "Which practices have refused lines"),
		func(ctx context.Context, _ *struct{}) ([]look.RefusedPractice, error) {
			return s.look.RefusedPractices(ctx)
		})
	register(s, a, operation("list-quality", "GET", "/api/v1/quality", access.See, "What each practice's last delivery was worth"),
		func(ctx context.Context, _ *struct{}) ([]look.Judged, error) { return s.look.Judged(ctx) })
	register(s, a, operation("get-quality", "GET", "/api/v1/practices/{tenant}/quality", access.See, "What a practice's last deliveries were worth, the oldest first"),
		func(ctx context.Context, q *Named) ([]look.QualityPoint, error) {
			list, err := s.opts.Store.In(q.Tenant).Qualities(ctx, pointsShown)
			if err != nil {
				return nil, err
			}
			return look.PointsOf(list)
		})
	register(s, a, operation("get-roster", "GET", "/api/v1/practices/{tenant}/roster", access.See, "Who is in a practice's group, in numbers"),
		func(ctx context.Context, q *Named) (look.RosterView, error) {
			v, _, err := s.look.Roster(ctx, q.Tenant)
			return v, err
		})
	register(s, a, operation("get-queue", "GET", "/api/v1/queue", access.See, "What runs, what waits and why"),
		func(ctx context.Context, _ *struct{}) (look.Queue, error) { return s.look.Queue(ctx, time.Now()) })
	register(s, a, operation("list-deadlines", "GET", "/api/v1/deadlines", access.See, "What ends, or is broken already, the nearest first"),
		func(ctx context.Context, _ *struct{}) ([]deadline, error) {
			list, err := s.deadlines(ctx, time.Now())
			return append([]deadline{}, list...), err
		})
	register(s, a, operation("list-alerts", "GET", "/api/v1/alerts", access.See, "What needs somebody now, the worst first"),
		func(ctx context.Context, _ *struct{}) ([]apiAlert, error) {
			all, err := s.look.Alerts(ctx, "")
			return apiAlertsOf(openOf(all)), err
		})
	register(s, a, operation("search-audit", "GET", "/api/v1/audit", access.Examine, "Rows of the audit record, the latest first"), s.apiTrail)
	s.pageActs(a)
}

// pageActs are what can be done on pages.
func (s *Server) pageActs(a huma.API) {
	began := operation("replay-export", "POST", "/api/v1/practices/{tenant}/exports/{export}/replay", access.Operate, "Take the refused lines of an export again")
	began.DefaultStatus = http.StatusAccepted
	register(s, a, began, func(ctx context.Context, q *replayed) (apiExport, error) {
		if _, err := s.look.Export(ctx, q.Tenant, q.Export); err != nil {
			return apiExport{}, err
		}
		id, err := s.opts.Work.Replay(ctx, q.Tenant, export.Retake{Origin: q.Export, Reason: q.Body.Reason, By: access.ActorOf(ctx).ID})
		if err != nil {
			return apiExport{}, err
		}
		return s.exportWithFiles(ctx, q.Tenant, id)
	})
	acked := operation("acknowledge-alert", "POST", "/api/v1/practices/{tenant}/alerts/{alert}/acknowledge", access.Operate, "Say that somebody has taken an alert of a practice on")
	acked.DefaultStatus, acked.Errors = http.StatusNoContent, nil
	huma.Register(a, acked, func(ctx context.Context, q *ackQuery) (*struct{}, error) {
		return nil, s.told(s.acknowledge(ctx, q.Tenant, strconv.FormatInt(q.Alert, 10), q.Body.For, q.Body.Note))
	})
	paused := operation("pause-practice", "POST", "/api/v1/practices/{tenant}/pause", access.Operate, "Hold back everything of a practice")
	paused.DefaultStatus = http.StatusNoContent
	huma.Register(a, paused, func(ctx context.Context, q *pauseQuery) (*struct{}, error) {
		return nil, s.told(s.pause(ctx, store.PauseTenant, q.Tenant, q.Body.Reason, q.Body.For))
	})
	unpaused := operation("unpause-practice", "POST", "/api/v1/practices/{tenant}/unpause", access.Operate, "End the pause of a practice")
	unpaused.DefaultStatus = http.StatusNoContent
	huma.Register(a, unpaused, func(ctx context.Context, q *unpauseQuery) (*struct{}, error) {
		return nil, s.told(s.unpause(ctx, store.PauseTenant, q.Tenant, q.Body.Reason))
	})
}

// register adds an operation whose errors are told as all of them are, and that
// looks at the ledger for so long at most.
func register[I, O any](s *Server, a huma.API, op huma.Operation, do func(context.Context, *I) (O, error)) {
	huma.Register(a, op, func(ctx context.Context, q *I) (*answer[O], error) {
		ctx, cancel := context.WithTimeout(ctx, ledgerWaits)
		defer cancel()
		body, err := do(ctx, q)
		if err != nil {
			return nil, s.told(err)
		}
		return &answer[O]{body}, nil
	})
}

// A filesQuery asks for a page of an export's output files.
type filesQuery struct {
	Exact
	State string `query:"state" enum:"failed,downloading,ingesting,stored,listed,ingested" default:"ingested"`
	After int64  `query:"after" default:"-1" doc:"What the page before gave as next; absent for the first."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"200"`
}

// An apiFile is one output file. Its URL is not told: it may be a secret.
type apiFile struct {
	File        string     `json:"file"`
	Section     string     `json:"section" enum:"output,deleted,error"`
	Type        string     `json:"type"`
	State       string     `json:"state"`
	Bytes       int64      `json:"bytes"`
	Lines       int64      `json:"lines"`
	Delivered   int64      `json:"delivered"`
	Quarantined int64      `json:"quarantined"`
	SHA256      string     `json:"sha256,omitempty"`
	StoredAt    *time.Time `json:"stored_at,omitempty"`
	IngestedAt  *time.Time `json:"ingested_at,omitempty"`
}

type apiFilePage struct {
	Files []apiFile `json:"files"`
	Next  *int64    `json:"next,omitempty" doc:"Give it as after to get the next page; absent after the last."`
}

func (s *Server) apiFiles(ctx context.Context, q *filesQuery) (page apiFilePage, err error) {
	if _, err := s.look.Export(ctx, q.Tenant, q.Export); err != nil {
		return page, err
	}
	list, next, err := look.PageOfFiles(ctx, s.opts.Store.In(q.Tenant), q.Export, q.State, q.After, q.Limit)
	page.Files = []apiFile{}
	for _, f := range list {
		page.Files = append(page.Files, apiFile{
			f.Name, f.Section, f.ResourceType, f.State, f.Bytes, f.Lines, f.Delivered, f.Quarantined, f.SHA256, maybe(f.StoredAt), maybe(f.IngestedAt),
		})
	}
	if next >= 0 {
		page.Next = &next
	}
	return page, err
}

// A refusedQuery asks for what is refused of a practice.
type refusedQuery struct {
	Named
	Export string `query:"export" maxLength:"100" doc:"Only of this export."`
	Reason string `query:"reason" maxLength:"200" doc:"Only for this reason, or its family."`
	Before string `query:"before" maxLength:"100" doc:"What the page before gave as next."`
}

type apiRefused struct {
	Exports []look.RefusedExport `json:"exports" doc:"The latest first."`
	Next    string               `json:"next,omitempty" doc:"Give it as before to get the next page; absent after the last."`
}

// A linesQuery asks for refused lines.
type linesQuery struct {
	Exact
	File   string `query:"file" maxLength:"200" doc:"Of this file; absent: of the one with the most."`
	Reason string `query:"reason" maxLength:"200"`
	From   int    `query:"from" minimum:"0" maximum:"100000" doc:"How many to pass over."`
}

type apiLinePage struct {
	Lines []look.RefusedLine `json:"lines"`
	More  bool               `json:"more"`
}

func (s *Server) apiLines(ctx context.Context, q *linesQuery) (page apiLinePage, err error) {
	x, err := s.look.Export(ctx, q.Tenant, q.Export)
	if err != nil {
		return page, err
	}
	list, more, err := s.look.RefusedLines(ctx, x, q.File, q.Reason, q.From)
	return apiLinePage{append([]look.RefusedLine{}, list...), more}, err
}

// A trailQuery searches the audit record.
type trailQuery struct {
	Practice string    `query:"practice" maxLength:"100" doc:"Only this practice's chain; house: the house's own."`
	Actor    string    `query:"actor" maxLength:"200"`
	Action   string    `query:"action" maxLength:"60"`
	Since    time.Time `query:"since"`
	Until    time.Time `query:"until"`
	Below    int64     `query:"below" minimum:"0" doc:"What the page before gave as next."`
}

type apiTrail struct {
	Rows []audit.Entry `json:"rows"`
	Next int64         `json:"next,omitempty" doc:"Give it as below to look further back; absent at the beginning of the record."`
	Back *time.Time    `json:"looked_back_to,omitempty" doc:"Everything after it was looked at."`
}

func (s *Server) apiTrail(ctx context.Context, q *trailQuery) (page apiTrail, err error) {
	f, err := s.look.SearchTrail(ctx, look.TrailSearch{Chain: q.Practice, Actor: q.Actor, Action: q.Action, Since: q.Since, Until: q.Until, Below: q.Below})
	return apiTrail{append([]audit.Entry{}, f.Entries...), f.Below, maybe(f.Back)}, err
}
