package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/door"
)

func TestEveryAnswerForbidsWhatBrowsersMightDo(t *testing.T) {
	t.Attr("asvs", "4.3.2 8.2.1 14.4.1 14.4.3 14.4.4 14.4.5 14.4.6 14.4.7")
	h := newHouse(t, func(o *Options) { o.TLS = true })
	v := h.visit()
	for _, path := range []string{"/", "/sign-in", "/nowhere", "/asset/style.css", "/asset/", "/api/v1/practices", "/api/openapi.json"} {
		got := v.get(path)
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
			"Strict-Transport-Security": "max-age=", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if !strings.Contains(got.header.Get(name), want) {
				t.Errorf("%s: %s is %q", path, name, got.header.Get(name))
			}
		}
		if kind := got.header.Get("Content-Type"); kind == "" || strings.HasPrefix(kind, "text/") && !strings.Contains(kind, "charset=utf-8") {
			t.Errorf("%s says of its kind %q", path, kind)
		}
		if !strings.HasPrefix(path, "/asset/") && got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept by a cache", path)
		}
	}
	if got := v.get("/asset/"); got.code != http.StatusNotFound {
		t.Errorf("the assets are listed: status %d", got.code)
	}
}

func TestALongBodyIsRefused(t *testing.T) {
	v := newHouse(t).visit()
	if got := v.post("/sign-in", "name", strings.Repeat("x", 2*door.MaxBody)); got.code != http.StatusTooManyRequests && got.code != http.StatusUnauthorized && got.code != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", got.code)
	}
	p := newHouse(t).program("operator")
	if got := p.ask("POST", "/api/v1/practices/lakeside/exports", "application/json", `{"since":"`+strings.Repeat("x", 2*door.MaxBody)+`"}`); got.code != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", got.code)
	}
}

func TestATokenEnds(t *testing.T) {
	t.Attr("asvs", "3.5.2")
	h := newHouse(t)
	v := h.program("viewer")
	if got := v.get("/api/v1/practices"); got.code != http.StatusOK {
		t.Fatalf("status %d", got.code)
	}
	tokens, err := h.store.Tokens(t.Context())
	if err != nil || tokens[0].LastUsedAt.IsZero() {
		t.Error("the use of a token is not recorded", err)
	}
	if _, err := h.store.RevokeToken(t.Context(), tokens[0].ID, audit.Event{Action: audit.AccessChanged}); err != nil {
		t.Fatal(err)
	}
	if got := v.get("/api/v1/practices"); got.code != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") == "" {
		t.Errorf("a revoked token: status %d", got.code)
	}
	old := h.program("viewer")
	all, err := h.store.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range all {
		if known.RevokedAt.IsZero() {
			known.ID, known.ExpiresAt = "old", time.Now()
			if err := h.store.AddToken(t.Context(), known, audit.Event{Action: audit.AccessChanged}); err != nil {
				t.Fatal(err)
			}
			old.token = strings.Replace(old.token, tokenID(old.token), "old", 1)
		}
	}
	if got := old.get("/api/v1/practices"); got.code != http.StatusUnauthorized {
		t.Errorf("an expired token: status %d", got.code)
	}
}

func tokenID(token string) string { return strings.Split(token, "_")[1] }
