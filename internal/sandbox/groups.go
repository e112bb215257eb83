package sandbox

import (
	"net/http"
	"slices"
)

// searchGroups answers a search for the practice's groups. An ecw server knows
// no search parameter here.
func (p *PracticeServer) searchGroups(x *exchange) {
	if !p.mayReadGroups(x) {
		return
	}
	for name := range x.r.URL.Query() {
		if name != "_format" && !x.k.LenientParams {
			x.refuse(http.StatusBadRequest, "not-supported", "The search parameter %q is not supported.", name)
			return
		}
	}
	entries := []any{}
	for _, g := range p.cfg.Groups {
		entries = append(entries, map[string]any{
			"fullUrl": p.base + "/Group/" + g.ID, "resource": g.resource(), "search": map[string]string{"mode": "match"},
		})
	}
	writeJSON(x, http.StatusOK, "application/fhir+json", map[string]any{
		"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries,
	})
}

// readGroup answers a read of one group: eClinicalWorks has no such thing.
func (p *PracticeServer) readGroup(x *exchange) {
	if p.cfg.Profile == ProfileECW {
		x.refuse(http.StatusMethodNotAllowed, "not-supported", "Group cannot be read, only searched.")
		return
	}
	if !p.mayReadGroups(x) {
		return
	}
	i := slices.IndexFunc(p.cfg.Groups, func(g Group) bool { return g.ID == x.r.PathValue("id") })
	if i < 0 {
		x.refuse(http.StatusNotFound, "not-found", "There is no such group.")
		return
	}
	writeJSON(x, http.StatusOK, "application/fhir+json", p.cfg.Groups[i].resource())
}

func (p *PracticeServer) mayReadGroups(x *exchange) bool {
	g, ok := p.authorize(x)
	if !ok {
		return false
	}
	if len(readable(g.scopes, []string{"Group"})) == 0 {
		x.refuse(http.StatusForbidden, "forbidden", "The token's scopes do not include Group.")
		return false
	}
	return true
}

func (g Group) resource() map[string]any {
	r := map[string]any{
		"resourceType": "Group", "id": g.ID, "active": true, "type": "person", "actual": true, "name": g.Name,
	}
	if g.Identifier != "" {
		r["identifier"] = []any{map[string]string{"system": "urn:ietf:rfc:3986", "value": g.Identifier}}
	}
	return r
}
