package bulkdata

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
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
// parameter out. A parameter that the client's dialect does not define is a
// [*RequestError], as is one that breaks the guide's own rules.
type Request struct {
	// Level is required.
	Level Level
	// GroupID is the group's id, required at group level and only there.
	GroupID string
	// Types are resource types; repetitions are dropped, order is kept. A
	// server may still send other types: associated and context resources.
	Types []string
	// Since is a FHIR instant, sent exactly as given: give a manifest's
	// TransactionTime. It selects by when a resource was changed; for
	// clinical dates use TypeFilters.
	Since string
	// Until is a FHIR instant: changed before it. STU3 and later.
	Until string
	// Elements are names of root elements, "birthDate" or "Patient.birthDate".
	// STU2 and later. What it gives are parts of resources, which must never
	// replace whole ones.
	Elements []string
	// Patients are ids of Patient resources. STU2 and later, never at system
	// level; they make the kick-off a POST.
	Patients []string
	// AssociatedData are codes: LatestProvenanceResources,
	// RelevantProvenanceResources, or a server's own that begins with "_".
	// STU2 and later.
	AssociatedData []string
	// TypeFilters are FHIR queries "Type?parameters", not percent-encoded
	// save for what FHIR itself wants escaped. Their types must be in Types.
	TypeFilters []string
	// OrganizeOutputBy is a resource type; the answer alone says whether the
	// server does it, see [Manifest.Organized]. STU3 and later.
	OrganizeOutputBy string
	// AllowPartialManifests lets the server give the manifest in pages and
	// before the export is complete: set it only if you follow [Manifest.Next]
	// with [Pages]. STU3 and later.
	AllowPartialManifests bool
	// SeparateExportStatus asks that status answers tell the export's state
	// apart from the request's; see [Kickoff.SeparateStatus]. STU3 and later.
	SeparateExportStatus bool
	// Lenient asks the server to ignore parameters it does not know, besides
	// Tolerances.HandlingLenient. Filters may then be dropped silently.
	Lenient bool
	// Post sends a POST in STU2 and STU3, where GET is the default. It has no
	// effect in STU4, which knows POST only.
	Post bool
	// MinFileSize and MaxFileSize bound the size of files in bytes; the server
	// may deviate. STU4.
	MinFileSize, MaxFileSize int64
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

// Plan checks r and returns the request that Kickoff would send first. It
// sends nothing and asks for no token.
func (c *Client) Plan(r Request) (*PlannedRequest, error) {
	path, err := c.exportPath(r)
	if err != nil {
		return nil, err
	}
	if r, err = checkRequest(c.dialect, r); err != nil {
		return nil, err
	}
	p := &PlannedRequest{Method: http.MethodGet, URL: path, Header: http.Header{}}
	p.Header.Set("Accept", "application/fhir+json")
	p.Header.Set("Prefer", strings.Join(c.preferences(r), ", "))
	p.Header.Set("User-Agent", c.userAgent)
	values := c.kickoffValues(r)
	if c.posts(r) {
		p.Method = http.MethodPost
		p.Header.Set("Content-Type", "application/fhir+json")
		p.Body, err = parametersOf(values)
		return p, err
	}
	if query := queryOf(values); query != "" {
		p.URL += "?" + query
	}
	return p, nil
}

// posts reports whether r is sent as a POST.
func (c *Client) posts(r Request) bool {
	return c.dialect == STU4 || r.Post || len(r.Patients) > 0
}

func (c *Client) preferences(r Request) []string {
	list := []string{"respond-async"}
	if r.SeparateExportStatus {
		list = append(list, separateExportStatus)
	}
	if r.Lenient || c.tolerances.HandlingLenient {
		list = append(list, "handling=lenient")
	}
	return list
}

func (c *Client) exportPath(r Request) (string, error) {
	operation := "$" + url.PathEscape(cmp.Or(c.tolerances.ExportOperation, "export"))
	base := strings.TrimRight(c.base.String(), "/")
	if r.GroupID != "" && r.Level != GroupLevel {
		return "", &RequestError{"group id", "it is for group level only"}
	}
	switch r.Level {
	case SystemLevel:
		return base + "/" + operation, nil
	case PatientLevel:
		return base + "/Patient/" + operation, nil
	case GroupLevel:
		if r.GroupID == "" || r.GroupID == "." || r.GroupID == ".." || len(r.GroupID) > 256 {
			return "", &RequestError{"group id", "group level needs one, of 256 characters at most"}
		}
		return base + "/Group/" + url.PathEscape(r.GroupID) + "/" + operation, nil
	}
	return "", &RequestError{"level", "it is none of system, patient, group"}
}
