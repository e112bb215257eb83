package bulkdata

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// A Capability is what a server's CapabilityStatement claims. Servers claim
// too much and too little: use it to inform a person, not to forbid an export.
type Capability struct {
	// FHIRVersion and Software are the server's words, shortened.
	FHIRVersion, Software string
	// BulkData says that the statement instantiates the guide's own, in any
	// version. Servers need not say so.
	BulkData bool
	// Levels are the export levels that the statement names.
	Levels []Level
	// Operations are the export operations as the statement has them.
	Operations []ExportOperation
	// Types are the resource types that can be read or searched.
	Types []string
	// SearchParams are the search parameters by resource type; those of every
	// type are under "".
	SearchParams map[string][]string
	// NotSupported is what works over REST and not in an export.
	NotSupported []NotSupported
}

// An ExportOperation is one operation that starts exports. All its texts are
// the server's.
type ExportOperation struct {
	Level Level
	// Name is without "$".
	Name string
	// Definition is the canonical without its version, Version that version,
	// empty for none.
	Definition, Version string
}

// A NotSupported is a mark that a type, or one of its search parameters, cannot
// be used in exports of those levels.
type NotSupported struct {
	Type string
	// Param is the search parameter, empty for the type as a whole.
	Param string
	// Levels are the levels meant; all three where the mark is for the guide
	// as a whole.
	Levels []Level
}

type wireCapability struct {
	ResourceType string       `json:"resourceType"`
	FHIRVersion  string       `json:"fhirVersion"`
	Instantiates []string     `json:"instantiates"`
	Software     wireSoftware `json:"software"`
	Rest         []wireRest   `json:"rest"`
}

type wireSoftware struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type wireRest struct {
	Operation   []wireOperation   `json:"operation"`
	SearchParam []wireSearchParam `json:"searchParam"`
	Resource    []wireRestType    `json:"resource"`
}

type wireRestType struct {
	Type        string            `json:"type"`
	Operation   []wireOperation   `json:"operation"`
	SearchParam []wireSearchParam `json:"searchParam"`
	Extension   []wireMark        `json:"extension"`
}

type wireOperation struct {
	Name       string `json:"name"`
	Definition string `json:"definition"`
}

type wireSearchParam struct {
	Name      string     `json:"name"`
	Extension []wireMark `json:"extension"`
}

type wireMark struct {
	URL   string `json:"url"`
	Value string `json:"valueCanonical"`
}

// Capability reads [base]/metadata. It asks without a token first, as the
// standard has it, and once more with one when the server answers 401.
func (c *Client) Capability(ctx context.Context) (*Capability, error) {
	x := exchange{
		op: OpQuery, method: http.MethodGet, target: c.base.JoinPath("metadata"), redirects: true,
		header: http.Header{"Accept": {"application/fhir+json"}},
	}
	a, err := c.answerOf(ctx, x, min(c.limits.ManifestBytes, maxResource))
	if err == nil && a.status == http.StatusUnauthorized && c.tokens != nil {
		x.authorize = true
		a, err = c.answerOf(ctx, x, min(c.limits.ManifestBytes, maxResource))
	}
	if err != nil {
		return nil, err
	}
	var w wireCapability
	if err := a.resource(&w); err != nil {
		return nil, err
	}
	if w.ResourceType != "CapabilityStatement" {
		return nil, a.protocolError(OpQuery, NotExpectedResource)
	}
	return w.capability(), nil
}

func (w *wireCapability) capability() *Capability {
	found := &Capability{
		FHIRVersion: plainText(w.FHIRVersion, 20),
		Software:    plainText(w.Software.Name+" "+w.Software.Version, 100),
		BulkData: slices.ContainsFunc(w.Instantiates, func(canonical string) bool {
			return cutVersion(canonical) == guideStatement
		}),
		SearchParams: map[string][]string{},
	}
	for _, rest := range w.Rest {
		found.operations(SystemLevel, rest.Operation)
		for _, p := range rest.SearchParam {
			found.searchParam("", p)
		}
		for _, r := range rest.Resource {
			name := plainText(r.Type, 64)
			found.Types = append(found.Types, name)
			found.operations(map[string]Level{"Patient": PatientLevel, "Group": GroupLevel}[r.Type], r.Operation)
			found.marks(name, "", r.Extension)
			for _, p := range r.SearchParam {
				found.searchParam(name, p)
			}
		}
	}
	return found
}

func (found *Capability) operations(place Level, list []wireOperation) {
	for _, o := range list {
		level := o.level(place)
		if level == "" {
			continue
		}
		_, version, _ := strings.Cut(o.Definition, "|")
		found.Operations = append(found.Operations, ExportOperation{
			Level: level, Name: plainText(strings.TrimPrefix(o.Name, "$"), 64),
			Definition: plainText(cutVersion(o.Definition), 200), Version: plainText(version, 20),
		})
		if !slices.Contains(found.Levels, level) {
			found.Levels = append(found.Levels, level)
		}
	}
}

func (found *Capability) searchParam(of string, p wireSearchParam) {
	name := plainText(p.Name, 64)
	found.SearchParams[of] = append(found.SearchParams[of], name)
	found.marks(of, name, p.Extension)
}

// marks reads the extension operation-not-supported, whose URL differs between
// the guide's prose and its artifact: both are taken.
func (found *Capability) marks(of, param string, list []wireMark) {
	for _, m := range list {
		if !slices.Contains(notSupportedURLs, m.URL) {
			continue
		}
		levels := []Level{SystemLevel, PatientLevel, GroupLevel}
		if cutVersion(m.Value) != guideStatement {
			level := wireOperation{Definition: m.Value}.level("")
			if level == "" {
				continue // another operation's mark
			}
			levels = []Level{level}
		}
		found.NotSupported = append(found.NotSupported, NotSupported{Type: of, Param: param, Levels: levels})
	}
}

const guideStatement = "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"

var notSupportedURLs = []string{
	"http://hl7.org/fhir/uv/bulkdata/Extension/operation-not-supported",
	"http://hl7.org/fhir/uv/bulkdata/StructureDefinition/operation-not-supported",
}

func cutVersion(canonical string) string {
	canonical, _, _ = strings.Cut(canonical, "|")
	return canonical
}

// level tells an export by its definition, of the guide's present and first
// version; by its name only where the definition says nothing.
func (o wireOperation) level(place Level) Level {
	definition := cutVersion(o.Definition)
	name := definition[strings.LastIndexByte(definition, '/')+1:]
	switch name {
	case "patient-export", "PatientLevelExport":
		return PatientLevel
	case "group-export", "GroupLevelExport":
		return GroupLevel
	case "export", "BulkDataExport":
		return SystemLevel
	}
	if strings.TrimPrefix(o.Name, "$") == "export" {
		return place
	}
	return ""
}

// maxResource bounds a resource of the server's own, such as its
// CapabilityStatement: the largest that are known have 8 MiB.
const maxResource = 16 << 20

// resource reads a FHIR answer into w.
func (a *answer) resource(w any) error {
	switch {
	case a.status >= 400:
		return a.statusError(OpQuery)
	case a.status != http.StatusOK:
		return a.protocolError(OpQuery, UnexpectedStatus)
	case a.cut:
		return a.protocolError(OpQuery, TooLarge)
	case a.broken != nil:
		return &UnansweredError{Op: OpQuery, Err: a.broken}
	case !looksLikeJSON(a.body):
		return a.protocolError(OpQuery, NotJSON)
	}
	if err := json.Unmarshal(a.body, w); err != nil {
		invalid := a.protocolError(OpQuery, NotExpectedResource)
		if _, wrong := errors.AsType[*json.SemanticError](err); !wrong {
			invalid.Reason = NotJSON
		}
		invalid.Detail = jsonError(err).Error()
		return invalid
	}
	return nil
}
