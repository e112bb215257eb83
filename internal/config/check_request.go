package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
)

// resultParameters shape a search's answer and select nothing.
var resultParameters = []string{
	"_sort", "_count", "_include", "_revinclude", "_summary", "_total", "_elements", "_contained", "_containedType",
	"_score", "_graph", "_maxresults",
}

var (
	elementShape    = regexp.MustCompile(`^([A-Z][A-Za-z]*\.)?[a-z][A-Za-z]*$`)
	associatedShape = regexp.MustCompile(`^_[A-Za-z0-9-]+$`)
)

// checkRequest notes what is wrong with what a tenant's kick-offs ask for.
// https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters
func (r *reader) checkRequest(at place, t *Tenant, c *Config) {
	for i, filter := range t.TypeFilters {
		if wrong := wrongFilter(filter, t.Types); wrong != "" {
			r.miss(at.at("type_filters").index(i), wrong)
		}
	}
	for i, name := range t.Elements {
		if resourceType, _, typed := strings.Cut(name, "."); !elementShape.MatchString(name) || typed && !fhir.IsTypeName(resourceType) {
			r.miss(at.at("elements").index(i), "must be an element of the first level, such as Patient.birthDate or id")
		}
	}
	for i, name := range t.AssociatedData {
		if name != "LatestProvenanceResources" && name != "RelevantProvenanceResources" && !associatedShape.MatchString(name) {
			r.miss(at.at("associated_data").index(i), "must be LatestProvenanceResources, RelevantProvenanceResources, or a name that begins with _")
		}
	}
	if name := t.OrganizeOutputBy; name != "" && !fhir.IsTypeName(name) {
		r.miss(at.at("organize_output_by"), "must be one resource type, such as Patient")
	}
	if level := or(t.Level, LevelGroup); t.NewMembers != "" && level != LevelGroup {
		r.miss(at.at("new_members"), "is for exports of a group")
	}
	if t.NewMembers == MembersExport && !t.Since.IsZero() {
		r.miss(at.at("new_members"), "export and since contradict each other: who is in the group is known from an export of everything")
	}
	r.checkTaken(at, t, c)
}

// wrongFilter says what is wrong with a type filter, nothing if all is well.
func wrongFilter(filter string, types []string) string {
	name, query, found := strings.Cut(filter, "?")
	if !found || query == "" || !fhir.IsTypeName(name) {
		return "must be a resource type, a question mark and search parameters, such as Observation?category=laboratory"
	}
	if len(types) > 0 && !slices.Contains(types, name) {
		return "filters " + name + ", which is not among types"
	}
	for pair := range strings.SplitSeq(query, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(key); err == nil {
			key = decoded
		}
		key, _, _ = strings.Cut(key, ":")
		if slices.Contains(resultParameters, key) {
			return fmt.Sprintf("holds %s, which shapes a search result and selects nothing", key)
		}
	}
	return ""
}

// checkTaken checks that the vendor's server and its release take what a
// tenant asks for: a parameter that it does not know can fail the kick-off.
func (r *reader) checkTaken(at place, t *Tenant, c *Config) {
	p := c.profileOf(t)
	if p == nil {
		return
	}
	if floor := p.SinceFloor.Time; !t.Since.IsZero() && t.Since.Before(floor) {
		r.miss(at.at("since"), fmt.Sprintf("is before %s, the earliest that %s takes", floor.Format(time.DateOnly), or(p.Title, p.Name)))
	}
	dialect := or(t.Dialect, p.Dialect)
	for _, wish := range []struct {
		field, parameter string
		asked            bool
		from             Dialect
	}{
		{"type_filters", ParamTypeFilter, len(t.TypeFilters) > 0, STU1},
		{"elements", ParamElements, len(t.Elements) > 0, STU2},
		{"associated_data", ParamAssociatedData, len(t.AssociatedData) > 0, STU2},
		{"organize_output_by", ParamOrganizeOutputBy, t.OrganizeOutputBy != "", STU3},
		{"new_members", ParamPatient, t.NewMembers == MembersExport, STU2},
		{"since", ParamSince, !t.Since.IsZero(), STU1},
	} {
		switch {
		case !wish.asked:
		case !p.Takes(wish.parameter):
			r.miss(at.at(wish.field), fmt.Sprintf("needs %s, which %s does not take (see the parameters of profile %s)", wish.parameter, or(p.Title, p.Name), p.Name))
		case dialect != Discover && dialect < wish.from:
			r.miss(at.at(wish.field), fmt.Sprintf("needs %s, which began with %s; the dialect here is %s", wish.parameter, wish.from, dialect))
		}
	}
}
