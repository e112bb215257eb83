package bulkdata

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"
)

const base = "https://fhir.example/r4/abcdef"

var silent = log.New(io.Discard, "", 0)

// A transport answers with a function instead of a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// reply makes a response as a server would. Header lines are name, value, ...
func reply(status int, body string, lines ...string) *http.Response {
	w := httptest.NewRecorder()
	for i := 0; i < len(lines); i += 2 {
		w.Header().Add(lines[i], lines[i+1])
	}
	w.WriteHeader(status)
	_, _ = w.WriteString(body)
	return w.Result()
}

// tokens are numbered from token-1; Invalidate makes the next one.
type tokens struct {
	mu      sync.Mutex
	dropped int
	err     error
}

func (s *tokens) Token(context.Context) (*oauth2.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	return &oauth2.Token{AccessToken: "token-" + strconv.Itoa(s.dropped+1)}, nil
}

func (s *tokens) Invalidate(t *oauth2.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.AccessToken == "token-"+strconv.Itoa(s.dropped+1) {
		s.dropped++
	}
}

// clientOf makes a client whose server is rt.
func clientOf(t testing.TB, rt transport, change func(*Config)) *Client {
	t.Helper()
	cfg := Config{BaseURL: base, HTTPClient: &http.Client{Transport: rt}, Tokens: &tokens{}}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serverOf starts a TLS server and a client of it; its base has the path /fhir.
func serverOf(t testing.TB, handler http.HandlerFunc, change func(*Config)) (*Client, *httptest.Server) {
	t.Helper()
	srv := httptest.NewUnstartedServer(handler)
	srv.Config.ErrorLog = silent
	srv.StartTLS()
	t.Cleanup(srv.Close)
	cfg := Config{BaseURL: srv.URL + "/fhir", HTTPClient: srv.Client(), Tokens: &tokens{}}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c, srv
}

const duplicate = `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"duplicate","diagnostics":"CANARY Mrs Smith"}]}`

func outcomeOf(codes ...string) string {
	var text strings.Builder
	text.WriteString(`{"resourceType":"OperationOutcome","issue":[`)
	for i, code := range codes {
		if i > 0 {
			text.WriteString(",")
		}
		text.WriteString(`{"severity":"error","code":"` + code + `","details":{"text":"CANARY text"}}`)
	}
	return text.String() + "]}"
}
