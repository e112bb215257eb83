package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
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
	e.wish.method = x.r.Method
	for _, refused := range []func(*exchange, *export, *grant) bool{
		p.wrongOperation, p.wrongLevel, wrongHeaders, p.wrongScope, p.wrongGroup, p.wrongParams,
	} {
		if refused(x, e, g) {
			return
		}
	}
	if x.k.SeparateExportStatus != SeparateIgnored && !e.wish.dialect.before(STU3) {
		e.wish.separate = prefers(x.r, "separate-export-status")
	}
	running, early := p.admit(x.k, e)
	switch {
	case early:
		x.refuse(cmp.Or(x.k.KickoffWindowStatus, http.StatusBadRequest), "business-rule", "Client requested this Group too recently.")
	case running != nil:
		p.refuseDuplicate(x, e)
	default:
		p.accept(x, e)
	}
}

// accept answers a kick-off that was admitted.
func (p *PracticeServer) accept(x *exchange, e *export) {
	e.prepare()
	if x.k.Expiry > 0 && p.cfg.Profile == ProfileECW {
		x.Header().Set("Expires", e.accepted.Add(p.s.clock.real(x.k.Expiry)).UTC().Format(http.TimeFormat))
	}
	if x.k.AffinityCookie {
		http.SetCookie(x, p.s.affinity.cookie(e))
	}
	if e.wish.separate {
		preferenceApplied(x)
	}
	e.locate(x)
	p.retryAfter(x, e)
	x.WriteHeader(http.StatusAccepted)
}

func preferenceApplied(x *exchange) {
	if x.k.SeparateExportStatus == SeparateTwoLines {
		x.Header()["Preference-Applied"] = []string{"respond-async", "separate-export-status"}
		return
	}
	x.Header().Set("Preference-Applied", "respond-async, separate-export-status")
}

// locate tells the status URL as the knobs have it.
func (e *export) locate(x *exchange) {
	u := e.statusURL()
	switch x.k.ContentLocation {
	case LocationMissing:
	case LocationRelative:
		x.header("Content-Location", strings.TrimPrefix(u, e.p.s.fhirURL))
	case LocationDouble:
		x.Header()["Content-Location"] = []string{u, e.p.base + "/$export-poll-status?_jobId=" + e.id}
	case LocationOtherHost:
		x.header("Content-Location", e.p.s.storage.url+foreignStatus+e.p.cfg.Code+"?job_id="+e.id)
	case LocationLower:
		x.Header()["content-location"] = []string{u}
	default:
		x.header("Content-Location", u)
	}
}

// wrongOperation refuses an operation that is not offered, or not by this
// method, and settles the release that it speaks.
func (p *PracticeServer) wrongOperation(x *exchange, e *export, _ *grant) bool {
	name := strings.TrimPrefix(path.Base(x.r.URL.Path), "$")
	if !slices.Contains(x.k.Operations, name) {
		p.unknown(x)
		return true
	}
	e.wish.dialect = x.k.Dialect
	if name == "export-v4" {
		e.wish.dialect = STU4
	}
	allowed := []string{http.MethodGet}
	switch {
	case e.wish.dialect == STU4:
		allowed = []string{http.MethodPost}
	case e.wish.dialect != STU1 && x.k.Post:
		allowed = append(allowed, http.MethodPost)
	}
	if slices.Contains(allowed, x.r.Method) {
		return false
	}
	x.Header().Set("Allow", strings.Join(allowed, ", "))
	x.refuse(http.StatusMethodNotAllowed, "not-supported", "An export starts with %s here.", strings.Join(allowed, " or "))
	return true
}

// prefers reports whether the request's Prefer headers hold a preference.
// https://www.rfc-editor.org/rfc/rfc7240#section-2
func prefers(r *http.Request, preference string) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Prefer"), ","), ",") {
		name, _, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.ReplaceAll(name, " ", ""), preference) {
			return true
		}
	}
	return false
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
		if x.k.SeparateExportStatus != SeparateIgnored && prefers(x.r, "respond-async") && prefers(x.r, "separate-export-status") {
			return differs(x, "Accept", "application/fhir+json")
		}
		return differs(x, "Accept", "application/fhir+json") || differs(x, "Prefer", "respond-async")
	}
	if prefers(x.r, "respond-async") {
		return false
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

// refuseDuplicate answers a kick-off while the same thing is being exported.
func (p *PracticeServer) refuseDuplicate(x *exchange, e *export) {
	status := http.StatusTooManyRequests
	switch x.k.Duplicate {
	case Duplicate200:
		status = http.StatusOK
	case Duplicate409:
		status = http.StatusConflict
	case Duplicate429Locations:
		x.header("Content-Location", strings.Join(p.runningFor(x.k, e.client), ", "))
	}
	if status == http.StatusTooManyRequests {
		p.retryAfter(x, nil)
	}
	if x.k.Duplicate == Duplicate429Empty {
		x.WriteHeader(status)
		return
	}
	x.refuse(status, "duplicate", "An export of this group is already running.")
}

// retryAfter tells when to come again, and remembers for e, when it is not
// nil, what it told.
func (p *PracticeServer) retryAfter(x *exchange, e *export) {
	now := time.Now()
	at := now.Add(p.s.clock.real(x.k.RetryAfter))
	text, told := x.k.RetryText, time.Time{}
	switch text {
	case "none":
		text = ""
	case "":
		seconds := p.s.clock.seconds(x.k.RetryAfter)
		text, told = fmt.Sprint(seconds), now.Add(time.Duration(seconds)*time.Second)
	case "date":
		text, told = at.UTC().Format(http.TimeFormat), at.Truncate(time.Second)
	case "epoch":
		text = strconv.FormatInt(at.Unix(), 10)
	case "epochms":
		text = strconv.FormatInt(at.UnixMilli(), 10)
	default:
		if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 && seconds <= 24*60*60 {
			told = now.Add(time.Duration(seconds) * time.Second)
		}
	}
	if text == "" || x.k.NoRetry {
		return
	}
	x.header("Retry-After", text)
	if e != nil && !x.mute { // what is lost on its way was not told
		e.tell(told)
	}
}
