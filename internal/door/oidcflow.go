package door

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// flowHolds is how long somebody may take to sign in at the provider.
const flowHolds = 10 * time.Minute

// A flow is one way to the identity provider and back. Its secret stays in the
// browser that began it, in a cookie; state, nonce and PKCE verifier are made of
// the cookie's whole text, so that an answer counts in that browser only, and
// nothing is kept here of those who never come back.
type flow struct {
	text  string // of the cookie
	begun time.Time
	again bool   // a person who has signed in proves who they are
	next  string // where it leads
}

func newFlow(next string, again bool) flow {
	f := flow{begun: time.Now().Truncate(time.Second), again: again, next: next}
	kind := "first"
	if again {
		kind = "again"
	}
	f.text = strings.Join([]string{rand.Text() + rand.Text(), strconv.FormatInt(f.begun.Unix(), 10), kind, base64.RawURLEncoding.EncodeToString([]byte(next))}, ".")
	return f
}

// parseFlow reads the text of a cookie; false for one that is not of a flow, or
// of one that took too long.
func parseFlow(text string) (flow, bool) {
	part := strings.Split(text, ".")
	if len(part) != 4 || len(part[0]) < 52 {
		return flow{}, false
	}
	at, err := strconv.ParseInt(part[1], 10, 64)
	if err != nil {
		return flow{}, false
	}
	next, err := base64.RawURLEncoding.DecodeString(part[3])
	if err != nil {
		return flow{}, false
	}
	f := flow{text: text, begun: time.Unix(at, 0), again: part[2] == "again", next: Local(string(next))}
	age := time.Since(f.begun)
	return f, age >= -time.Minute && age < flowHolds
}

// derive makes a value for one use; nobody gets the cookie's secret from it.
func (f flow) derive(use string) string {
	sum := sha256.Sum256([]byte(use + "\n" + f.text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (f flow) state() string    { return f.derive("state") }
func (f flow) nonce() string    { return f.derive("nonce") }
func (f flow) verifier() string { return f.derive("verifier") }

func (d *Door) flowCookie() string { return d.cookieName() + "-provider" }

// keepFlow leaves a flow in the browser.
func (d *Door) keepFlow(w http.ResponseWriter, f flow) {
	c := d.cookie(d.flowCookie(), f.text)
	c.MaxAge = int(flowHolds / time.Second)
	http.SetCookie(w, c)
}

// endFlow takes the flow from the browser; false says that the answer does not
// belong to one that began there.
func (d *Door) endFlow(w http.ResponseWriter, r *http.Request) (flow, bool) {
	gone := d.cookie(d.flowCookie(), "")
	gone.MaxAge = -1
	http.SetCookie(w, gone)
	c, err := r.Cookie(d.flowCookie())
	if err != nil {
		return flow{}, false
	}
	f, ok := parseFlow(c.Value)
	return f, ok && subtle.ConstantTimeCompare([]byte(f.state()), []byte(r.URL.Query().Get("state"))) == 1
}

// webURL gives a text that is the URL of a page; empty for anything else.
func webURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return ""
	}
	return text
}
