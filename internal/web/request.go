package web

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// An apiRequest is what another program asked for, and what came of it.
type apiRequest struct {
	ID        int64      `json:"request"`
	Tenant    string     `json:"tenant"`
	State     string     `json:"state" doc:"new, refused, or the state of its export; see docs/states.md."`
	Export    string     `json:"export,omitempty"`
	Kind      string     `json:"kind" enum:"full,incremental"`
	Types     string     `json:"types,omitempty"`
	Since     string     `json:"since,omitempty"`
	By        string     `json:"requested_by"`
	Source    string     `json:"source" enum:"table,api,hook"`
	Reference string     `json:"reference,omitempty"`
	Callback  string     `json:"callback,omitempty" doc:"Its name, or its URL without user and query."`
	AskedAt   time.Time  `json:"asked_at"`
	StartedAt *time.Time `json:"started_at,omitempty" doc:"When it was taken up or refused."`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	Problem   string     `json:"problem,omitempty"`
	Code      string     `json:"code,omitempty"`
	Remedy    string     `json:"remedy,omitempty"`
}

func apiRequestOf(r store.ExportRequest) apiRequest {
	return apiRequest{
		ID: r.ID, Tenant: r.Tenant, State: r.State, Export: r.Export, Kind: r.Kind, Types: r.Types, Since: r.Since, By: r.By, Source: r.Source,
		Reference: r.Reference, Callback: place(r.Callback), AskedAt: r.AskedAt, StartedAt: maybe(r.StartedAt), EndedAt: maybe(r.EndedAt),
		Problem: r.Problem, Code: r.Code, Remedy: r.Remedy,
	}
}

// A numbered is a request about a request.
type numbered struct {
	Named
	Request int64 `path:"request" minimum:"1" doc:"The request's number."`
}

// requestOperations adds the operations about requests of other programs.
func (s *Server) requestOperations(a huma.API) {
	huma.Register(a, operation("list-requests", "GET", "/api/v1/practices/{tenant}/requests", access.See, "What other programs asked for, the newest first"),
		func(ctx context.Context, q *struct {
			Named
			Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"How many."`
			Before int64  `query:"before" minimum:"0" doc:"Only those before this request: the last one of the page before."`
			State  string `query:"state" maxLength:"40" doc:"Only those in this state."`
		},
		) (*answer[[]apiRequest], error) {
			list, err := s.opts.Store.In(q.Tenant).RequestsBelow(ctx, store.RequestPage{Below: q.Before, State: q.State, Most: q.Limit})
			requests := make([]apiRequest, len(list))
			for i, r := range list {
				requests[i] = apiRequestOf(r)
			}
			return &answer[[]apiRequest]{requests}, s.told(err)
		})
	huma.Register(a, operation("get-request", "GET", "/api/v1/practices/{tenant}/requests/{request}", access.See, "What another program asked for, and what came of it"),
		func(ctx context.Context, q *numbered) (*answer[apiRequest], error) {
			r, err := s.look.Request(ctx, q.Tenant, q.Request)
			return &answer[apiRequest]{apiRequestOf(r)}, s.told(err)
		})
}

// begin asks for an export at once: by the engine, or as a request where the
// caller gives it a reference or wants a call-back.
func (s *Server) begin(ctx context.Context, q *wished) (string, error) {
	b, by := &q.Body, access.ActorOf(ctx).ID
	if b.Reference == "" && b.Callback == "" {
		return s.opts.Work.Request(ctx, q.Tenant, export.Wish{Full: b.Full, Since: b.Since, Types: b.Types, Group: b.Group, By: by})
	}
	kind := export.Incremental
	if b.Full {
		kind = export.Full
	}
	return s.opts.Triggers.Start(ctx, store.ExportRequest{
		Tenant: q.Tenant, Kind: kind, Since: b.Since, Types: strings.Join(b.Types, ","), Group: b.Group,
		By: cmp.Or(by, access.Nobody), Reference: b.Reference, Callback: b.Callback, Source: store.FromAPI,
	})
}
