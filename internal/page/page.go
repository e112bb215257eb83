// Package page makes pages: the frame around what one shows, their style and
// scripts, their words for times, sizes and counts, and how people are told that
// something did not work.
//
// It knows nothing of what stands on a page, asks nothing of the ledger, and
// decides nothing. Nothing of a page is written by hand: html/template escapes
// what it shows by its place. https://pkg.go.dev/html/template
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
)

//go:embed html/*.html
var frameFiles embed.FS

//go:embed asset/*
var assetFiles embed.FS

// ByItself is the header of a request that a page makes by itself, to look for
// what is new.
const ByItself = "Bulkhead-Live"

// A Tab leads to a page.
type Tab struct {
	Path, Name string
	Here       bool // it is the page that is shown
}

// A Book is pages by their names. Once all are added it is safe for concurrent
// use.
type Book struct {
	pages map[string]*template.Template
	tabs  func(who access.Actor, path string) []Tab
}

// NewBook makes a book with one page: "failure", which shows a Failure. What tabs
// gives leads from every page to others, for who looks at the page of a path. The
// error is a bug.
func NewBook(tabs func(who access.Actor, path string) []Tab) (*Book, error) {
	b := &Book{pages: map[string]*template.Template{}, tabs: tabs}
	return b, b.add("failure", template.FuncMap{}, []string{"html/failure.html"}, frameFiles)
}

// Add adds the pages of a folder "page": each of its files, by the name before
// .html, but parts.html, of which each page may use the parts. Pages may use the
// words that are given beside those that every page has. The error is a bug: a
// file that is no template.
func (b *Book) Add(from fs.FS, says template.FuncMap) error {
	names, err := fs.Glob(from, "page/*.html")
	if err != nil {
		return err
	}
	parts, err := fs.Glob(from, "page/parts.html")
	if err != nil {
		return err
	}
	for _, name := range names {
		if slices.Contains(parts, name) {
			continue
		}
		if err := b.add(strings.TrimSuffix(path.Base(name), ".html"), says, append(parts[:len(parts):len(parts)], name), from); err != nil {
			return err
		}
	}
	return nil
}

// add parses one page with the frame around it.
func (b *Book) add(name string, says template.FuncMap, files []string, from fs.FS) error {
	t, err := template.New("frame.html").Funcs(words).Funcs(says).ParseFS(frameFiles, "html/frame.html", "html/parts.html")
	if err == nil {
		b.pages[name], err = t.ParseFS(from, files...)
	}
	if err != nil {
		return fmt.Errorf("read page %s: %w", name, err)
	}
	return nil
}

// Assets serves what pages are made with. They are of this program, and a
// browser may keep them for a while.
func Assets() http.Handler {
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

// A Frame is what every page has around what it shows.
type Frame struct {
	Actor   access.Actor
	Known   bool // somebody has signed in
	Now     time.Time
	Path    string
	Pages   []Tab // that lead from here
	Content any
}

// May reports whether who looks may do act in the practice.
func (f Frame) May(act access.Act, tenant string) bool { return f.Actor.May(act, tenant) }

// Show writes a page for who asks in the request's context, whole, or gives an
// error and writes nothing of it. That whoever asked has gone is no error.
func (b *Book) Show(w http.ResponseWriter, r *http.Request, code int, name string, content any) error {
	f := Frame{Actor: access.ActorOf(r.Context()), Now: time.Now(), Path: r.URL.Path, Content: content}
	f.Known, f.Pages = f.Actor.ID != "", b.tabs(f.Actor, f.Path)
	var text bytes.Buffer
	if err := b.pages[name].Execute(&text, f); err != nil {
		return fmt.Errorf("make page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if code == http.StatusOK && r.Header.Get(ByItself) != "" && unchanged(w, r, text.Bytes()) {
		return nil
	}
	w.WriteHeader(code)
	_, _ = text.WriteTo(w) //nolint:errcheck // whoever asked has gone
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
