package sandbox

import (
	"net/http"
	"sync"
)

// affinityCookie is the name that Azure's Application Gateway gives to the
// cookie that leads to a node.
const affinityCookie = "ApplicationGatewayAffinity"

// affinity knows which export each cookie was set for.
type affinity struct {
	mu      sync.Mutex
	exports map[string]*export
	stray   map[string]int // by practice code
}

func newAffinity() *affinity {
	return &affinity{exports: map[string]*export{}, stray: map[string]int{}}
}

// cookie makes the cookie that leads to e. It names no path but the root, as
// the gateway's does, so that the client has to keep practices apart.
func (a *affinity) cookie(e *export) *http.Cookie {
	c := &http.Cookie{Name: affinityCookie, Value: newID(), Path: "/", HttpOnly: true}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.exports[c.Value] = e
	return c
}

// brought reports whether r brings the cookie that leads to e.
func (a *affinity) brought(r *http.Request, e *export) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range r.CookiesNamed(affinityCookie) {
		if a.exports[c.Value] == e {
			return true
		}
	}
	return false
}

// see counts a cookie that reaches a place it was not set for: another
// practice, or no FHIR server.
func (a *affinity) see(r *http.Request, code string, kind Kind) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range r.CookiesNamed(affinityCookie) {
		e := a.exports[c.Value]
		if e == nil || e.p.cfg.Code != code || kind == KindToken || kind == KindStorage {
			a.stray[code]++
		}
	}
}

func (a *affinity) strays(code string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stray[code]
}
