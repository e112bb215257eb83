package sandbox

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// A Kind is what a request was for.
type Kind string

// The kinds of requests.
const (
	KindMetadata Kind = "metadata"
	KindSMART    Kind = "smart" // .well-known/smart-configuration
	KindGroup    Kind = "group" // search or read of Group
	KindKickoff  Kind = "kickoff"
	KindPoll     Kind = "poll"
	KindDelete   Kind = "delete" // DELETE of a status URL
	KindFile     Kind = "file"
	KindStorage  Kind = "storage" // an output file, from the storage
	// KindAttachment is a Binary, or another attachment, from the FHIR server
	// or the storage.
	KindAttachment Kind = "attachment"
	KindToken      Kind = "token"
	KindOther      Kind = "other"
)

// A Request is what a server remembers of one request: never a token, a
// query or a body.
type Request struct {
	At         time.Time // when it came
	Practice   string    // code; empty when the URL names none
	Kind       Kind
	Method     string
	Status     int    // 0 when no answer was sent
	File       string // name of the output file
	Bytes      int64  // of the answer's body
	Authorized bool   // it carried an Authorization header

	// Stray marks an Authorization header where none belongs: on the token
	// server or the storage, at an open practice, at a URL that is no
	// practice's.
	Stray bool
	// Fault is what was done to the request on purpose.
	Fault Action
}

// record keeps the latest requests of every practice, and counts all.
type record struct {
	mu     sync.Mutex
	kept   []Request
	counts map[string]map[Kind]int
	open   map[string]int // requests being answered, by practice
	stray  int
	strays map[string]int // by practice
	// kickoffs are requests to export operations, by practice and method.
	kickoffs map[string]map[string]int
	more     chan struct{} // closed and replaced whenever a request comes or is over
}

// keepRequests bounds the memory of a long-lived sandbox.
const keepRequests = 100_000

func newRecord() *record {
	return &record{
		counts: map[string]map[Kind]int{}, open: map[string]int{}, strays: map[string]int{},
		kickoffs: map[string]map[string]int{}, more: make(chan struct{}),
	}
}

// come notes that a request to practice code is being answered; add ends it.
func (r *record) come(code string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[code]++
	r.tell()
}

func (r *record) tell() {
	close(r.more)
	r.more = make(chan struct{})
}

func (r *record) add(q Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.kept) == keepRequests {
		r.kept = slices.Delete(r.kept, 0, keepRequests/10)
	}
	r.kept = append(r.kept, q)
	of := r.counts[q.Practice]
	if of == nil {
		of = map[Kind]int{}
		r.counts[q.Practice] = of
	}
	of[q.Kind]++
	if q.Stray {
		r.stray++
		r.strays[q.Practice]++
	}
	if q.Kind == KindKickoff {
		if r.kickoffs[q.Practice] == nil {
			r.kickoffs[q.Practice] = map[string]int{}
		}
		r.kickoffs[q.Practice][q.Method]++
	}
	r.open[q.Practice]--
	r.tell()
}

// Requests returns the requests that practice code answered, oldest first; at
// most the server's latest 100,000. The empty code gives those that belong to
// no practice, such as those to the shared token server.
func (s *Server) Requests(code string) []Request {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	var of []Request
	for _, q := range s.record.kept {
		if q.Practice == code {
			of = append(of, q)
		}
	}
	return of
}

// Counts returns how many requests of each kind practice code has answered.
func (s *Server) Counts(code string) map[Kind]int {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	counts := maps.Clone(s.record.counts[code])
	if counts == nil {
		counts = map[Kind]int{}
	}
	return counts
}

// Strays returns how many requests carried an Authorization header to a place
// that must never see one.
func (s *Server) Strays() int {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	return s.record.stray
}

// Pending returns how many requests practice code is answering now, those that
// hang among them.
func (s *Server) Pending(code string) int {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	return s.record.open[code]
}

// More returns a channel that is closed when the next request comes or is
// over. Take it before looking, so that nothing is missed.
func (s *Server) More() <-chan struct{} {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	return s.record.more
}
