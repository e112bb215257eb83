package export

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// transport keeps back what would go to a server that cannot be reached; it
// counts the tenant's requests in its endpoint's clock-minute window, tokens
// included, and keeps back what the window has no room for.
func (c *Connections) transport(t *config.Tenant) http.RoundTripper {
	next := c.counted(t)
	if c.circuits != nil {
		next = &broken{next: next, circuits: c.circuits}
	}
	return next
}

func (c *Connections) counted(t *config.Tenant) http.RoundTripper {
	next := c.way(t)
	if c.around != nil {
		next = c.around(next)
	}
	if c.answered != nil {
		next = &told{next: next, tenant: t.ID, tell: c.answered}
	}
	if header := c.config.Profile(t).ClientIDHeader; header != "" {
		if registration, ok := c.config.Registration(t); ok {
			next = &named{next: next, header: header, client: registration.ClientID, base: t.FHIRBaseURL}
		}
	}
	limit := c.config.RequestsPerMinute(t)
	if limit == 0 || c.store == nil {
		return next
	}
	return &window{next: next, ledger: c.store.In(t.ID), endpoint: t.FHIRBaseURL, limit: int64(limit)}
}

type window struct {
	next     http.RoundTripper
	ledger   *store.Scope
	endpoint string
	limit    int64
}

// uncounted is how long a request waits that the ledger could not count.
const uncounted = 5 * time.Second

// RoundTrip sends the request if the window has room; a *Later otherwise. A
// ledger that cannot count it is trouble of ours, not of the export: nothing
// is sent, and it is tried again soon. A server that answers 429 without
// saying until when has spent the window.
func (w *window) RoundTrip(r *http.Request) (*http.Response, error) {
	ok, next, err := w.ledger.TakeRequest(r.Context(), w.endpoint, w.limit)
	if err != nil || !ok {
		var wait error = &Later{Until: next, Reason: fmt.Sprintf("the practice's %d requests of this minute are spent", w.limit), Held: store.HeldByServer}
		if err != nil {
			wait = &Later{Until: time.Now().Add(uncounted), Reason: "the ledger cannot count the request: " + err.Error()}
		}
		if r.Body != nil {
			wait = errors.Join(wait, r.Body.Close())
		}
		return nil, wait
	}
	answer, err := w.next.RoundTrip(r)
	if err == nil && answer.StatusCode == http.StatusTooManyRequests && answer.Header.Get("Retry-After") == "" {
		// The answer counts, whether or not this can be written: after a
		// kick-off it says that nothing was started.
		_ = w.ledger.FillWindow(context.WithoutCancel(r.Context()), w.endpoint, w.limit)
	}
	return answer, err
}

// named adds the client id to requests to the practice's own server.
type named struct {
	next                 http.RoundTripper
	header, client, base string
}

// RoundTrip sends the request, with the header if it goes to the FHIR base.
func (n *named) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.String(), n.base+"/") {
		r = r.Clone(r.Context())
		r.Header.Set(n.header, n.client)
	}
	return n.next.RoundTrip(r)
}

// A jar keeps the cookies of one tenant's server, for gateways that send all
// requests of an export to the same machine behind them. It knows no other
// host, whatever a cookie says of its domain, and forgets them with the process.
type jar struct {
	host string
	kept http.CookieJar
}

func newJar(base string) *jar {
	u, err := url.Parse(base)
	if err != nil {
		panic(err) // the configuration has checked it
	}
	kept, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // it has no such error without options
	}
	return &jar{host: u.Host, kept: kept}
}

// SetCookies keeps what the server's own host sets.
func (j *jar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	if u.Host != j.host {
		return
	}
	for _, c := range cookies {
		c.Domain = ""
	}
	j.kept.SetCookies(u, cookies)
}

// Cookies gives what goes to the server's own host, and nothing to others.
func (j *jar) Cookies(u *url.URL) []*http.Cookie {
	if u.Host != j.host {
		return nil
	}
	return j.kept.Cookies(u)
}
