package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/door"
	"github.com/bulkhead-fhir/bulkhead/internal/look"
)

// An answer is a body of the API.
type answer[T any] struct{ Body T }

// Named is a request about one practice.
type Named struct {
	Tenant string `path:"tenant" maxLength:"100" doc:"The practice's id."`
}

// Exact is a request about one export.
type Exact struct {
	Named
	Export string `path:"export" maxLength:"100" doc:"The export's id."`
}

// A listed is a request for the exports of a practice.
type listed struct {
	Named
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"How many, the newest first."`
	Before string `query:"before" maxLength:"100" doc:"Only those that were asked for before this export: the last one of the page before."`
}

// A wished asks for a new export.
type wished struct {
	Named
	Body struct {
		Full  bool     `json:"full,omitempty" doc:"Everything, and remove what is absent; otherwise what changed since the last one."`
		Since string   `json:"since,omitempty" maxLength:"40" doc:"An instant or a date in the place of the watermark."`
		Types []string `json:"types,omitempty" maxItems:"200" doc:"In the place of the practice's types."`
		Group string   `json:"group,omitempty" maxLength:"200" doc:"In the place of the practice's group."`

		Reference string `json:"reference,omitempty" maxLength:"128" doc:"Your own word for this request, such as a message's id; nothing of a patient. The same again gives the same export."`
		Callback  string `json:"callback,omitempty" maxLength:"2000" doc:"Where the end is told: a name or a URL that the configuration allows under callbacks."`
	} `required:"false"`
}

// An accepted says where the export that was asked for is.
type accepted struct {
	Location string `header:"Location"`
	Body     apiExport
}

// ledgerWaits is how long a look at the ledger may take.
const ledgerWaits = 10 * time.Second

func (s *Server) operations(a huma.API) {
	huma.Register(a, operation("list-practices", "GET", "/api/v1/practices", access.See, "How the practices stand that you may see"),
		func(ctx context.Context, _ *struct{}) (*answer[[]apiPractice], error) {
			ctx, cancel := context.WithTimeout(ctx, ledgerWaits)
			defer cancel()
			rows, err := s.look.Practices(ctx)
			practices := make([]apiPractice, len(rows))
			for i, r := range rows {
				practices[i] = apiPracticeOf(r)
			}
			return &answer[[]apiPractice]{practices}, s.told(err)
		})
	huma.Register(a, operation("get-practice", "GET", "/api/v1/practices/{tenant}", access.See, "How one practice stands"),
		func(ctx context.Context, q *Named) (*answer[apiPractice], error) {
			r, err := s.look.Practice(ctx, q.Tenant)
			return &answer[apiPractice]{apiPracticeOf(r)}, s.told(err)
		})
	huma.Register(a, operation("list-exports", "GET", "/api/v1/practices/{tenant}/exports", access.See, "The exports of a practice"),
		func(ctx context.Context, q *listed) (*answer[[]apiExport], error) {
			all, _, err := look.PageOfExports(ctx, s.opts.Store.In(q.Tenant), q.Before, q.Limit)
			exports := make([]apiExport, len(all))
			for i, x := range all {
				exports[i] = apiExportOf(x)
			}
			return &answer[[]apiExport]{exports}, s.told(err)
		})
	huma.Register(a, operation("get-export", "GET", "/api/v1/practices/{tenant}/exports/{export}", access.See, "One export"),
		func(ctx context.Context, q *Exact) (*answer[apiExport], error) {
			x, err := s.exportWithFiles(ctx, q.Tenant, q.Export)
			return &answer[apiExport]{x}, s.told(err)
		})
	begin := operation("start-export", "POST", "/api/v1/practices/{tenant}/exports", access.Operate, "Start an export")
	begin.DefaultStatus = http.StatusAccepted
	huma.Register(a, begin, s.apiStart)
	s.requestOperations(a)
	huma.Register(a, operation("resume-export", "POST", "/api/v1/practices/{tenant}/exports/{export}/resume", access.Operate, "Take up an export that failed where it stopped"),
		func(ctx context.Context, q *Exact) (*answer[apiExport], error) {
			return s.apiChange(ctx, q, func(by string) error { return s.opts.Work.Resume(ctx, q.Tenant, q.Export) })
		})
	huma.Register(a, operation("cancel-export", "POST", "/api/v1/practices/{tenant}/exports/{export}/cancel", access.Operate, "Stop an export that has not ended"),
		func(ctx context.Context, q *Exact) (*answer[apiExport], error) {
			return s.apiChange(ctx, q, func(by string) error { return s.opts.Work.Cancel(ctx, q.Tenant, q.Export, by) })
		})
	s.pageOperations(a)
}

func operation(id, method, path string, act access.Act, summary string) huma.Operation {
	var refused []int
	if method == http.MethodPost {
		refused = []int{http.StatusConflict} // what cannot be done as things stand
	}
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Metadata: map[string]any{actKey: act},
		Extensions:   map[string]any{"x-permission": string(act)},
		MaxBodyBytes: door.MaxBody, Errors: refused,
	}
}

// apiStart asks for an export. What the agreement forbids is a problem, and
// recorded as denied.
func (s *Server) apiStart(ctx context.Context, q *wished) (*accepted, error) {
	id, err := s.begin(ctx, q)
	if err != nil {
		return nil, s.told(err)
	}
	x, err := s.exportWithFiles(ctx, q.Tenant, id)
	return &accepted{"/api/v1/practices/" + q.Tenant + "/exports/" + id, x}, s.told(err)
}

// apiChange does something to an export that is there, and gives how it stands
// then.
func (s *Server) apiChange(ctx context.Context, q *Exact, change func(by string) error) (*answer[apiExport], error) {
	if _, err := s.exportWithFiles(ctx, q.Tenant, q.Export); err != nil {
		return nil, s.told(err)
	}
	if err := change(access.ActorOf(ctx).ID); err != nil {
		return nil, s.told(err)
	}
	x, err := s.exportWithFiles(ctx, q.Tenant, q.Export)
	return &answer[apiExport]{x}, s.told(err)
}
