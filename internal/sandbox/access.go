package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// A grant is what a token stands for.
type grant struct {
	client  *client
	scopes  []string
	expires time.Time

	mu     sync.Mutex
	usedAt map[string]bool // practices that were charged for the token call
}

// lookup returns the grant of a token in force.
func (t *tokens) lookup(token string) (*grant, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, ok := t.live[token]
	return g, ok && time.Now().Before(g.expires)
}

// first reports whether the grant is used at practice code for the first time.
func (g *grant) first(code string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.usedAt[code]
	g.usedAt[code] = true
	return !was
}

// authorize returns what the request's token allows at the practice; an open
// practice allows everything. When it returns false it has answered 401.
func (p *PracticeServer) authorize(x *exchange) (*grant, bool) {
	if p.cfg.Open {
		return &grant{client: &client{}, scopes: []string{"system/*.read"}}, true
	}
	scheme, token, _ := strings.Cut(x.r.Header.Get("Authorization"), " ")
	g, ok := p.s.tokens.lookup(token)
	if !ok || !strings.EqualFold(scheme, "Bearer") ||
		(g.client.Practices != nil && !slices.Contains(g.client.Practices, p.cfg.Code)) {
		x.Header().Set("WWW-Authenticate", "Bearer")
		x.refuse(http.StatusUnauthorized, "login", "The access token is missing, has expired or is not for this practice.")
		return nil, false
	}
	if !x.k.OwnToken && g.first(p.cfg.Code) {
		p.within(x.k) // the token call counts too, as late as the practice is known
	}
	return g, true
}
