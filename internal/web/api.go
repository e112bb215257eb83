package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/door"
	"github.com/bulkhead-fhir/bulkhead/internal/look"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// apiVersion is that of the API, not of the program: it grows when something
// that a caller may rely on changes.
const apiVersion = "1.0.0"

// An apiProblem is how the API says that something did not work: a problem
// detail of RFC 9457 with what a person needs to know.
type apiProblem struct {
	Type   string `json:"type" doc:"Where the code is explained." example:"https://bulkhead-fhir.github.io/problems#agreement_denied"`
	Title  string `json:"title" doc:"What happened."`
	Status int    `json:"status"`
	Code   string `json:"code,omitempty" doc:"Stable name of what happened."`
	Tenant string `json:"tenant,omitempty" doc:"The practice that it is about."`
	Remedy string `json:"remedy,omitempty" doc:"What to do next."`
}

// Error is the title.
func (p *apiProblem) Error() string { return p.Title }

// GetStatus is the HTTP status.
func (p *apiProblem) GetStatus() int { return p.Status }

// ContentType is that of problem details.
func (p *apiProblem) ContentType(string) string { return problemKind }

func problemOf(f page.Failure) *apiProblem {
	p := &apiProblem{Type: "about:blank", Title: f.Summary, Status: f.Status, Code: string(f.Code), Tenant: f.Tenant, Remedy: f.Remedy}
	if f.Code != "" {
		p.Type = problemsPage + "#" + string(f.Code)
	}
	return p
}

// problemsPage explains the codes.
const problemsPage = "https://github.com/bulkhead-fhir/bulkhead/blob/main/docs/problems.md"

// told makes an answer of the API of what failed; the log has the reason of
// what is our fault.
func (s *Server) told(err error) error {
	if err == nil {
		return nil
	}
	f := page.FailureOf(err)
	if f.Status >= http.StatusInternalServerError && f.Code == problem.Internal {
		s.opts.Log.Error("request failed", "error", err)
	}
	return problemOf(f)
}

// actKey is where an operation says what one must be allowed to do.
const actKey = "act"

// api adds the operations of the API. They take the same people, tokens and
// roles as the pages.
func (s *Server) api(mux *http.ServeMux) error {
	c := huma.DefaultConfig("Bulkhead", apiVersion)
	c.Info.Description = "How practices and their exports stand, and starting, resuming and cancelling exports. Nothing here holds anything of a patient."
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil // answers are what they are documented as, without links to schemas
	c.Transformers = []huma.Transformer{asOurs}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer", Description: "A token made by an admin."}}
	c.Security = []map[string][]string{{"token": {}}}
	a := humago.New(mux, c)
	a.UseMiddleware(s.allowed(a))
	s.operations(a)
	describeProblems(a.OpenAPI())
	text, err := json.Marshal(a.OpenAPI())
	if err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	mux.HandleFunc("GET /api/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oai.openapi+json")
		_, _ = w.Write(text) //nolint:errcheck // whoever asked has gone
	})
	return nil
}

// asOurs words in our form what the library says of a request that is not as it
// is described: with a code and a remedy, and where it is wrong, but not what
// stood there.
func asOurs(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := &apiProblem{
		Type: problemsPage + "#" + string(problem.RequestInvalid), Title: "The request is not as the API describes it.", Status: m.Status,
		Code: string(problem.RequestInvalid), Remedy: "Correct it by /api/openapi.json; nothing was done.",
	}
	for i, d := range m.Errors {
		if i < 10 && d != nil {
			p.Title += " " + page.Sentence(errors.New(strings.TrimPrefix("at "+d.Location+": "+d.Message, "at : ")))
		}
	}
	return p, nil
}

// allowed lets through who is allowed to.
func (s *Server) allowed(a huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		act, _ := ctx.Operation().Metadata[actKey].(access.Act)
		r, err := s.door.Admit(r.WithContext(ctx.Context()), door.Route{Act: act}, ctx.Param("tenant"))
		if act == door.Anybody {
			err = access.ErrNotFound // an operation that says nothing is for nobody
		}
		if err != nil {
			if errors.Is(err, access.ErrNobody) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="bulkhead"`)
			}
			p := problemOf(page.FailureOf(err))
			ctx.SetHeader("Content-Type", p.ContentType(""))
			ctx.SetStatus(p.Status)
			if err := a.Marshal(ctx.BodyWriter(), "application/json", p); err != nil {
				s.opts.Log.Error("request failed", "error", err)
			}
			return
		}
		next(huma.WithContext(ctx, r.Context()))
	}
}

// apiPractice is how one practice stands.
type apiPractice struct {
	Tenant          string     `json:"tenant"`
	Name            string     `json:"name"`
	Stands          string     `json:"stands" doc:"In one word." enum:"needs somebody,late,waits,runs,paused,never exported,stopped,fresh,frozen"`
	TransactionTime string     `json:"transaction_time,omitempty" doc:"The records that are here are as of then, in the server's own words."`
	CompletedAt     *time.Time `json:"completed_at,omitempty" doc:"When the last delivery completed."`
	NextAt          *time.Time `json:"next_at,omitempty" doc:"When its schedule is due."`
	Export          string     `json:"export,omitempty" doc:"Its latest export."`
	State           string     `json:"state,omitempty" doc:"Of that export; see docs/states.md."`
	Problem         string     `json:"problem,omitempty"`
	Code            string     `json:"code,omitempty"`
	Remedy          string     `json:"remedy,omitempty"`
}

func apiPracticeOf(r look.Row) apiPractice {
	return apiPractice{
		Tenant: r.Tenant, Name: r.Name, Stands: r.Mark, TransactionTime: r.TransactionTime,
		CompletedAt: maybe(r.CompletedAt), NextAt: maybe(r.NextAt), Export: r.Export, State: string(r.State),
		Problem: r.Summary, Code: r.Problem, Remedy: r.Remedy,
	}
}

// apiExport is one export.
type apiExport struct {
	ID              string     `json:"id"`
	Tenant          string     `json:"tenant"`
	Mode            string     `json:"mode" enum:"full,incremental"`
	Purpose         string     `json:"purpose"`
	State           string     `json:"state" doc:"See docs/states.md."`
	Settled         bool       `json:"settled" doc:"It does not go on by itself: it has ended, or a person must decide."`
	RequestedAt     time.Time  `json:"requested_at"`
	RequestedBy     string     `json:"requested_by"`
	EndedAt         *time.Time `json:"ended_at,omitempty"`
	WaitingUntil    *time.Time `json:"waiting_until,omitempty"`
	Progress        string     `json:"progress,omitempty" doc:"In the server's words."`
	Types           []string   `json:"types,omitempty"`
	Since           string     `json:"since,omitempty"`
	TransactionTime string     `json:"transaction_time,omitempty"`
	Retries         int64      `json:"retries"`
	Files           *apiFiles  `json:"files,omitempty"`
	Problem         string     `json:"problem,omitempty"`
	Code            string     `json:"code,omitempty"`
	Remedy          string     `json:"remedy,omitempty"`
}

// apiFiles are an export's output files in numbers.
type apiFiles struct {
	Listed      int64 `json:"listed"`
	Stored      int64 `json:"stored" doc:"Verified and durable."`
	Failed      int64 `json:"failed"`
	Bytes       int64 `json:"bytes" doc:"Of NDJSON."`
	Lines       int64 `json:"lines"`
	Delivered   int64 `json:"delivered"`
	Quarantined int64 `json:"quarantined"`
}

func apiExportOf(x store.Export) apiExport {
	return apiExport{
		ID: x.ID, Tenant: x.Tenant, Mode: x.Mode, Purpose: string(x.Purpose), State: string(x.State), Settled: x.State.Settled(),
		RequestedAt: x.RequestedAt, RequestedBy: x.RequestedBy, EndedAt: maybe(x.EndedAt), WaitingUntil: maybe(x.WaitingUntil),
		Progress: x.Progress, Types: x.Types, Since: x.Since, TransactionTime: x.TransactionTime, Retries: x.RetryCount,
		Problem: x.ProblemSummary, Code: x.ProblemCode, Remedy: x.ProblemRemedy,
	}
}

func maybe(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s *Server) exportWithFiles(ctx context.Context, tenant, id string) (apiExport, error) {
	in := s.opts.Store.In(tenant)
	x, err := in.Export(ctx, id)
	if p, ok := errors.AsType[*problem.Problem](err); ok && p.Code == problem.Usage {
		return apiExport{}, access.ErrNotFound
	}
	if err != nil {
		return apiExport{}, err
	}
	t, err := in.FileTotals(ctx, id)
	shown := apiExportOf(x)
	shown.Files = &apiFiles{t.Files, t.InRaw, t.Failed, t.Bytes, t.Lines, t.Delivered, t.Quarantined}
	return shown, err
}
