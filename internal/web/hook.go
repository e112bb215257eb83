package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/door"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/trigger"
)

// A hookAsk is what a caller of a hook sends.
type hookAsk struct {
	Tenant    string   `json:"tenant"`    // may be left out by a hook of one practice
	Kind      string   `json:"kind"`      // full or incremental, which is the default
	Types     []string `json:"types"`     // in the place of the practice's
	Since     string   `json:"since"`     // in the place of the watermark
	Group     string   `json:"group"`     // in the place of the practice's
	Reference string   `json:"reference"` // the caller's own; otherwise the message's id
	Callback  string   `json:"callback"`
}

// A hookAnswer says that a request is there.
type hookAnswer struct {
	Request int64  `json:"request"`
	Tenant  string `json:"tenant"`
	State   string `json:"state"`
	Export  string `json:"export,omitempty"` // of a request that was made before
}

// errNoHook says that the hook's secret cannot be read, which is for us to mend.
var errNoHook = problem.New(problem.ConfigMissing, "this hook cannot check signatures at present", "Ask who runs bulkhead: the log has the reason.")

// hook takes a signed request for an export. The same message gives the same
// request, however often it comes. Its answers are JSON.
func (s *Server) hook(w http.ResponseWriter, r *http.Request) error {
	h, ask, err := s.hooked(r)
	if err == nil {
		who := audit.Identity{Actor: store.FromHook + ":" + h.Name, Source: door.Address(r)}
		ask, err = s.opts.Triggers.Ask(audit.As(r.Context(), who), ask)
	}
	if err != nil {
		p := hookProblem(err)
		if p.Status >= http.StatusInternalServerError {
			s.opts.Log.Error("hook failed", "hook", r.PathValue("hook"), "error", err)
		}
		return writeJSON(w, p.Status, p.ContentType(""), p)
	}
	w.Header().Set("Location", requestPath(ask))
	return writeJSON(w, http.StatusAccepted, "application/json", hookAnswer{ask.ID, ask.Tenant, ask.State, ask.Export})
}

// hooked reads what a caller asks for, once it has proved who it is.
func (s *Server) hooked(r *http.Request) (h config.Hook, ask store.ExportRequest, err error) {
	h, ok := s.opts.Config().Hook(r.PathValue("hook"))
	if !ok || s.opts.Triggers == nil {
		return h, ask, access.ErrNotFound
	}
	body, err := io.ReadAll(r.Body) // bounded, as all bodies are
	if err != nil {
		return h, ask, err
	}
	key, err := h.Secret()
	if err != nil {
		s.opts.Log.Error("hook failed", "hook", h.Name, "error", err)
		return h, ask, errNoHook
	}
	id, err := trigger.Verify(key, r.Header, body, time.Now())
	if err != nil {
		if often := s.door.Knock("hook "+h.Name, r); often != nil {
			err = often
		}
		return h, ask, err
	}
	ask, err = hookRequest(h, id, body)
	return h, ask, err
}

// hookRequest makes a request of a message.
func hookRequest(h config.Hook, id string, body []byte) (store.ExportRequest, error) {
	asked := hookAsk{Tenant: h.Only(), Kind: export.Incremental, Reference: id}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&asked); err != nil || d.More() {
		return store.ExportRequest{}, problem.New(problem.RequestInvalid, "the message is not one JSON object of the fields that there are",
			"Send tenant, kind, types, since, group, reference and callback, as far as they are needed; docs/triggers.md shows how.")
	}
	if asked.Tenant == "" || !h.May(asked.Tenant) {
		return store.ExportRequest{}, problem.New(problem.TenantUnknown, "this hook has no such practice", "Name one of the practices that the hook's tenants list in the configuration.")
	}
	return store.ExportRequest{
		Tenant: asked.Tenant, Kind: asked.Kind, Types: strings.Join(asked.Types, ","), Since: asked.Since, Group: asked.Group,
		By: h.Name, Reference: asked.Reference, Callback: asked.Callback, Source: store.FromHook,
	}, nil
}

// hookProblem says what was wrong with a call of a hook.
func hookProblem(err error) *apiProblem {
	p := problemOf(page.FailureOf(err))
	if errors.Is(err, trigger.ErrUnsigned) || errors.Is(err, trigger.ErrStale) {
		p.Status, p.Title, p.Code, p.Type = http.StatusUnauthorized, page.Sentence(err), "", "about:blank"
		p.Remedy = "Sign id, time and body with the hook's secret, as docs/triggers.md shows."
	}
	if errors.Is(err, door.ErrTooOften) {
		p.Title = "Too many messages that were not signed as they must be."
	}
	if errors.Is(err, errNoHook) {
		p.Status = http.StatusServiceUnavailable
	}
	return p
}

func requestPath(r store.ExportRequest) string {
	return fmt.Sprintf("/api/v1/practices/%s/requests/%d", r.Tenant, r.ID)
}

func writeJSON(w http.ResponseWriter, status int, kind string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write an answer: %w", err)
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) //nolint:errcheck // whoever asked has gone
	return nil
}
