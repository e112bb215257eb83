package app_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/web"
)

// everyPage gives what pages and operations show of lakeside and its first
// export to somebody who may see as much as there is without a reason.
func everyPage(t *testing.T, a *app.App) map[string]string {
	t.Helper()
	pages, err := web.New(web.Options{Config: a.InForce, Store: a.Store, Files: a.Files, Work: a.Engine, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	token, id, hash := access.NewToken()
	grants := []access.Grant{{Role: access.Operator, Tenant: access.Every}, {Role: access.PrivacyOfficer, Tenant: access.Every}}
	if err := a.Store.AddToken(t.Context(), store.Token{ID: id, Name: "canary", Hash: hash, ExpiresAt: time.Now().Add(time.Hour), Grants: grants}, audit.Event{Action: audit.AccessChanged}); err != nil {
		t.Fatal(err)
	}
	get := func(path string) string {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Errorf("%s: status %d", path, w.Code)
		}
		return w.Body.String()
	}
	list, err := a.Store.In("lakeside").Exports(t.Context(), 10)
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	x := "/practices/lakeside/exports/" + list[len(list)-1].ID
	shown := map[string]string{}
	for _, path := range []string{
		"/", "/alerts", "/queue", "/deadlines", "/deadlines?show=agreements", "/quality", "/quarantine", "/audit",
		"/practices/lakeside", "/practices/lakeside/quality", "/practices/lakeside/quarantine", "/practices/lakeside/roster", x, x + "/files", x + "/quarantine",
	} {
		shown[path] = get(path)
	}
	if !strings.Contains(shown[x+"/quarantine"], "&lt;string") || !strings.Contains(shown["/practices/lakeside/quarantine"], "id_missing") {
		t.Error("no refused line is shown: the test would show nothing")
	}
	var described struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal([]byte(get("/api/openapi.json")), &described); err != nil || len(described.Paths) < 15 {
		t.Fatal(len(described.Paths), err)
	}
	for path, methods := range described.Paths {
		if _, ok := methods["get"]; ok && !strings.Contains(path, "{request}") {
			path = strings.NewReplacer("{tenant}", "lakeside", "{export}", list[len(list)-1].ID).Replace(path)
			shown[path] = get(path)
		}
	}
	return shown
}
