package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// download answers a request for an output file at the FHIR server.
// https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-output-file-request
func (p *PracticeServer) download(x *exchange) {
	g, ok := p.authorize(x)
	if !ok {
		return
	}
	query := x.r.URL.Query()
	e := p.exportOf(x, query.Get("job_id"), g)
	if e == nil {
		return
	}
	name := query.Get("file_name")
	if query.Has("expires") && !p.s.storage.admits(x) {
		return
	}
	if x.k.Access == AccessScoped && !p.mayRead(x, e.file(name), g) {
		return
	}
	if x.k.Access == AccessRedirect {
		x.Header().Set("Location", e.storageURL(x.k, name))
		x.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	p.serveFile(x, e, name)
}

// exportOf returns the export id if the token's client may have it.
// When there is none it has answered.
func (p *PracticeServer) exportOf(x *exchange, id string, g *grant) *export {
	e := p.find(id, g.client.ID)
	if e != nil && x.k.AffinityCookie && !p.s.affinity.brought(x.r, e) {
		e = nil // another node answers, which knows nothing of it
	}
	if e == nil {
		x.refuse(http.StatusNotFound, "not-found", "There is no such export.")
	}
	return e
}

// mayRead reports whether the token has a scope for f's type. When it has not,
// it has answered.
func (p *PracticeServer) mayRead(x *exchange, f *file, g *grant) bool {
	if f == nil || f.kind == "" || len(readable(g.scopes, []string{f.kind})) > 0 {
		return true
	}
	x.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope"`)
	x.refuse(http.StatusForbidden, "forbidden", "The token has no scope for the type of this file.")
	return false
}

// serveFile serves an output file, made line by line as it goes.
func (p *PracticeServer) serveFile(x *exchange, e *export, name string) {
	var f *file
	if !e.cancelled.Load() && e.shown(x.k) && e.err == nil {
		f = e.file(name)
	}
	if f == nil {
		x.refuse(http.StatusNotFound, "not-found", "There is no such output file.")
		return
	}
	get := f.use.begin(x)
	defer get.end()
	switch {
	case x.k.MaxDownloads > 0 && get.n > x.k.MaxDownloads:
		x.refuse(http.StatusInternalServerError, "exception", "The file was downloaded too often.")
		return
	case x.k.AcceptStrict && !strings.Contains(x.r.Header.Get("Accept"), "application/fhir+ndjson"):
		x.refuse(http.StatusNotAcceptable, "not-supported", "Files are application/fhir+ndjson and nothing else.")
		return
	}
	bad := x.k.odd(f.kind) && (x.k.BadGets == 0 || get.n <= x.k.BadGets)
	if bad && x.k.FileError != FileErrorNone && x.k.FileError != FileErrorLine {
		writeFileError(x)
		return
	}
	b := body{rendering: rendering{e: e, f: f}, get: get}
	if x.k.Changed > 0 {
		b.version = (get.n - 1) / x.k.Changed
	}
	if bad {
		b.outcome, b.cutAt, b.tellWhole = x.k.FileError == FileErrorLine, x.k.CutAt, x.k.CutLength
	}
	b.serve(x)
}

// shown reports whether e's files can be had: it is finished, or shows what it
// has while it runs.
func (e *export) shown(k Knobs) bool { return e.finished(k) || e.available(k) > 0 }

// writeFileError answers with what is no output file.
func writeFileError(x *exchange) {
	if x.k.FileError == FileErrorHTML {
		x.Header().Set("Content-Type", "text/html; charset=utf-8")
		x.WriteHeader(http.StatusOK)
		io.WriteString(x, "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n<body><form method=\"post\">Your session has ended.</form></body></html>\n")
		return
	}
	x.Header().Set("Content-Type", "application/fhir+json")
	x.WriteHeader(http.StatusOK)
	x.Write(outcomeLine(errorIssue)) // an error here means that the client has gone
}

// A body is the answer to one request for a file.
type body struct {
	rendering
	get       *fileGet
	cutAt     int64 // bytes on the wire after which it ends; 0 for the whole
	tellWhole bool  // Content-Length tells of more than comes
}

func (b body) serve(x *exchange) {
	x.Header().Set("Content-Type", contentType(x.k))
	if b.outcome {
		x.k.Ranges = false // what is wrong belongs to this request, not to the file
	}
	one, ok := rangeAsked(x, b.rendering)
	if !ok {
		return
	}
	enc, name := encodingFor(x.k, x.r)
	status := http.StatusOK
	if one.length > 0 {
		enc, name, status = EncDefault, "", http.StatusPartialContent
	}
	if enc != EncDefault {
		x.Header().Del("Accept-Ranges")
		if tag := x.Header().Get("ETag"); tag != "" {
			x.Header().Set("ETag", strings.TrimSuffix(tag, `"`)+`-`+string(enc)+`"`)
		}
	}
	if name != "" {
		x.Header().Set("Content-Encoding", name)
	}
	if b.cutAt > 0 && b.tellWhole && enc == EncDefault && one.length == 0 {
		if size, err := b.size(x.r.Context()); err == nil {
			x.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		}
	}
	if status != http.StatusOK {
		x.WriteHeader(status)
	}
	switch {
	case x.r.Method == http.MethodHead:
	case b.prepared() && enc == EncDefault && one.length == 0 && b.cutAt == 0:
		b.writePrepared(x)
	default:
		b.write(x, enc, one)
	}
}

// write writes the body as far as it goes.
func (b body) write(x *exchange, enc Enc, one part) {
	var wire io.Writer = x
	if b.cutAt > 0 {
		wire = &cutter{w: x, left: b.cutAt}
	}
	if enc == EncDefault {
		b.get.from = one.from
	}
	zip := encoder(enc, wire)
	plain := &meter{w: &window{w: zip, skip: one.from, left: one.length, whole: one.length == 0}}
	err := b.writeTo(x.r.Context(), plain)
	if err == nil {
		err = zip.Close()
	}
	if err == nil || errors.Is(err, errEnough) {
		b.get.whole(one)
	}
	if errors.Is(err, errCut) && b.tellWhole {
		http.NewResponseController(x).Flush() // an error here means that the client has gone
		panic(http.ErrAbortHandler)
	}
	finish(err)
}

func contentType(k Knobs) string {
	if k.ContentType != "" {
		return k.ContentType
	}
	return "application/fhir+ndjson"
}

// errEnough says that a window has all it wants.
var errEnough = errors.New("the part is complete")

// finish ends an answer whose body was written with err. Where the body is not
// what the client was to have, it breaks the connection, so that the client
// does not take what it has for the whole.
func finish(err error) {
	if err != nil && !errors.Is(err, errEnough) && !errors.Is(err, errCut) {
		panic(http.ErrAbortHandler)
	}
}

// cutter passes on so many bytes and then says errCut.
type cutter struct {
	w    io.Writer
	left int64
}

func (c *cutter) Write(b []byte) (int, error) {
	if int64(len(b)) <= c.left {
		n, err := c.w.Write(b)
		c.left -= int64(n)
		return n, err
	}
	n, err := c.w.Write(b[:c.left])
	c.left -= int64(n)
	if err != nil {
		return n, fmt.Errorf("write the part: %w", err)
	}
	return n, errCut
}
