package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
)

// A PracticeServer is one practice of a running Server.
type PracticeServer struct {
	s     *Server
	cfg   Practice
	base  string // FHIR base URL
	limit limit

	faults      faulty
	tokenFaults faulty

	mu      sync.Mutex
	knobs   Knobs
	exports map[string]*export
}

func newPractice(s *Server, cfg Practice) *PracticeServer {
	p := &PracticeServer{s: s, cfg: cfg, exports: map[string]*export{}}
	p.base = s.fhirURL + p.path()
	if cfg.Knobs != nil {
		p.knobs = cfg.Knobs.clone()
	} else {
		p.knobs = Preset(cfg.Profile)
	}
	p.faults.set(p.knobs.Faults)
	p.tokenFaults.set(p.knobs.Token.Faults)
	return p
}

// path is the path of the practice's base URL.
func (p *PracticeServer) path() string {
	if p.cfg.Profile == ProfileECW {
		return "/fhir/r4/" + p.cfg.Code
	}
	return "/r4/" + p.cfg.Code
}

// Base returns the practice's FHIR base URL.
func (p *PracticeServer) Base() string { return p.base }

// Knobs returns how the practice's server behaves now.
func (p *PracticeServer) Knobs() Knobs {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.knobs.clone()
}

// Set changes how the practice's server behaves, from the next request on.
// Exports that were accepted before keep the files they have. Faults that stay
// the same go on counting.
func (p *PracticeServer) Set(change func(*Knobs)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.knobs.clone()
	change(&k)
	p.knobs = k
	p.faults.set(k.Faults)
	p.tokenFaults.set(k.Token.Faults)
}

// snapshot returns the knobs for one request, to be read only: Set replaces
// them and never writes into them.
func (p *PracticeServer) snapshot() Knobs {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.knobs
}

// offered returns the types that a client may ask for, sorted. An ecw server
// offers its whole list, whatever this practice happens to hold.
func (p *PracticeServer) offered(k Knobs) []string {
	types := slices.Clone(p.cfg.Source.Types())
	if p.cfg.Profile == ProfileECW {
		types = append(types, fhir.ECWTypes...)
	}
	types = append(types, "Group")
	types = slices.DeleteFunc(types, func(t string) bool { return slices.Contains(k.Lacks, t) })
	return fhir.TypeSet(types)
}

// tokenURL is the token endpoint that discovery names; empty for an open
// practice.
func (p *PracticeServer) tokenURL(k Knobs) string {
	switch {
	case p.cfg.Open:
		return ""
	case k.OwnToken:
		return p.ownTokenURL()
	}
	return p.s.tokenURL + sharedTokenPath
}

func (p *PracticeServer) ownTokenURL() string {
	return p.s.tokenURL + ownTokenPrefix + p.cfg.Code + "/token"
}

func (p *PracticeServer) summary() PracticeSummary {
	k := p.snapshot()
	sum := PracticeSummary{
		Code: p.cfg.Code, Name: p.cfg.Name, Profile: p.cfg.Profile,
		Base: p.base, Token: p.tokenURL(k), Types: p.offered(k),
	}
	for _, g := range p.cfg.Groups {
		sum.Groups = append(sum.Groups, GroupSummary{Export: g.exportID(p.cfg.Profile), ID: g.ID, Name: g.Name})
	}
	return sum
}

// within counts a request against the practice's rate.
func (p *PracticeServer) within(k Knobs) bool {
	return p.limit.take(time.Now(), p.s.clock.real(k.RateWindow), k.Rate)
}

// A route is one kind of request and what answers it.
type route struct {
	pattern string // method and path below the base, as http.ServeMux reads it
	kind    Kind
	serve   func(*PracticeServer, *exchange)
}

// routes are the whole FHIR server. What matches none of them is answered by
// unknown.
var routes = []route{
	{"GET /metadata", KindMetadata, (*PracticeServer).metadata},
	{"GET /.well-known/smart-configuration", KindSMART, (*PracticeServer).smartConfiguration},
	{"GET /Group", KindGroup, (*PracticeServer).searchGroups},
	{"GET /Group/{id}", KindGroup, (*PracticeServer).readGroup},
	{"GET /Group/{id}/$export", KindKickoff, (*PracticeServer).kickoffGroup},
	{"GET /Patient/$export", KindKickoff, (*PracticeServer).kickoffPatient},
	{"GET /$export", KindKickoff, (*PracticeServer).kickoffSystem},
	{"GET /$export-poll-location", KindPoll, (*PracticeServer).poll},
	{"DELETE /$export-poll-location", KindDelete, (*PracticeServer).remove},
	{"GET /bulkdata/download", KindFile, (*PracticeServer).download},
	{"/", KindOther, (*PracticeServer).unknown},
}

func (s *Server) fhirHandler() http.Handler {
	mux := http.NewServeMux()
	for _, p := range s.practices {
		for _, rt := range routes {
			mux.Handle(p.pattern(rt.pattern), p.handler(rt))
		}
	}
	mux.HandleFunc("/", s.noPractice)
	return mux
}

// pattern puts the practice's path before the path of a route's pattern.
func (p *PracticeServer) pattern(pattern string) string {
	if method, path, ok := strings.Cut(pattern, " "); ok {
		return method + " " + p.path() + path
	}
	return p.path() + pattern
}
