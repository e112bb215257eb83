package config

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// A Doubt is something of a configuration that can be used and is probably not
// meant. It stops nothing: it may stand in the file of one practice of a hundred.
type Doubt struct {
	About string // a practice, a registration
	File  string
	Line  int    // from 1; 0 when it is about no line
	Text  string // what is doubtful, as a sentence without a full stop
	Next  string // what to write instead
}

// Doubts gives what is probably not meant, in the order of registrations and
// tenants.
func (c *Config) Doubts() []Doubt { return slices.Clone(c.doubts) }

// doubt notes what is doubtful at a place.
func (r *reader) doubt(about string, at place, text, next string) {
	d := Doubt{About: about, Text: text, Next: next}
	if at.src != nil {
		d.File, d.Line = at.src.name, at.src.line(at.path)
	}
	r.doubts = append(r.doubts, d)
}

// question notes what is doubtful about the addresses and ids of a configuration
// that has no mistakes and no defaults yet.
func (r *reader) question(root place, tenants []place, c *Config) {
	for _, name := range slices.Sorted(maps.Keys(c.Registrations)) {
		r.questionRegistration(root.at("registrations").at(name), name, c.Registrations[name])
	}
	first := map[string]string{} // tenants, by the patients whom they ask for
	for i := range c.Tenants {
		t := &c.Tenants[i]
		r.questionBase(tenants[i].at("fhir_base_url"), t)
		r.questionGroup(tenants[i].at("group"), t)
		of := sameURL(t.FHIRBaseURL) + " " + meantGroup(t.Group)
		if earlier, known := first[of]; known {
			r.doubt(t.ID, tenants[i].at("fhir_base_url"), "it asks the same server for the same patients as "+earlier,
				"Give it its own fhir_base_url or group, unless that is meant: the records of one practice would be in the tables of both.")
			continue
		}
		first[of] = t.ID
	}
}

func (r *reader) questionRegistration(at place, name string, reg Registration) {
	about := "registration " + name
	if i := strings.Index(reg.TokenURL, "/.well-known/"); i >= 0 {
		r.doubt(about, at.at("token_url"), "token_url is where a server says what it has, not where it gives tokens",
			"Leave token_url out: it is read there by itself. Or write what stands there as token_endpoint.")
	}
	if meant := strings.Join(strings.Fields(reg.ClientID), ""); meant != reg.ClientID {
		r.doubt(about, at.at("client_id"), "client_id holds a space or an end of line, which ids of vendors do not", fmt.Sprintf("Write client_id: %q, if that is what the vendor gave.", meant))
	}
}

// askedBelow is what stands below a server's base: what a browser, a portal or a
// manual shows in its place.
var askedBelow = regexp.MustCompile(`(/metadata|/\.well-known/[a-z-]+|(/Patient|/Group(/[^/]+)?)?/\$[a-z-]+|/Patient|/Group(/[^/]+)?)/*$`)

func (r *reader) questionBase(at place, t *Tenant) {
	text := strings.TrimSpace(t.FHIRBaseURL)
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return
	}
	if of := askedBelow.FindString(u.Path); of != "" {
		base := *u
		base.Path, base.RawPath = strings.TrimSuffix(u.Path, of), ""
		next := "Write fhir_base_url: " + base.String()
		if group := meantGroup(of); strings.HasPrefix(of, "/Group/") && !strings.HasPrefix(group, "$") && group != t.Group {
			next += ", and group: " + group
		}
		r.doubt(t.ID, at, "fhir_base_url ends in "+strings.TrimRight(of, "/")+", which is below the base of a server", next+".")
		return
	}
	meant := *u
	meant.Host, meant.ForceQuery = strings.ToLower(u.Host), false
	switch {
	case u.ForceQuery || strings.HasSuffix(text, "#"):
		r.doubt(t.ID, at, "fhir_base_url ends in ? or #, to which nothing can be added", "Write fhir_base_url: "+meant.String()+".")
	case text != t.FHIRBaseURL || strings.ContainsAny(u.Path, " \t\n"):
		r.doubt(t.ID, at, "fhir_base_url holds a space", "Write it without: fhir_base_url: "+strings.Join(strings.Fields(text), "")+".")
	case u.Port() == "" && strings.HasSuffix(u.Host, ":"):
		r.doubt(t.ID, at, "fhir_base_url has a host without a name or a port", "Write the address once, such as https://ehr.example.org/fhir/r4.")
	case strings.ToLower(u.Host) != u.Host:
		r.doubt(t.ID, at, "fhir_base_url has a host with capital letters: it works, but bulkhead takes it for another address than the same in small ones",
			"Write fhir_base_url: "+meant.String()+", at best before the first export: the next one after that is a full one.")
	}
}

// questionGroup doubts what is no id: ids of FHIR hold letters, digits, - and .
// https://hl7.org/fhir/R4/datatypes.html#id
func (r *reader) questionGroup(at place, t *Tenant) {
	meant := meantGroup(t.Group)
	if meant == t.Group {
		return
	}
	next := fmt.Sprintf("Write group: %q", meant)
	if t.Agreement != nil && slices.Contains(t.Agreement.Groups, t.Group) {
		next += ", and the same among the groups of the agreement"
	}
	r.doubt(t.ID, at, fmt.Sprintf("group is %q, but the id alone belongs there", openly(t.Group)), next+".")
}

// meantGroup takes the id of a group out of what was pasted in its place: a
// reference or an address. An id stays as it is.
func meantGroup(text string) string {
	id := strings.TrimSpace(text)
	_, rest, found := strings.Cut("/"+id, "/Group/")
	switch {
	case found:
		id = rest
	case strings.Contains(id, "://"):
		id = id[strings.LastIndex(strings.TrimRight(id, "/"), "/")+1:]
	default:
		return id
	}
	id, _, _ = strings.Cut(id, "?")
	id, _, _ = strings.Cut(strings.TrimLeft(id, "/"), "/")
	return id
}

// openly leaves the user and the query of an address out.
func openly(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return text
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// sameURL writes URLs of one address alike.
func sameURL(text string) string {
	text = strings.TrimRight(strings.TrimSpace(text), "/")
	if u, err := url.Parse(text); err == nil {
		u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
		return u.String()
	}
	return text
}
