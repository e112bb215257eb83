package keyring

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// ask gets a path of the handler over a real connection, without any
// authorization.
func ask(t *testing.T, srv *httptest.Server, method, path, etag string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

func TestAnyoneMayFetchThePublicKeysAndNothingElse(t *testing.T) {
	t.Attr("shows", "BS-019 BS-021 BS-026 BS-027 BS-028 BS-029 BS-031 BS-032 BS-103 A5")
	r := newRig(t, served)
	srv := httptest.NewTLSServer(Handler(map[string]*Source{"vendor": r.serve}))
	defer srv.Close()
	started := time.Now()
	resp, body := ask(t, srv, http.MethodGet, "/jwks/vendor.json", "")
	if took := time.Since(started); took > time.Second {
		t.Errorf("the answer took %v", took)
	}
	h := resp.Header
	if resp.StatusCode != http.StatusOK || h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "public, max-age=3600" {
		t.Errorf("status %d, headers %v", resp.StatusCode, h)
	}
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("set of %d keys: %v", len(set.Keys), err)
	}
	for member := range set.Keys[0] {
		if !slices.Contains([]string{"kty", "kid", "use", "alg", "crv", "x", "y"}, member) {
			t.Errorf("a published key has the member %s", member)
		}
	}
	if k := set.Keys[0]; k["kid"] != r.first || k["kty"] != "EC" || len(k["x"]) != 64 || len(k["y"]) != 64 {
		t.Errorf("kid %s, kty %s", k["kid"], k["kty"])
	}
	if resp, body := ask(t, srv, http.MethodHead, "/jwks/vendor.json", ""); resp.StatusCode != http.StatusOK || len(body) > 0 {
		t.Errorf("HEAD: status %d, %d bytes", resp.StatusCode, len(body))
	}
	if resp, _ := ask(t, srv, http.MethodGet, "/jwks/vendor.json", h.Get("ETag")); resp.StatusCode != http.StatusNotModified {
		t.Errorf("with its own ETag: status %d", resp.StatusCode)
	}
	for path, want := range map[string]int{"/": 404, "/jwks/": 404, "/jwks/other.json": 404, "/jwks/../jwks/vendor.jwk": 404} {
		if resp, _ := ask(t, srv, http.MethodGet, path, ""); resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, resp.StatusCode, want)
		}
	}
	if resp, _ := ask(t, srv, http.MethodPost, "/jwks/vendor.json", ""); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: status %d", resp.StatusCode)
	}
	r.rotate(served)
	if resp, _ := ask(t, srv, http.MethodGet, "/jwks/vendor.json", h.Get("ETag")); resp.StatusCode != http.StatusOK {
		t.Errorf("after a rotation by another process: status %d, want the new set", resp.StatusCode)
	}
}

func TestAFolderThatCannotBeReadIsNoEmptySet(t *testing.T) {
	r := newRig(t, served)
	list, err := r.ring.entries()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.ring.note(list[0], confirmed, disabling{Disabled: time.Now()}); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(Handler(map[string]*Source{"vendor": r.serve}))
	defer srv.Close()
	resp, body := ask(t, srv, http.MethodGet, "/jwks/vendor.json", "")
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Cache-Control") != "" || string(body) != "the keys cannot be read\n" {
		t.Errorf("status %d, %s", resp.StatusCode, body)
	}
}
