package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
)

// A parameter is one value that a kick-off brought.
type parameter struct {
	name  string
	kind  string // its value[x] in a Parameters resource; empty when it came in the query
	value string
}

// A refusal is why a kick-off is not accepted.
type refusal struct {
	status int
	code   string // of the OperationOutcome's issue
	text   string
}

func (r *refusal) Error() string { return r.text }

func badParam(format string, args ...any) *refusal {
	return &refusal{http.StatusBadRequest, "value", fmt.Sprintf(format, args...)}
}

// parameters reads what the kick-off brought: from the query of a GET, from
// the body of a POST, never from both.
func parameters(x *exchange) ([]parameter, *refusal) {
	query, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return nil, badParam("The query cannot be read.")
	}
	if x.r.Method == http.MethodPost {
		if len(query) > 0 {
			return nil, badParam("A POST takes its parameters from the body alone.")
		}
		return bodyParameters(x)
	}
	var params []parameter
	for _, name := range slices.Sorted(maps.Keys(query)) {
		for _, v := range query[name] {
			params = append(params, parameter{name: name, value: v})
		}
	}
	return params, nil
}

// bodyParameters reads a Parameters resource, as strictly as FHIR's JSON is
// defined.
// https://hl7.org/fhir/R4/json.html
func bodyParameters(x *exchange) ([]parameter, *refusal) {
	if media, _, _ := mime.ParseMediaType(x.r.Header.Get("Content-Type")); media != "application/fhir+json" {
		return nil, &refusal{http.StatusUnsupportedMediaType, "invalid", "The body must be application/fhir+json."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(x, x.r.Body, 1<<20))
	if err != nil {
		return nil, badParam("The body cannot be read.")
	}
	var resource struct {
		ResourceType string                        `json:"resourceType"`
		Parameter    *[]map[string]json.RawMessage `json:"parameter"`
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	switch err := d.Decode(&resource); {
	case err != nil || d.More():
		return nil, &refusal{http.StatusBadRequest, "structure", "The body is no Parameters resource."}
	case resource.ResourceType != "Parameters":
		return nil, &refusal{http.StatusBadRequest, "structure", "The body must be a Parameters resource."}
	case resource.Parameter == nil:
		return nil, nil
	case len(*resource.Parameter) == 0:
		return nil, &refusal{http.StatusBadRequest, "structure", "FHIR has no empty arrays."}
	}
	var params []parameter
	for _, one := range *resource.Parameter {
		p, refused := bodyParameter(one)
		if refused != nil {
			return nil, refused
		}
		params = append(params, p)
	}
	return params, nil
}

// bodyParameter reads one entry: a name and one value.
func bodyParameter(entry map[string]json.RawMessage) (parameter, *refusal) {
	var p parameter
	if json.Unmarshal(entry["name"], &p.name) != nil || p.name == "" || len(entry) != 2 {
		return p, &refusal{http.StatusBadRequest, "structure", "A parameter has a name and one value."}
	}
	for key, raw := range entry {
		if key != "name" {
			p.kind = key
			var ok bool
			if p.value, ok = bodyValue(key, raw); !ok {
				return p, badParam("The value of the parameter %q cannot be read as %s.", p.name, key)
			}
		}
	}
	return p, nil
}

// bodyValue returns value[x] as it would stand in a query.
func bodyValue(kind string, raw json.RawMessage) (string, bool) {
	switch kind {
	case "valueString", "valueInstant", "valueCode":
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err == nil && s != ""
	case "valueBoolean":
		var b bool
		err := json.Unmarshal(raw, &b)
		return fmt.Sprint(b), err == nil
	case "valuePositiveInt":
		var n int64
		err := json.Unmarshal(raw, &n)
		return fmt.Sprint(n), err == nil && n > 0
	case "valueReference":
		var ref struct {
			Reference string `json:"reference"`
		}
		err := json.Unmarshal(raw, &ref)
		return ref.Reference, err == nil && ref.Reference != ""
	case "valueCoding":
		var coding struct {
			System string `json:"system"`
			Code   string `json:"code"`
		}
		err := json.Unmarshal(raw, &coding)
		return coding.Code, err == nil && coding.Code != "" && coding.System == associatedSystem
	}
	return "", false
}

const associatedSystem = "http://hl7.org/fhir/uv/bulkdata/CodeSystem/include-associated-data"

// wrongParams reads the request's parameters into e.
func (p *PracticeServer) wrongParams(x *exchange, e *export, g *grant) bool {
	params, refused := parameters(x)
	if refused == nil {
		refused = p.read(x, e, params)
	}
	if refused != nil {
		x.refuse(refused.status, refused.code, "%s", refused.text)
		return true
	}
	return p.wrongTypes(x, e, g) || p.wrongFilters(x, e)
}

// read reads params into e, name by name.
func (p *PracticeServer) read(x *exchange, e *export, params []parameter) *refusal {
	var names []string
	values := map[string][]string{}
	for _, one := range params {
		spec, known := parameterSpecs[one.name]
		if known && one.kind != "" && one.kind != spec.valueIn(e.wish.dialect) {
			return badParam("The value of the parameter %q must be a %s.", one.name, spec.valueIn(e.wish.dialect))
		}
		if values[one.name] == nil {
			names = append(names, one.name)
		}
		values[one.name] = append(values[one.name], one.value)
	}
	for _, name := range names {
		spec, known := parameterSpecs[name]
		switch {
		case !known || e.wish.dialect.before(spec.first) || slices.Contains(x.k.LacksParams, name):
			if refused := unknownParam(x, e, name); refused != nil {
				return refused
			}
			continue
		case len(values[name]) > 1 && (spec.once || e.wish.dialect == STU1 || (x.k.RejectRepeated && x.r.Method != http.MethodPost)):
			return badParam("The parameter %q comes more than once.", name)
		}
		if refused := spec.read(x, e, values[name]); refused != nil {
			return refused
		}
	}
	if w := e.wish; w.maxSize > 0 && w.minSize >= w.maxSize {
		return badParam("_minimumFileSize is not less than _maximumFileSize.")
	}
	return nil
}

// unknownParam settles what becomes of a parameter that the server does not
// know, or cannot read.
func unknownParam(x *exchange, e *export, name string) *refusal {
	switch {
	case x.k.LenientParams || x.k.UnknownParam == UnknownIgnore || handlesLeniently(x.r):
		e.wish.ignored = append(e.wish.ignored, name)
		return nil
	case x.k.UnknownParam == Unknown422:
		return &refusal{http.StatusUnprocessableEntity, "not-supported", fmt.Sprintf("The parameter %q is not supported.", name)}
	}
	return &refusal{http.StatusBadRequest, "not-supported", fmt.Sprintf("The parameter %q is not supported.", name)}
}

func handlesLeniently(r *http.Request) bool { return prefers(r, "handling=lenient") }

// wrongTypes settles which types e exports: those asked for, or every one that
// the token's scopes name.
func (p *PracticeServer) wrongTypes(x *exchange, e *export, g *grant) bool {
	offered := p.offered(x.k)
	allowed := readable(g.scopes, offered)
	types := e.types
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
	if e.types != nil && wrongMix(x, types) {
		return true
	}
	for _, t := range slices.Clone(types) {
		types = append(types, x.k.Implies[t]...)
	}
	e.types = fhir.TypeSet(types)
	return false
}

// wrongMix refuses a _type that is fine type by type but not as a whole.
func wrongMix(x *exchange, types []string) bool {
	administrative := func(t string) bool { return slices.Contains(x.k.Admin, t) }
	switch {
	case x.k.AdminOnly == AdminReject && !slices.ContainsFunc(types, func(t string) bool { return !administrative(t) }):
		x.refuse(http.StatusBadRequest, "business-rule", "_type must name at least one type of a patient's compartment.")
		return true
	case x.k.PatientOnly != 0 && slices.Equal(fhir.TypeSet(types), []string{"Patient"}):
		x.refuse(x.k.PatientOnly, "business-rule", "_type must name more than Patient.")
		return true
	}
	return false
}

// wrongFilters refuses filters of types that are not exported.
func (p *PracticeServer) wrongFilters(x *exchange, e *export) bool {
	for _, f := range e.wish.filters {
		if !slices.Contains(e.types, f.kind) {
			x.refuse(http.StatusBadRequest, "value", "_typeFilter names a type that _type does not.")
			return true
		}
	}
	return false
}
