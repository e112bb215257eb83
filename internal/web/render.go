package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

//go:embed page/*.html
var pageFiles embed.FS

//go:embed asset/*
var assetFiles embed.FS

// parsePages parses each page with the frame around it.
func parsePages() (map[string]*template.Template, error) {
	names, err := fs.Glob(pageFiles, "page/*.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, name := range names {
		t, err := template.New("frame.html").Funcs(words).Funcs(pageWords).ParseFS(pageFiles, "page/frame.html", "page/parts.html", name)
		if err != nil {
			return nil, fmt.Errorf("read page %s: %w", name, err)
		}
		pages[strings.TrimSuffix(path.Base(name), ".html")] = t
	}
	return pages, nil
}

// assets serves what pages are made with. They are of this program, and a
// browser may keep them for a while.
func assets() http.Handler {
	files := http.FileServerFS(assetFiles)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") { // no listing
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "max-age=300")
		files.ServeHTTP(w, r)
	})
}

// A frame is what every page has around what it shows.
type frame struct {
	Actor   access.Actor
	Known   bool // somebody has signed in
	Now     time.Time
	Path    string
	Content any
}

// May reports whether who looks may do act in the practice.
func (f frame) May(act access.Act, tenant string) bool { return f.Actor.May(act, tenant) }

// show writes a page whole, or an error and nothing of it.
func (s *Server) show(w http.ResponseWriter, r *http.Request, code int, page string, content any) error {
	actor := actorOf(r.Context())
	var b bytes.Buffer
	if err := s.pages[page].Execute(&b, frame{Actor: actor, Known: actor.ID != "", Now: time.Now(), Path: r.URL.Path, Content: content}); err != nil {
		return fmt.Errorf("make page %s: %w", page, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if code == http.StatusOK && r.Header.Get(byItself) != "" && unchanged(w, r, b.Bytes()) {
		return nil
	}
	w.WriteHeader(code)
	_, err := b.WriteTo(w)
	if err != nil {
		return nil // whoever asked has gone
	}
	return nil
}

// unchanged answers that a page is as it was where that is so. Nothing but the
// page's own script keeps the tag: a browser stores no page.
func unchanged(w http.ResponseWriter, r *http.Request, page []byte) bool {
	sum := sha256.Sum256(page)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") != tag {
		return false
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}

// A failure is what the page of a failure shows.
type failure struct {
	Status          int
	Tenant          string
	Summary, Remedy string
	Code            problem.Code
}

// failureOf words an error for a person. What is not a problem is a fault of
// ours, of which the log has the text.
func failureOf(err error) failure {
	f := failure{Status: status(err)}
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		f.Tenant, f.Summary, f.Remedy, f.Code = p.Tenant, sentence(errors.New(p.Summary)), p.Remedy, p.Code
		if f.Code == problem.TenantUnknown { // for who runs bulkhead it names all practices (I7)
			f.Remedy = "Name a practice that you may see; ask who runs bulkhead whether this one is still configured."
		}
		return f
	}
	f.Summary = sentence(err)
	switch f.Status {
	case http.StatusNotFound:
		f.Remedy = "Check the address; or ask an admin for a role in the practice that you look for."
	case http.StatusForbidden:
		f.Remedy = remedyOf(err)
	case http.StatusServiceUnavailable:
		f.Remedy = "Wait some seconds, then try again."
	case http.StatusUnauthorized:
		f.Remedy = "Sign in, or bring a token as Authorization: Bearer."
	case http.StatusTooManyRequests:
		f.Remedy = "Wait some minutes, then try again."
	case http.StatusRequestTimeout:
		f.Remedy = "Send it again, without a pause."
	case http.StatusRequestEntityTooLarge:
		f.Summary, f.Remedy = "What was sent is too long.", "Send less than 64 kB."
	default:
		f.Summary, f.Remedy, f.Code = "Bulkhead met something that it does not explain yet.", "Try again; then look at the log, which has the reason.", problem.Internal
	}
	return f
}

// left reports whether a request failed because whoever asked has gone.
func left(r *http.Request, err error) bool {
	return r.Context().Err() != nil && errors.Is(err, context.Canceled)
}

// fail answers with what went wrong.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := failureOf(err)
	if f.Status >= http.StatusInternalServerError && !left(r, err) {
		s.opts.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	if err := s.show(w, r, f.Status, "failure", f); err != nil {
		http.Error(w, f.Summary, f.Status)
	}
}

// sentence begins a text with a capital letter and ends it with a full stop.
func sentence(err error) string {
	text := strings.TrimSpace(strings.ReplaceAll(err.Error(), "\n", "; "))
	first, n := utf8.DecodeRuneInString(text)
	if n == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(text[n:], ".") + "."
}

// words are what pages say of values.
var words = template.FuncMap{
	"ago":   ago,
	"size":  size,
	"count": count,
	"stamp": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"clock": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" },
	"upper": func(text string) string { return sentence(errors.New(text)) },
	"took":  func(from, to time.Time) string { return span(to.Sub(from)) },
	"share": func(part, whole int64) string {
		if whole == 0 {
			return "–"
		}
		return strconv.FormatFloat(100*float64(part)/float64(whole), 'f', 1, 64) + " %"
	},
}

// ago says how long before now, or after it, t is.
func ago(now, t time.Time) string {
	switch d := now.Sub(t); {
	case t.IsZero():
		return "never"
	case d < 0:
		return "in " + span(-d)
	default:
		return span(d) + " ago"
	}
}

// span writes a length of time by its largest unit.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return "under 1 s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

func size(n int64) string {
	switch {
	case n < 1e3:
		return fmt.Sprintf("%d B", n)
	case n < 1e6:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}

func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
