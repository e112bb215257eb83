package bulkdata

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
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

// An asked request is what a script was sent.
type asked struct {
	method, uri, body string
	header            http.Header
}

// A said answer is what a script says: a body, and header lines as name, value,
// ... in which BASE stands for the server's URL.
type said struct {
	status int
	body   string
	lines  []string
}

// A script is a TLS server that gives one answer after another, the last one
// for ever, and keeps what it was asked.
type script struct {
	url     string
	mu      sync.Mutex
	answers []said
	asked   []asked
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, asked{r.Method, r.RequestURI, string(body), r.Header.Clone()})
	a := s.answers[min(len(s.asked), len(s.answers))-1]
	for i := 0; i < len(a.lines); i += 2 {
		w.Header().Add(a.lines[i], strings.ReplaceAll(a.lines[i+1], "BASE", s.url))
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, strings.ReplaceAll(a.body, "BASE", s.url))
}

func (s *script) requests() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// uris are the methods and targets of what was asked.
func (s *script) uris() []string {
	var list []string
	for _, a := range s.requests() {
		list = append(list, a.method+" "+a.uri)
	}
	return list
}

// scriptOf starts a script and a client of it.
func scriptOf(t testing.TB, change func(*Config), answers ...said) (*Client, *script) {
	t.Helper()
	s := &script{answers: answers}
	ready := make(chan struct{})
	c, srv := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		<-ready
		s.ServeHTTP(w, r)
	}, change)
	s.url = srv.URL
	close(ready)
	return c, s
}

// accepted is the answer to a kick-off that starts an export.
var accepted = said{202, "", []string{"Content-Location", "BASE/fhir/status/1"}}

// everyDialect runs a test in all releases of the guide.
func everyDialect(t *testing.T, test func(t *testing.T, d Dialect)) {
	t.Helper()
	for _, d := range []Dialect{STU1, STU2, STU3, STU4} {
		t.Run(string(d), func(t *testing.T) { test(t, d) })
	}
}

func in(d Dialect) func(*Config) { return func(cfg *Config) { cfg.Dialect = d } }
