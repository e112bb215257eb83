package sandbox

import (
	"net/http"
	"slices"
	"sync"
)

// A FileUse is what has become of one file of an export.
type FileUse struct {
	Export string // id
	Name   string
	Type   string // resource type; empty where lines are of no one type

	Gets   int   // requests that reached the file
	Tokens int   // of them, with an Authorization header
	Bytes  int64 // of all answers, on the wire
	Whole  bool  // every byte was given at least once
}

// fileUse counts the requests for one file.
type fileUse struct {
	mu     sync.Mutex
	gets   int
	tokens int
	bytes  int64
	have   int64 // bytes from the start that were given, in parts
	whole  bool
}

// A fileGet is one request for a file.
type fileGet struct {
	use  *fileUse
	x    *exchange
	n    int   // among the requests for the file, from 1
	from int64 // where in the file the bytes on the wire begin; -1 when they are coded
}

func (u *fileUse) begin(x *exchange) *fileGet {
	u.mu.Lock()
	defer u.mu.Unlock()
	if x.r.Method == http.MethodHead {
		return &fileGet{use: u, x: x, n: u.gets, from: -1}
	}
	u.gets++
	if x.r.Header.Get("Authorization") != "" {
		u.tokens++
	}
	return &fileGet{use: u, x: x, n: u.gets, from: -1}
}

// whole notes that what was asked for was given to its end.
func (g *fileGet) whole(one part) {
	if g.x.mute {
		return
	}
	g.use.mu.Lock()
	defer g.use.mu.Unlock()
	if one.length == 0 {
		g.use.whole = true
	}
}

// end adds what went over the wire, also of a transfer that broke.
func (g *fileGet) end() {
	g.use.mu.Lock()
	defer g.use.mu.Unlock()
	g.use.bytes += g.x.sent
	if g.from >= 0 && g.from <= g.use.have {
		g.use.have = max(g.use.have, g.from+g.x.sent)
	}
}

// seen returns u as it is.
func (f *file) seen(e *export) FileUse {
	f.use.mu.Lock()
	defer f.use.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	size, known := f.sizes[0]
	return FileUse{
		Export: e.id, Name: f.name, Type: f.kind,
		Gets: f.use.gets, Tokens: f.use.tokens, Bytes: f.use.bytes,
		Whole: f.use.whole || (known && f.use.have >= size),
	}
}

// Files returns what has become of the files of practice code's exports: those
// of the latest exports, oldest first, in the order of their manifests.
func (s *Server) Files(code string) []FileUse {
	p := s.practices[code]
	if p == nil {
		return nil
	}
	var uses []FileUse
	for _, e := range p.laid() {
		for _, f := range e.all() {
			uses = append(uses, f.seen(e))
		}
	}
	return uses
}

// laid returns the practice's latest exports whose files are known.
func (p *PracticeServer) laid() []*export {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []*export
	for _, e := range p.seen {
		select {
		case <-e.prepared:
			found = append(found, e)
		default:
		}
	}
	return found
}

// EarlyDeletes returns how many of practice code's finished exports were
// deleted before every file had been given whole.
func (s *Server) EarlyDeletes(code string) int {
	p := s.practices[code]
	if p == nil {
		return 0
	}
	n := 0
	for _, e := range p.laid() {
		if e.early.Load() {
			n++
		}
	}
	return n
}

// noteDelete notes whether a DELETE of a finished export comes too early. Files
// that the manifest leaves out are not missed.
func (e *export) noteDelete(k Knobs) {
	files := e.files
	if !slices.Contains(k.Omit, "deleted") {
		files = slices.Concat(files, e.deleted)
	}
	if !k.OmitError && !slices.Contains(k.Omit, "error") && !slices.Contains(k.Omit, "outcome") {
		files = slices.Concat(files, e.outcomes)
	}
	if slices.Contains(k.Omit, "output") {
		return
	}
	if slices.ContainsFunc(files, func(f *file) bool { return !f.seen(e).Whole }) {
		e.early.Store(true)
	}
}
