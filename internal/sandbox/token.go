package sandbox

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// The token server's paths: one endpoint for all ecw practices, and one of
// each practice's own.
const (
	sharedTokenPath = "/oauth/oauth2/token"
	ownTokenPrefix  = "/oauth/practice/"
)

// shortestTokenLife holds whatever the time scale says.
const shortestTokenLife = 5 * time.Second

// tokens is the token server: it knows the clients, the tokens in force and
// the assertions that were used.
type tokens struct {
	s       *Server
	clients map[string]*client
	fetch   *http.Client
	faults  faulty // of the shared endpoint

	mu    sync.Mutex
	knobs TokenKnobs // of the shared endpoint
	live  map[string]*grant
	used  map[string]time.Time // client and jti, until the assertion ends
	swept time.Time
	limit map[string]*limit // of each endpoint, by its URL
	turns map[string]int    // token requests, by the endpoint's URL
	seen  map[string]*TokenObservations
}

type client struct {
	Client
	keys *keys
}

func newTokens(s *Server, cfg Config) (*tokens, error) {
	roots := cfg.JWKSRoots
	t := &tokens{
		s:       s,
		clients: map[string]*client{},
		fetch: &http.Client{
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return errors.New("the JWKS URL redirects")
			},
		},
		knobs: sharedToken(cfg),
		live:  map[string]*grant{},
		used:  map[string]time.Time{},
		limit: map[string]*limit{},
		turns: map[string]int{},
		seen:  map[string]*TokenObservations{},
	}
	t.faults.clock = s.clock
	t.faults.set(t.knobs.Faults)
	for _, c := range cfg.Clients {
		k, err := newKeys(c, t.fetch)
		if err != nil {
			return nil, fmt.Errorf("client %q: %w", c.ID, err)
		}
		t.clients[c.ID] = &client{c, k}
	}
	return t, nil
}

// sharedToken is how the shared endpoint behaves: as configured, or as the
// first practice that uses it says, or as eClinicalWorks' does.
func sharedToken(cfg Config) TokenKnobs {
	if cfg.Token != nil {
		return cfg.Token.clone()
	}
	for _, p := range cfg.Practices {
		if p.Knobs != nil && !p.Knobs.OwnToken && !p.Open {
			return p.Knobs.Token.clone()
		}
	}
	return ECW().Token
}

// SetToken changes how the shared token endpoint behaves, from the next
// request on.
func (s *Server) SetToken(change func(*TokenKnobs)) {
	t := s.tokens
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.knobs.clone()
	change(&k)
	t.knobs = k
	t.faults.set(k.Faults)
}

// Revoke ends every token in force, as if its time were over.
func (s *Server) Revoke() {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	clear(s.tokens.live)
}

func (t *tokens) close() { t.fetch.CloseIdleConnections() }

func (t *tokens) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+sharedTokenPath, t.endpoint(nil))
	for code, p := range t.s.practices {
		mux.Handle("POST "+ownTokenPrefix+code+"/token", t.endpoint(p))
	}
	mux.HandleFunc("/", t.s.noPractice)
	return mux
}

// A tokenRequest is one request to a token endpoint.
type tokenRequest struct {
	r      *http.Request
	url    string // of the endpoint, which the assertion has to name
	k      TokenKnobs
	scopes []string // on offer
	form   url.Values
	client string // that the assertion names; empty until it is read
}

// endpoint returns the token endpoint of p, or the shared one when p is nil.
func (t *tokens) endpoint(p *PracticeServer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &answer{ResponseWriter: w, ctx: r.Context()}
		log := Request{Kind: KindToken, Stray: true}
		q := &tokenRequest{r: r, url: t.s.tokenURL + sharedTokenPath}
		faults, within := &t.faults, true
		if p == nil {
			t.mu.Lock()
			q.k = t.knobs
			t.mu.Unlock()
			q.scopes = t.s.sharedScopes()
		} else {
			k := p.snapshot()
			log.Practice = p.cfg.Code
			faults, within = &p.tokenFaults, p.within(k)
			q.url, q.k, q.scopes = p.ownTokenURL(), k.Token, p.scopes(k)
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err == nil {
			q.form, err = url.ParseQuery(string(body))
		}
		t.s.handle(a, r, log, func(log *Request) {
			if !within {
				a.WriteHeader(http.StatusTooManyRequests)
				return
			}
			fault, ok := faults.next(asked{kind: KindToken})
			if !ok && p != nil {
				fault, _ = p.faults.next(asked{kind: KindToken, named: true})
			}
			log.Fault = fault.Do
			suffer(a, fault, func() { t.answer(a, q, err) })
			t.note(q, a.status)
		})
	})
}

// sharedScopes are the scopes of every practice that uses the shared endpoint.
func (s *Server) sharedScopes() []string {
	var all []string
	for _, p := range s.practices {
		if k := p.snapshot(); !p.cfg.Open && !k.OwnToken {
			all = append(all, p.scopes(k)...)
		}
	}
	return all
}

// grant checks a token request and makes a token for it.
func (t *tokens) grant(q *tokenRequest) (string, *grant, error) {
	media, _, _ := mime.ParseMediaType(q.r.Header.Get("Content-Type"))
	switch {
	case media != "application/x-www-form-urlencoded":
		return "", nil, &oauthError{http.StatusBadRequest, "invalid_request", "the body must be a form"}
	case q.form.Get("grant_type") != "client_credentials":
		return "", nil, &oauthError{http.StatusBadRequest, "unsupported_grant_type", "grant_type must be client_credentials"}
	case q.form.Get("client_assertion_type") != assertionType:
		return "", nil, &oauthError{http.StatusBadRequest, "invalid_request", "client_assertion_type must be " + assertionType}
	}
	c, err := t.authenticate(q)
	if err != nil {
		return "", nil, err
	}
	if t.turn(q) <= q.k.Replay {
		return "", nil, &oauthError{http.StatusServiceUnavailable, "temporarily_unavailable", "try again with a new assertion"}
	}
	scopes := strings.Fields(q.form.Get("scope"))
	if len(scopes) == 0 {
		return "", nil, &oauthError{http.StatusBadRequest, "invalid_request", "scope is missing"}
	}
	for _, s := range scopes {
		if !slices.Contains(q.scopes, s) || (c.Scopes != nil && !slices.Contains(c.Scopes, s)) {
			return "", nil, &oauthError{http.StatusBadRequest, q.k.BadScope, "a scope is not available to this client"}
		}
	}
	scopes = narrow(scopes, q.k.Narrow, q.scopes)
	g := &grant{
		client:  c,
		scopes:  scopes,
		expires: time.Now().Add(max(t.s.clock.real(q.k.Life), shortestTokenLife)),
		usedAt:  map[string]bool{},
	}
	token := rand.Text() + rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live[token] = g
	return token, g, nil
}

// turn counts the endpoint's requests that came with a good assertion.
func (t *tokens) turn(q *tokenRequest) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turns[q.url]++
	return t.turns[q.url]
}

// sweep forgets, now and then, what has expired.
func (t *tokens) sweep(now time.Time) {
	if now.Sub(t.swept) < time.Minute {
		return
	}
	t.swept = now
	for use, end := range t.used {
		if now.After(end) {
			delete(t.used, use)
		}
	}
	for token, g := range t.live {
		if now.After(g.expires) {
			delete(t.live, token)
		}
	}
}
