package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
)

func (p *PracticeServer) kickoffSystem(x *exchange)  { p.kickoff(x, LevelSystem, "") }
func (p *PracticeServer) kickoffPatient(x *exchange) { p.kickoff(x, LevelPatient, "") }
func (p *PracticeServer) kickoffGroup(x *exchange) {
	p.kickoff(x, LevelGroup, x.r.PathValue("id"))
}

// kickoff accepts an export, or says why not.
// https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-kick-off-request
func (p *PracticeServer) kickoff(x *exchange, level Level, group string) {
	g, ok := p.authorize(x)
	if !ok {
		return
	}
	e := &export{p: p, id: newID(), level: level, group: group, client: g.client.ID, request: p.base + strings.TrimPrefix(x.r.URL.RequestURI(), p.path())}
	for _, refused := range []func(*exchange, *export, *grant) bool{p.wrongLevel, wrongHeaders, p.wrongScope, p.wrongGroup, p.wrongParams} {
		if refused(x, e, g) {
			return
		}
	}
	if running := p.admit(x.k, e); running != nil {
		p.refuseDuplicate(x)
		return
	}
	e.prepare()
	if x.k.Expiry > 0 && p.cfg.Profile == ProfileECW {
		x.Header().Set("Expires", e.accepted.Add(p.s.clock.real(x.k.Expiry)).UTC().Format(http.TimeFormat))
	}
	x.header("Content-Location", e.statusURL())
	p.retryAfter(x)
	x.WriteHeader(http.StatusAccepted)
}

func (p *PracticeServer) wrongLevel(x *exchange, e *export, _ *grant) bool {
	if slices.Contains(x.k.Levels, e.level) {
		return false
	}
	x.refuse(http.StatusBadRequest, "not-supported", "This server does not export at %s level.", e.level)
	return true
}

// wrongHeaders refuses what is not a request for an asynchronous export.
func wrongHeaders(x *exchange, _ *export, _ *grant) bool {
	if x.k.StrictHeaders {
		return differs(x, "Accept", "application/fhir+json") || differs(x, "Prefer", "respond-async")
	}
	for _, prefer := range x.r.Header.Values("Prefer") {
		for preference := range strings.SplitSeq(prefer, ",") {
			if strings.EqualFold(strings.TrimSpace(preference), "respond-async") {
				return false
			}
		}
	}
	x.refuse(http.StatusBadRequest, "invalid", "An export needs the header Prefer: respond-async.")
	return true
}

// differs refuses a request whose header is not exactly want.
func differs(x *exchange, name, want string) bool {
	switch x.r.Header.Get(name) {
	case want:
		return false
	case "":
		x.refuse(http.StatusUnprocessableEntity, "required", "The header %s is missing.", name)
	default:
		x.refuse(http.StatusBadRequest, "invalid", "The header %s must be %s.", name, want)
	}
	return true
}

func (p *PracticeServer) wrongScope(x *exchange, _ *export, g *grant) bool {
	if x.k.GroupScope == "" || p.cfg.Open || slices.Contains(g.scopes, x.k.GroupScope) {
		return false
	}
	x.refuse(http.StatusForbidden, "forbidden", "HAPI-0333: Access denied by rule: %s is not granted", x.k.GroupScope)
	return true
}

func (p *PracticeServer) wrongGroup(x *exchange, e *export, _ *grant) bool {
	if e.level != LevelGroup {
		return false
	}
	var ok bool
	e.cohort, ok = p.cfg.group(e.group)
	if ok && !slices.Contains(x.k.DisabledGroups, e.group) {
		return false
	}
	x.refuse(x.k.NoGroupStatus, "not-found", "The group is unknown or not enabled for this app.")
	return true
}

// wrongParams reads the request's parameters into e.
func (p *PracticeServer) wrongParams(x *exchange, e *export, g *grant) bool {
	var types []string
	for name, values := range x.r.URL.Query() {
		switch name {
		case "_type":
			for _, v := range values {
				types = append(types, strings.Split(v, ",")...)
			}
		case "_since":
			var err error
			if e.since, err = parseSince(values[0], x.k.DateSince); err != nil {
				x.refuse(http.StatusBadRequest, "value", "_since cannot be read: %v.", err)
				return true
			}
		case "_outputFormat":
			if !slices.Contains([]string{"application/fhir+ndjson", "application/ndjson", "ndjson"}, values[0]) {
				x.refuse(http.StatusBadRequest, "not-supported", "This output format is not supported.")
				return true
			}
		default:
			if !x.k.LenientParams && !handlesLeniently(x.r) {
				x.refuse(http.StatusBadRequest, "not-supported", "The parameter %q is not supported.", name)
				return true
			}
		}
	}
	return p.wrongTypes(x, e, g, types)
}

func handlesLeniently(r *http.Request) bool {
	return strings.Contains(strings.Join(r.Header.Values("Prefer"), ","), "handling=lenient")
}

// wrongTypes settles which types e exports: those asked for, or every one that
// the token's scopes name.
func (p *PracticeServer) wrongTypes(x *exchange, e *export, g *grant, types []string) bool {
	offered := p.offered(x.k)
	allowed := readable(g.scopes, offered)
	if types == nil {
		types = allowed
	}
	for _, t := range types {
		switch {
		case !slices.Contains(offered, t):
			x.refuse(http.StatusBadRequest, "not-supported", "This server does not export a type that _type names.")
			return true
		case !slices.Contains(allowed, t):
			x.refuse(x.k.TypeScopeStatus, "forbidden", "_type names a type that the token's scopes do not: %s.", t)
			return true
		}
	}
	for _, t := range slices.Clone(types) {
		types = append(types, x.k.Implies[t]...)
	}
	e.types = fhir.TypeSet(types)
	return false
}

// parseSince reads an instant, or, where dates are taken, the first moment of
// a day in UTC.
func parseSince(s string, dates bool) (time.Time, error) {
	if dates {
		if t, err := time.Parse(time.DateOnly, s); err == nil {
			return t, nil
		}
	}
	return fhir.ParseInstant(s)
}

// refuseDuplicate answers a kick-off while the same thing is being exported.
func (p *PracticeServer) refuseDuplicate(x *exchange) {
	status := map[Duplicate]int{
		Duplicate200: http.StatusOK, Duplicate409: http.StatusConflict, Duplicate429: http.StatusTooManyRequests,
	}[x.k.Duplicate]
	if status == http.StatusTooManyRequests {
		p.retryAfter(x)
	}
	x.refuse(status, "duplicate", "An export of this group is already running.")
}

func (p *PracticeServer) retryAfter(x *exchange) {
	if !x.k.NoRetry {
		x.header("Retry-After", fmt.Sprint(p.s.clock.seconds(x.k.RetryAfter)))
	}
}
