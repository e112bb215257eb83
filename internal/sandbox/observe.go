package sandbox

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// Observations are what a test of a client's manners needs to know about the
// requests to one practice. All of it goes on across restarts of the client.
type Observations struct {
	Kickoffs map[string]int // requests to an export operation, by method
	Requests map[Kind]int   // all requests, by kind

	// EarlyPolls are polls that came before the time that the answer before
	// them told with Retry-After.
	EarlyPolls int
	// EarlyDeletes are finished exports that were deleted before every file
	// had been given whole.
	EarlyDeletes int
	// StrayCookies are affinity cookies that came where they do not belong.
	StrayCookies int
	// StrayTokens are Authorization headers where none belongs: at the storage,
	// or at an open practice.
	StrayTokens int

	Exports []ExportObservations // the latest 10,000, oldest first
}

// ExportObservations are what a server saw of one export.
type ExportObservations struct {
	ID       string
	Level    Level
	Group    string // the id that $export was given
	Client   string
	Method   string
	Dialect  Dialect
	Accepted time.Time

	// What the kick-off asked for, as the server understood it.
	Types      []string // with those that it added
	Since      time.Time
	Until      time.Time // _until
	Elements   []string
	Filters    []string // like Observation?status=final,amended
	Patients   []string
	Associated []string
	OrganizeBy string
	Partial    bool
	Separate   bool     // separate-export-status is in force
	Ignored    []string // parameters that were passed over

	Polls      int
	EarlyPolls int
	Deleted    bool // by the client
}

// TokenObservations are what the token endpoints saw of one client.
type TokenObservations struct {
	Requests int
	Refused  int // answered 400 or 401
	Replays  int // assertions that had been used before
	// AfterRefusal are requests after one that was refused, without a token in
	// between: what a client does that goes on though it was told no.
	AfterRefusal int

	refused bool // the latest was
}

// Observations returns what was seen of practice code so far.
func (s *Server) Observations(code string) Observations {
	p := s.practices[code]
	o := Observations{Kickoffs: map[string]int{}, Requests: s.Counts(code), EarlyDeletes: s.EarlyDeletes(code), StrayCookies: s.affinity.strays(code)}
	s.record.mu.Lock()
	maps.Copy(o.Kickoffs, s.record.kickoffs[code])
	o.StrayTokens = s.record.strays[code]
	s.record.mu.Unlock()
	if p == nil {
		return o
	}
	p.mu.Lock()
	seen := slices.Clone(p.seen)
	p.mu.Unlock()
	for _, e := range seen {
		one := e.observed()
		o.EarlyPolls += one.EarlyPolls
		o.Exports = append(o.Exports, one)
	}
	return o
}

func (e *export) observed() ExportObservations {
	w := e.wish
	o := ExportObservations{
		ID: e.id, Level: e.level, Group: e.group, Client: e.client, Method: w.method, Dialect: w.dialect, Accepted: e.accepted,
		Types: e.types, Since: e.since, Until: w.until, Elements: w.elements, Patients: w.patients, Associated: w.associated,
		OrganizeBy: w.organizeBy, Partial: w.partial, Separate: w.separate, Ignored: w.ignored, Deleted: e.cancelled.Load(),
	}
	for _, f := range w.filters {
		o.Filters = append(o.Filters, f.String())
	}
	e.turns.mu.Lock()
	defer e.turns.mu.Unlock()
	o.Polls, o.EarlyPolls = e.turns.polls, e.turns.early
	return o
}

// TokenObservations returns what the token endpoints saw of a client, the
// shared one and the practices' own together. A client that no assertion named
// is the empty id.
func (s *Server) TokenObservations(client string) TokenObservations {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	if o := s.tokens.seen[client]; o != nil {
		return *o
	}
	return TokenObservations{}
}

// observe returns what is known of a client; the caller holds t.mu.
func (t *tokens) observe(client string) *TokenObservations {
	o := t.seen[client]
	if o == nil {
		o = &TokenObservations{}
		t.seen[client] = o
	}
	return o
}

// note counts an answered token request.
func (t *tokens) note(q *tokenRequest, status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := t.observe(q.client)
	o.Requests++
	if o.refused {
		o.AfterRefusal++
	}
	switch status {
	case http.StatusOK:
		o.refused = false
	case http.StatusBadRequest, http.StatusUnauthorized:
		o.Refused++
		o.refused = true
	}
}

// Cancel ends the practice's running exports as if the vendor had done so, and
// returns how many there were.
func (p *PracticeServer) Cancel() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, e := range p.exports {
		if !e.finished(p.knobs) && !e.cancelled.Swap(true) {
			n++
		}
	}
	return n
}
