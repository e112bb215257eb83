package sqlonfhir

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// An element is an object of a ViewDefinition, and where it stands.
type element struct {
	place   string
	members map[string]jsontext.Value
}

// readElement reads an object whose members are among known, or are those that
// every FHIR element may have.
func readElement(raw jsontext.Value, place string, known []string) (element, error) {
	e := element{place: place}
	if raw.Kind() != '{' {
		return e, &DefinitionError{place, "an object expected"}
	}
	if err := json.Unmarshal(raw, &e.members); err != nil {
		return e, &DefinitionError{place, "not valid JSON"}
	}
	names := make([]string, 0, len(e.members))
	for name := range e.members {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		common := name == "id" || name == "extension" || name == "modifierExtension" || strings.HasPrefix(name, "_")
		if !common && !slices.Contains(known, name) {
			return e, &DefinitionError{e.at(name), "unknown element"}
		}
	}
	return e, nil
}

func (e element) at(name string) string {
	if e.place == "" {
		return name
	}
	return e.place + "." + name
}

func (e element) has(name string) bool { _, ok := e.members[name]; return ok }

// text returns a string member; empty when it is absent.
func (e element) text(name string) (string, error) {
	raw, ok := e.members[name]
	if !ok {
		return "", nil
	}
	return readText(raw, e.at(name))
}

// note returns a string member that says nothing about rows; it may be empty.
func (e element) note(name string) (string, error) {
	if string(e.members[name]) == `""` {
		return "", nil
	}
	return e.text(name)
}

func readText(raw jsontext.Value, place string) (string, error) {
	var s string
	if raw.Kind() != '"' || json.Unmarshal(raw, &s) != nil {
		return "", &DefinitionError{place, "a string expected"}
	}
	if s == "" {
		return "", &DefinitionError{place, "an empty string"}
	}
	return s, nil
}

func (e element) boolean(name string) (bool, error) {
	raw, ok := e.members[name]
	if ok && raw.Kind() != 't' && raw.Kind() != 'f' {
		return false, &DefinitionError{e.at(name), "a boolean expected"}
	}
	return ok && raw.Kind() == 't', nil
}

// A member is one of a list, and where it stands.
type member struct {
	raw   jsontext.Value
	place string
}

func (e element) list(name string) ([]member, error) {
	raw, ok := e.members[name]
	if !ok {
		return nil, nil
	}
	var values []jsontext.Value
	if raw.Kind() != '[' || json.Unmarshal(raw, &values) != nil {
		return nil, &DefinitionError{e.at(name), "a list expected"}
	}
	members := make([]member, len(values))
	for i, v := range values {
		members[i] = member{v, fmt.Sprintf("%s[%d]", e.at(name), i)}
	}
	return members, nil
}
