package smart

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

const ecwLike = `{
  "authorization_endpoint": "https://auth.example/oauth2/authorize",
  "token_endpoint": "https://auth.example/oauth2/token",
  "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
  "grant_types_supported": ["authorization_code", "client_credentials"],
  "scopes_supported": ["system/Patient.read", "system/*.r"],
  "capabilities": ["client-confidential-asymmetric", "https://example.org/own"],
  "something_new": {"deep": [1]}
}`

func TestDiscoverAppendsToTheWholeBase(t *testing.T) {
	t.Attr("shows", "BS-003 BS-004 BS-006 BS-013")
	var paths []string
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
		if r.Header.Get("Accept") != "application/json" || r.Header.Get("Authorization") != "" {
			t.Errorf("headers = %v", r.Header)
		}
		_, _ = w.Write([]byte(ecwLike))
	}))
	defer srv.Close()
	for _, base := range []string{srv.URL, srv.URL + "/", srv.URL + "/apis/fhir", srv.URL + "/apis/fhir/"} {
		c, err := Discover(t.Context(), srv.Client(), base)
		if err != nil {
			t.Fatal(err)
		}
		if c.TokenEndpoint != "https://auth.example/oauth2/token" {
			t.Errorf("token endpoint = %s", c.TokenEndpoint)
		}
		if w := c.Warnings(); w != nil {
			t.Errorf("warnings = %v", w)
		}
	}
	want := []string{
		"/.well-known/smart-configuration", "/.well-known/smart-configuration",
		"/apis/fhir/.well-known/smart-configuration", "/apis/fhir/.well-known/smart-configuration",
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Error(diff)
	}
}

func TestDiscoverTellsWeatherFromTheRest(t *testing.T) {
	t.Attr("shows", "BS-006 BS-007")
	for name, c := range map[string]struct {
		status    int
		body      string
		temporary bool
		want      string
	}{
		"missing":      {404, "", false, "no SMART configuration"},
		"broken proxy": {502, "<html>", true, "status 502"},
		"too many":     {429, "", true, "status 429"},
		"forbidden":    {403, "", false, "status 403"},
		"HTML":         {200, "<html>", false, "not a JSON object"},
		"no endpoint":  {200, `{"issuer":"x"}`, false, "token_endpoint is missing"},
		"wrong type":   {200, `{"token_endpoint":["x"]}`, false, "token_endpoint is not a text"},
		"wrong list":   {200, `{"token_endpoint":"x","capabilities":"y"}`, false, "capabilities is not a list"},
		"too large":    {200, `{"a":"` + strings.Repeat("x", maxConfiguration) + `"}`, false, "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			client := &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
				return reply(c.status, nil, c.body), nil
			})}
			_, err := Discover(t.Context(), client, "https://fhir.example/r4")
			d, ok := errors.AsType[*DiscoveryError](err)
			if !ok || d.Status != c.status || d.Temporary() != c.temporary || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Discover = %v (temporary %v)", err, ok && d.Temporary())
			}
			if errors.Is(err, ErrNotPublished) != (c.status == 404) {
				t.Errorf("ErrNotPublished in %v", err)
			}
		})
	}
}

func TestDiscoverTakesAnAnswerThatEndsEarlyForWeather(t *testing.T) {
	client := &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
		a := reply(200, nil, "")
		a.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"token_end`), iotest.ErrReader(io.ErrUnexpectedEOF)))
		return a, nil
	})}
	_, err := Discover(t.Context(), client, "https://fhir.example/r4")
	if d, ok := errors.AsType[*DiscoveryError](err); !ok || d.Status != 0 || !d.Temporary() {
		t.Errorf("Discover = %v", err)
	}
}

func TestDiscoverVerifiesTheServer(t *testing.T) {
	t.Attr("shows", "BS-002")
	reached := false
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	srv.Config.ErrorLog = silent
	srv.StartTLS()
	defer srv.Close()
	_, err := Discover(t.Context(), nil, srv.URL)
	d, ok := errors.AsType[*DiscoveryError](err)
	if !ok || d.Temporary() || reached {
		t.Errorf("Discover of an unknown authority = %v", err)
	}
}

func TestDiscoverRefusesBasesAndDowngrades(t *testing.T) {
	t.Attr("shows", "BS-001")
	for _, base := range []string{"", "fhir", "http://fhir.example/r4", "https://u:p@fhir.example", "https://h/?q=secret", "ftp://h/"} {
		_, err := Discover(t.Context(), &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			t.Errorf("a request left for %q", base)
			return nil, context.Canceled
		})}, base)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("base %q: %v", base, err)
		}
	}
	var asked []string
	client := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.URL.Scheme)
		return reply(302, map[string]string{"Location": "http://localhost/x"}, ""), nil
	})}
	if _, err := Discover(t.Context(), client, "https://fhir.example/r4"); !errors.Is(err, errHop) {
		t.Errorf("downgrade: %v", err)
	}
	if slices.Contains(asked, "http") {
		t.Error("plain http was asked")
	}
}

func TestRelativeEndpointsResolveAgainstTheBase(t *testing.T) {
	t.Attr("shows", "BS-008")
	c, err := ParseConfiguration([]byte(`{"token_endpoint":"auth/token","jwks_uri":"/keys","authorization_endpoint":null}`), "https://h/apis/fhir/")
	if err != nil {
		t.Fatal(err)
	}
	if c.TokenEndpoint != "https://h/apis/fhir/auth/token" || c.JWKSURI != "https://h/keys" || c.AuthorizationEndpoint != "" {
		t.Errorf("endpoints = %q %q %q", c.TokenEndpoint, c.JWKSURI, c.AuthorizationEndpoint)
	}
	if diff := cmp.Diff([]string{"token_endpoint", "jwks_uri"}, c.Relative); diff != "" {
		t.Error(diff)
	}
	if got := len(c.Warnings()); got != 3 {
		t.Errorf("warnings = %v", c.Warnings())
	}
}

func TestSelectKeyFollowsTheServersList(t *testing.T) {
	t.Attr("shows", "BS-011 BS-039 A4")
	r, e := testKeys()[RS384], testKeys()[ES384]
	for _, c := range []struct {
		listed []string
		keys   []*Key
		want   *Key
	}{
		{nil, []*Key{e, r}, r},
		{nil, []*Key{e}, e},
		{[]string{"ES384"}, []*Key{r, e}, e},
		{[]string{"RS256", "RS384"}, []*Key{e, r}, r},
		{[]string{"RS384"}, []*Key{e}, nil},
		{[]string{"HS256"}, []*Key{r, e}, nil},
	} {
		got, err := (&Configuration{SigningAlgorithms: c.listed}).SelectKey(c.keys...)
		if got != c.want || (err == nil) != (c.want != nil) {
			t.Errorf("SelectKey of %v with %v = %v, %v", c.keys, c.listed, got, err)
		}
	}
}

func FuzzParseConfiguration(f *testing.F) {
	f.Add([]byte(ecwLike))
	f.Add([]byte(`{"token_endpoint":"auth/token"}`))
	f.Add([]byte(`{"token_endpoint":"%"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfiguration(text, "https://fhir.example/r4")
		if err == nil && (c.TokenEndpoint == "" || !strings.Contains(c.TokenEndpoint, ":")) {
			t.Errorf("token endpoint = %q", c.TokenEndpoint)
		}
	})
}
