package bulkdata

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// A Level is whose data an export covers.
type Level string

// The levels.
const (
	SystemLevel  Level = "system"  // [base]/$export
	PatientLevel Level = "patient" // [base]/Patient/$export
	GroupLevel   Level = "group"   // [base]/Group/[id]/$export
)

// A Request asks for one export. The zero value of a field leaves the
// parameter out.
type Request struct {
	// Level is required.
	Level Level
	// GroupID is the group's id, required at group level and only there.
	GroupID string
	// Types are resource types; repetitions are dropped, order is kept.
	Types []string
	// Since is a FHIR instant, sent exactly as given.
	Since string
	// TypeFilters are FHIR queries "Type?parameters", not percent-encoded.
	// Their types must be in Types.
	TypeFilters []string
	// OutputFormat is passed through; leave it empty for NDJSON.
	OutputFormat string
}

// A PlannedRequest is a kick-off as it will be sent, save for the access
// token, which is added when it leaves.
type PlannedRequest struct {
	Method string
	URL    string
	Header http.Header
	Body   []byte // nil for GET
}

var (
	typeName = regexp.MustCompile(`^[A-Z][A-Za-z]{1,63}$`)
	instant  = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$`)
)

// Plan checks r and returns the request that Kickoff would send. It sends
// nothing and asks for no token.
func (c *Client) Plan(r Request) (*PlannedRequest, error) {
	path, err := c.exportPath(r)
	if err != nil {
		return nil, fmt.Errorf("plan export: %w", err)
	}
	if r, err = checkParameters(r); err != nil {
		return nil, fmt.Errorf("plan export: %w", err)
	}
	p := &PlannedRequest{Method: http.MethodGet, URL: path, Header: http.Header{}}
	p.Header.Set("Accept", "application/fhir+json")
	p.Header.Set("Prefer", "respond-async")
	if c.tolerances.HandlingLenient {
		p.Header.Set("Prefer", "respond-async, handling=lenient")
	}
	p.Header.Set("User-Agent", c.userAgent)
	if c.dialect == STU4 {
		p.Method = http.MethodPost
		p.Header.Set("Content-Type", "application/fhir+json")
		p.Body, err = parametersOf(r)
		return p, err
	}
	if query := c.queryOf(r); query != "" {
		p.URL += "?" + query
	}
	return p, nil
}

func (c *Client) exportPath(r Request) (string, error) {
	operation := "$export"
	if name := c.tolerances.ExportOperation; name != "" {
		operation = "$" + url.PathEscape(name)
	}
	base := strings.TrimRight(c.base.String(), "/")
	if r.GroupID != "" && r.Level != GroupLevel {
		return "", errors.New("a group id is for group level only")
	}
	switch r.Level {
	case SystemLevel:
		return base + "/" + operation, nil
	case PatientLevel:
		return base + "/Patient/" + operation, nil
	case GroupLevel:
		if r.GroupID == "" || r.GroupID == "." || r.GroupID == ".." || len(r.GroupID) > 256 {
			return "", errors.New("group level needs a group id")
		}
		return base + "/Group/" + url.PathEscape(r.GroupID) + "/" + operation, nil
	}
	return "", fmt.Errorf("level %q is none of system, patient, group", r.Level)
}

// checkParameters returns r with each type once.
func checkParameters(r Request) (Request, error) {
	var types []string
	for _, name := range r.Types {
		if !typeName.MatchString(name) {
			return r, fmt.Errorf("%q is not a resource type", name)
		}
		if !slices.Contains(types, name) {
			types = append(types, name)
		}
	}
	r.Types = types
	if r.Since != "" && !IsInstant(r.Since) {
		return r, fmt.Errorf("since %q is not a FHIR instant (date, time with seconds, zone)", r.Since)
	}
	for _, filter := range r.TypeFilters {
		if err := checkTypeFilter(filter, types); err != nil {
			return r, fmt.Errorf("type filter %q: %w", filter, err)
		}
	}
	return r, nil
}

// IsInstant reports whether text is a FHIR instant: a date, a time with
// seconds, and a zone.
func IsInstant(text string) bool {
	_, err := time.Parse(time.RFC3339Nano, text)
	return err == nil && instant.MatchString(text)
}

// queryOf writes the query of a GET kick-off in a fixed order, fully
// percent-encoded: a literal plus would be read as a space.
func (c *Client) queryOf(r Request) string {
	var pairs []string
	add := func(name, value string) {
		pairs = append(pairs, name+"="+strings.ReplaceAll(url.QueryEscape(value), "+", "%20"))
	}
	switch {
	case len(r.Types) == 0:
	case c.tolerances.RepeatedParameters && c.dialect != STU1:
		for _, name := range r.Types {
			add("_type", name)
		}
	default:
		add("_type", strings.Join(r.Types, ","))
	}
	if r.Since != "" {
		add("_since", r.Since)
	}
	for _, value := range filterValues(c.dialect, r.TypeFilters) {
		add("_typeFilter", value)
	}
	if r.OutputFormat != "" {
		add("_outputFormat", r.OutputFormat)
	}
	return strings.Join(pairs, "&")
}

type parameters struct {
	ResourceType string      `json:"resourceType"`
	Parameter    []parameter `json:"parameter,omitempty"`
}

type parameter struct {
	Name         string `json:"name"`
	ValueString  string `json:"valueString,omitempty"`
	ValueInstant string `json:"valueInstant,omitempty"`
}

// parametersOf writes the body of a POST kick-off: one value per entry.
func parametersOf(r Request) ([]byte, error) {
	p := parameters{ResourceType: "Parameters"}
	for _, name := range r.Types {
		p.Parameter = append(p.Parameter, parameter{Name: "_type", ValueString: name})
	}
	if r.Since != "" {
		p.Parameter = append(p.Parameter, parameter{Name: "_since", ValueInstant: r.Since})
	}
	for _, filter := range r.TypeFilters {
		p.Parameter = append(p.Parameter, parameter{Name: "_typeFilter", ValueString: filter})
	}
	if r.OutputFormat != "" {
		p.Parameter = append(p.Parameter, parameter{Name: "_outputFormat", ValueString: r.OutputFormat})
	}
	return json.Marshal(p)
}
