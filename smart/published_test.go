package smart

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAPublishedKeyIsCheckedAsAServerSeesIt(t *testing.T) {
	t.Attr("shows", "BS-019 BS-026 BS-031 BS-032 BS-095 BS-103 A4 A5")
	k, other := testKeys()[ES384], testKeys()[RS384]
	set := func(keys ...*Key) string {
		text, err := JWKS(keys...)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	private, err := k.PrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	twice := strings.Replace(set(k), "[", "["+strings.TrimSuffix(strings.TrimPrefix(set(k), `{"keys":[`), "]}")+",", 1)
	impostor, err := GenerateKey(ES384)
	if err != nil {
		t.Fatal(err)
	}
	impostor.id = k.id
	for name, c := range map[string]struct {
		status int
		body   string
		want   string // empty for good
	}{
		"there":               {200, set(other, k), ""},
		"beside unknown":      {200, strings.Replace(set(k), "[", `[{"kty":"OKP","crv":"Ed448","x":"AA","kid":"z"},`, 1), ""},
		"not there":           {200, set(other), "has no key"},
		"twice":               {200, twice, "2 times"},
		"another of the name": {200, set(impostor), "another one"},
		"private":             {200, `{"keys":[` + string(private) + `]}`, "private"},
		"HTML":                {200, "<html>", "not a JWK Set"},
		"an empty object":     {200, "{}", "not a JWK Set"},
		"missing":             {404, "", "there is none"},
		"behind a login":      {401, "", "status 401"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "" || r.Header.Get("Accept") != "application/json" {
					t.Errorf("headers = %v", r.Header)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer srv.Close()
			err := CheckPublished(t.Context(), srv.Client(), srv.URL+"/jwks.json", k)
			if c.want == "" && err == nil {
				return
			}
			e, ok := errors.AsType[*KeySetError](err)
			if !ok || c.want == "" || !strings.Contains(err.Error(), c.want) || e.Status != c.status || strings.Contains(err.Error(), `"d"`) {
				t.Errorf("CheckPublished = %v, want %q", err, c.want)
			}
		})
	}
	if err := CheckPublished(t.Context(), nil, "http://keys.example/jwks.json", k); err == nil || !strings.Contains(err.Error(), "plain http") {
		t.Errorf("over plain http: %v", err)
	}
}

func FuzzCheckSet(f *testing.F) {
	k := testKeys()[ES384]
	text, err := JWKS(k)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"keys":[{"kty":"EC"},1,null]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := checkSet(text, k); err == nil && !strings.Contains(string(text), "keys") {
			t.Errorf("%q is taken for the set", text)
		}
	})
}
