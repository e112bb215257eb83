// Package door is who asks, and whether they may: signing in by a password and a
// second factor or at an identity provider, sessions, tokens of programs, people
// and what each may do, and the decision about every request for a page or an
// operation. It also says what browsers may do with an answer, and slows down who
// tries too often.
//
// It decides by what a route says of itself and by the roles of who asks; what is
// behind a route it does not know. It shows nothing of any practice. What it
// refuses and what it changes of access is on record.
//
// Model of its defences: https://owasp.org/www-project-application-security-verification-standard/
// (level 2). Sign-in at a provider: https://openid.net/specs/openid-connect-core-1_0.html
package door

import (
	"embed"
	"encoding/json"
	"html/template"
	"log/slog"
	"net/http"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Options are what a Door is made of.
type Options struct {
	Config func() *config.Config // the configuration in force
	Store  *store.Store
	Pages  *page.Book // to which it adds its own
	Log    *slog.Logger
	TLS    bool // people come over TLS: cookies are for TLS only

	// Code lets whoever knows it make the first person, as long as there is
	// none. Empty lets nobody.
	Code string
}

// A Door lets people and programs in. It is safe for concurrent use and keeps no
// goroutine; its sessions are in the ledger.
type Door struct {
	opts     Options
	doors    *doors
	desk     desk
	provider *provider // nil: people sign in with passwords only
}

//go:embed page/*.html
var pageFiles embed.FS

// New makes a door, and adds its pages. The error is the problem of a file that
// the configuration names for the identity provider; or of a page that is not a
// template: a bug.
func New(o Options) (*Door, error) {
	d := &Door{opts: o, doors: newDoors(), desk: newDesk()}
	if w := o.Config().Web; w.OIDC != nil {
		var err error
		if d.provider, err = newProvider(w); err != nil {
			return nil, err
		}
	}
	return d, o.Pages.Add(pageFiles, template.FuncMap{"passwordRules": passwordRules})
}

// passwordRules are the rules of passwords for the script that judges one as it
// is typed.
func passwordRules() (string, error) {
	text, err := json.Marshal(access.PasswordRules())
	return string(text), err
}

// MaxBody is how long a request's body may be, in bytes: forms and wishes are
// short.
const MaxBody = 64 << 10

// Front stands before everything that is served: it says what browsers may do
// with each answer, bounds what is sent, and refuses forms of other sites.
func (d *Door) Front(next http.Handler) http.Handler {
	return d.headers(limitBody(http.NewCrossOriginProtection().Handler(next)))
}

func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		next.ServeHTTP(w, r)
	})
}

// headers say what a browser may do with an answer: nothing but show it here.
func (d *Door) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // with no-referrer Safari says of our own forms that they are from nowhere
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		h.Set("Vary", "Cookie")
		if d.opts.TLS {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}
