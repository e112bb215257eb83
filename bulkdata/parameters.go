package bulkdata

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// A valueKind is the member of a Parameters entry that carries a value.
type valueKind string

const (
	asString    valueKind = "valueString"
	asInstant   valueKind = "valueInstant"
	asBoolean   valueKind = "valueBoolean"
	asCode      valueKind = "valueCode"
	asCoding    valueKind = "valueCoding"
	asReference valueKind = "valueReference"
	asPositive  valueKind = "valuePositiveInt"
)

// associatedData is the code system of includeAssociatedData.
const associatedData = "http://hl7.org/fhir/uv/bulkdata/CodeSystem/include-associated-data"

// A kickoffValue is one parameter of a kick-off, as it goes into a query or
// into a Parameters resource.
type kickoffValue struct {
	name string
	kind valueKind
	text string
}

// kickoffValues gives the parameters of a checked request in a fixed order.
// Lists are joined by commas where the dialect knows that, because deployed
// servers ignore repetitions; RepeatedParameters, codes in a POST and STU4
// give one entry per value.
func (c *Client) kickoffValues(r Request) []kickoffValue {
	var list []kickoffValue
	one := func(name string, kind valueKind, text string) {
		if text != "" && text != "0" {
			list = append(list, kickoffValue{name, kind, text})
		}
	}
	many := func(name string, kind valueKind, texts []string) {
		repeat := c.dialect == STU4 || c.dialect != STU1 && c.tolerances.RepeatedParameters || kind != asString && c.posts(r)
		if !repeat {
			one(name, kind, strings.Join(texts, ","))
			return
		}
		for _, text := range texts {
			one(name, kind, text)
		}
	}
	coded := asCode
	if c.dialect == STU4 {
		coded = asCoding
	}
	many("_type", asString, r.Types)
	one("_since", asInstant, r.Since)
	one("_until", asInstant, r.Until)
	many("_elements", asString, r.Elements)
	for _, id := range r.Patients {
		one("patient", asReference, "Patient/"+id)
	}
	many("includeAssociatedData", coded, r.AssociatedData)
	for _, filter := range filterValues(c.dialect, r.TypeFilters) {
		one("_typeFilter", asString, filter)
	}
	one("organizeOutputBy", asString, r.OrganizeOutputBy)
	if r.AllowPartialManifests {
		one("allowPartialManifests", asBoolean, "true")
	}
	one("_minimumFileSize", asPositive, strconv.FormatInt(r.MinFileSize, 10))
	one("_maximumFileSize", asPositive, strconv.FormatInt(r.MaxFileSize, 10))
	one("_outputFormat", asString, r.OutputFormat)
	return list
}

// queryOf writes the query of a GET kick-off, fully percent-encoded: a literal
// plus would be read as a space.
func queryOf(values []kickoffValue) string {
	var pairs []string
	for _, v := range values {
		pairs = append(pairs, v.name+"="+strings.ReplaceAll(url.QueryEscape(v.text), "+", "%20"))
	}
	return strings.Join(pairs, "&")
}

type parameters struct {
	ResourceType string      `json:"resourceType"`
	Parameter    []parameter `json:"parameter,omitempty"`
}

type parameter struct {
	Name      string     `json:"name"`
	String    string     `json:"valueString,omitempty"`
	Instant   string     `json:"valueInstant,omitempty"`
	Code      string     `json:"valueCode,omitempty"`
	Boolean   bool       `json:"valueBoolean,omitzero"`
	Positive  int64      `json:"valuePositiveInt,omitzero"`
	Coding    *coding    `json:"valueCoding,omitempty"`
	Reference *reference `json:"valueReference,omitempty"`
}

type coding struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

type reference struct {
	Reference string `json:"reference"`
}

// parametersOf writes the body of a POST kick-off: one value per entry, and no
// member parameter when there is none.
func parametersOf(values []kickoffValue) ([]byte, error) {
	p := parameters{ResourceType: "Parameters"}
	for _, v := range values {
		entry := parameter{Name: v.name}
		switch v.kind {
		case asString:
			entry.String = v.text
		case asInstant:
			entry.Instant = v.text
		case asCode:
			entry.Code = v.text
		case asBoolean:
			entry.Boolean = v.text == "true"
		case asPositive:
			entry.Positive, _ = strconv.ParseInt(v.text, 10, 64) // written by kickoffValues
		case asCoding:
			entry.Coding = &coding{associatedData, v.text}
		case asReference:
			entry.Reference = &reference{v.text}
		}
		p.Parameter = append(p.Parameter, entry)
	}
	return json.Marshal(p)
}
