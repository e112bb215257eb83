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
	// Levels are the export levels that the statement names.
	Levels []Level
	// Types are the resource types that can be read or searched.
	Types []string
}

type wireCapability struct {
	ResourceType string `json:"resourceType"`
	FHIRVersion  string `json:"fhirVersion"`
	Software     struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"software"`
	Rest []struct {
		Operation []wireOperation `json:"operation"`
		Resource  []struct {
			Type      string          `json:"type"`
			Operation []wireOperation `json:"operation"`
		} `json:"resource"`
	} `json:"rest"`
}

type wireOperation struct {
	Name       string `json:"name"`
	Definition string `json:"definition"`
}

// Capability reads [base]/metadata. It asks without a token first, as the
// standard has it, and once more with one when the server answers 401.
func (c *Client) Capability(ctx context.Context) (*Capability, error) {
	x := exchange{
		op: OpQuery, method: http.MethodGet, target: c.base.JoinPath("metadata"), redirects: true,
		header: http.Header{"Accept": {"application/fhir+json"}},
	}
	a, err := c.answerOf(ctx, x, c.limits.ManifestBytes)
	if err == nil && a.status == http.StatusUnauthorized && c.tokens != nil {
		x.authorize = true
		a, err = c.answerOf(ctx, x, c.limits.ManifestBytes)
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
	}
	add := func(level Level) {
		if level != "" && !slices.Contains(found.Levels, level) {
			found.Levels = append(found.Levels, level)
		}
	}
	for _, rest := range w.Rest {
		for _, o := range rest.Operation {
			add(o.level(SystemLevel))
		}
		for _, r := range rest.Resource {
			found.Types = append(found.Types, plainText(r.Type, 64))
			of := map[string]Level{"Patient": PatientLevel, "Group": GroupLevel}[r.Type]
			for _, o := range r.Operation {
				add(o.level(of))
			}
		}
	}
	return found
}

// level tells an export by its definition, of the guide's present and first
// version; by its name only where the definition says nothing.
func (o wireOperation) level(place Level) Level {
	definition, _, _ := strings.Cut(o.Definition, "|")
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
