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
	past    past
	seen    []*export // the latest, oldest first, also what is forgotten
}

func newPractice(s *Server, cfg Practice) *PracticeServer {
	p := &PracticeServer{s: s, cfg: cfg, exports: map[string]*export{}}
	p.base = s.fhirURL + p.path()
	if cfg.Knobs != nil {
		p.knobs = cfg.Knobs.clone()
	} else {
		p.knobs = Preset(cfg.Profile)
	}
	p.faults.clock, p.tokenFaults.clock = s.clock, s.clock
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
	foreign bool // not at the FHIR server, where a token does not belong
}

// routes are the whole FHIR server. What matches none of them is answered by
// unknown.
var routes = []route{
	{pattern: "GET /metadata", kind: KindMetadata, serve: (*PracticeServer).metadata},
	{pattern: "GET /.well-known/smart-configuration", kind: KindSMART, serve: (*PracticeServer).smartConfiguration},
	{pattern: "GET /Group", kind: KindGroup, serve: (*PracticeServer).searchGroups},
	{pattern: "GET /Group/{id}", kind: KindGroup, serve: (*PracticeServer).readGroup},
	{pattern: "GET /bulkdata/download", kind: KindFile, serve: (*PracticeServer).download},
	{pattern: "GET /Binary/{id}", kind: KindAttachment, serve: (*PracticeServer).attachment},
	{pattern: "/", kind: KindOther, serve: (*PracticeServer).unknown},
}

// exportRoutes are the operations, in the methods and under the names that
// they may have, and the shapes of status URLs.
func exportRoutes() []route {
	var all []route
	for _, method := range []string{"GET ", "POST "} {
		for _, name := range []string{"$export", "$export-v4"} {
			all = append(all,
				route{pattern: method + "/Group/{id}/" + name, kind: KindKickoff, serve: (*PracticeServer).kickoffGroup},
				route{pattern: method + "/Patient/" + name, kind: KindKickoff, serve: (*PracticeServer).kickoffPatient},
				route{pattern: method + "/" + name, kind: KindKickoff, serve: (*PracticeServer).kickoffSystem},
			)
		}
	}
	for _, shape := range statusURLs {
		path, _, query := strings.Cut(shape, "?")
		if !query {
			path += "/{job}"
		}
		all = append(all,
			route{pattern: "GET /" + path, kind: KindPoll, serve: (*PracticeServer).poll},
			route{pattern: "DELETE /" + path, kind: KindDelete, serve: (*PracticeServer).remove},
		)
	}
	return all
}

func (s *Server) fhirHandler() http.Handler {
	mux := http.NewServeMux()
	for _, p := range s.practices {
		for _, rt := range append(exportRoutes(), routes...) {
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
