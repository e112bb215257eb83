package exportlog

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Address gives a URL without user, query and fragment, where signatures and
// tokens stand. What is no absolute URL gives "".
func Address(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// FileURL gives the address of an output file. Where it had a query, which may
// be all that tells it from other files, our name of the file is its fragment.
// Where the server wants no token the whole path may be the secret: then our
// name stands in its place.
func FileURL(f store.File) string {
	u, err := url.Parse(Address(f.URL))
	switch {
	case err != nil || u.Host == "":
		return "#" + f.Name
	case f.Access == string(bulkdata.TokenForbidden):
		return u.Scheme + "://" + u.Host + "/" + f.Name
	case u.String() != f.URL:
		u.Fragment = f.Name
	}
	return u.String()
}

// ExportURL gives the address of an export's kick-off.
func ExportURL(i store.Intent) string {
	base := strings.TrimRight(Address(i.Endpoint), "/")
	switch i.Level {
	case "group":
		return base + "/Group/" + url.PathEscape(i.Group) + "/$export"
	case "patient":
		return base + "/Patient/$export"
	}
	return base + "/$export"
}

// Parameters gives what a kick-off asked for. The values of _typeFilter and
// patient may name people and are left out.
func Parameters(i store.Intent) map[string]string {
	p := i.Parameters
	all := map[string]string{
		"_type": strings.Join(i.Types, ","), "_since": i.Since, "_until": p.Until, "_elements": strings.Join(p.Elements, ","),
		"includeAssociatedData": strings.Join(p.AssociatedData, ","), "organizeOutputBy": p.OrganizeBy,
	}
	if p.WithoutTypes {
		delete(all, "_type")
	}
	if p.AllowPartial {
		all["allowPartialManifests"] = "true"
	}
	for name, value := range all {
		if value == "" {
			delete(all, name)
		}
	}
	return all
}

var percent = regexp.MustCompile(`(?:^|[^0-9.])([0-9]{1,3}(?:\.[0-9]{1,4})?) ?%`)

// Progress gives what may be kept of an X-Progress header, whose text is free:
// a percentage, or that the server is at work.
func Progress(text string) string {
	if m := percent.FindStringSubmatch(text); m != nil {
		if n, err := strconv.ParseFloat(m[1], 64); err == nil && n <= 100 {
			return m[1] + "%"
		}
	}
	return "in-progress"
}
