package sqlonfhir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// An iteration says over what a select repeats its rows.
type iteration uint8

const (
	once iteration = iota
	forEach
	forEachOrNull
	repeat
)

var iterations = map[string]iteration{"forEach": forEach, "forEachOrNull": forEachOrNull, "repeat": repeat}

// A pathDefinition is a parsed expression and where it stands.
type pathDefinition struct {
	syntax *syntax
	place  string
}

// A columnDefinition is a column of a select; slot is its place in the row.
type columnDefinition struct {
	Column
	pathDefinition
	slot int
}

// A selectDefinition is a select or a branch of a unionAll. Its columns and
// all below it take the slots from first on.
type selectDefinition struct {
	place        string
	iteration    iteration
	paths        []pathDefinition // of the iteration
	columns      []columnDefinition
	selects      []*selectDefinition
	branches     []*selectDefinition
	first, width int
}

// metadata are the elements of a ViewDefinition that say nothing about rows.
var metadata = strings.Fields(`resourceType meta implicitRules language text contained url identifier version
	versionAlgorithmString versionAlgorithmCoding name title status experimental date publisher contact description
	useContext jurisdiction purpose copyright copyrightLabel approvalDate lastReviewDate effectivePeriod topic author
	editor reviewer endorser relatedArtifact fhirVersion profile resource constant where select resourceDefinition
	$schema`)

var (
	selectElements = []string{"column", "select", "forEach", "forEachOrNull", "repeat", "unionAll"}
	columnElements = []string{"name", "path", "description", "collection", "type", "tag"}
)

// A reader turns the JSON of one view into definitions.
type reader struct {
	constants map[string]item
}

func readView(raw []byte) (*View, error) {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if err := checkJSON(raw); err != nil {
		return nil, err
	}
	e, err := readElement(raw, "", metadata)
	if err != nil {
		return nil, err
	}
	v := &View{}
	for name, field := range map[string]*string{"url": &v.URL, "title": &v.Title, "description": &v.Description, "status": &v.Status} {
		if *field, err = e.note(name); err != nil {
			return nil, err
		}
	}
	if err := v.readIdentity(e); err != nil {
		return nil, err
	}
	r := &reader{}
	if r.constants, err = readConstants(e); err != nil {
		return nil, err
	}
	if v.where, err = r.where(e); err != nil {
		return nil, err
	}
	if v.selects, err = r.selects(e, "select", 0); err != nil {
		return nil, err
	}
	return v, v.setColumns()
}

// checkJSON demands one JSON value.
func checkJSON(raw []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	_, err := d.ReadValue()
	if err == nil {
		if _, err = d.ReadToken(); errors.Is(err, io.EOF) {
			return nil
		}
		return &DefinitionError{"", "not valid JSON: there is something behind the view"}
	}
	reason, at := "the text ends too early", len(raw)
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok && !errors.Is(err, io.ErrUnexpectedEOF) {
		reason, at = e.Err.Error(), min(int(e.ByteOffset), len(raw))
		if errors.Is(err, jsontext.ErrDuplicateName) {
			reason = fmt.Sprintf("the member %q is there twice", e.JSONPointer.LastToken())
		}
	}
	line := 1 + bytes.Count(raw[:at], []byte{'\n'})
	return &DefinitionError{"", fmt.Sprintf("not valid JSON: %s (in line %d)", reason, line)}
}

// readIdentity reads resourceType, name and resource.
func (v *View) readIdentity(e element) (err error) {
	typ, err := e.text("resourceType")
	switch {
	case err != nil:
		return err
	case typ != "" && typ != "ViewDefinition" && !strings.HasSuffix(typ, "/StructureDefinition/ViewDefinition"):
		return &DefinitionError{"resourceType", "not a ViewDefinition"}
	}
	if v.Name, err = e.text("name"); err != nil {
		return err
	}
	if v.Name != "" && !isSQLName(v.Name) {
		return &DefinitionError{"name", "a letter followed by letters, digits and underscores expected"}
	}
	if v.Resource, err = e.text("resource"); err != nil {
		return err
	}
	switch {
	case v.Resource == "":
		return &DefinitionError{"resource", "the resource type is missing"}
	case !isTypeName([]byte(v.Resource)):
		return &DefinitionError{"resource", "not the name of a resource type"}
	}
	return nil
}

func (r *reader) path(e element, name string) (pathDefinition, string, error) {
	text, err := e.text(name)
	if err == nil && text == "" {
		err = &DefinitionError{e.at(name), "the path is missing"}
	}
	if err != nil {
		return pathDefinition{}, "", err
	}
	p, err := r.parse(text, e.at(name))
	return p, text, err
}

func (r *reader) parse(text, place string) (pathDefinition, error) {
	s, err := parsePath(text, r.constants)
	if err != nil {
		return pathDefinition{}, &DefinitionError{place, err.Error()}
	}
	return pathDefinition{s, place}, nil
}

func (r *reader) where(view element) ([]pathDefinition, error) {
	list, err := view.list("where")
	if err != nil {
		return nil, err
	}
	var where []pathDefinition
	for _, w := range list {
		e, err := readElement(w.raw, w.place, []string{"path", "description"})
		if err != nil {
			return nil, err
		}
		p, _, err := r.path(e, "path")
		if err != nil {
			return nil, err
		}
		where = append(where, p)
	}
	return where, nil
}

// allColumns returns the columns of a select in the order of the row.
func (s *selectDefinition) allColumns() []columnDefinition {
	all := slices.Clone(s.columns)
	for _, child := range s.selects {
		all = append(all, child.allColumns()...)
	}
	if len(s.branches) > 0 {
		all = append(all, s.branches[0].allColumns()...)
	}
	return all
}

// checkBranches demands that all branches of a unionAll have the same columns
// in the same order.
func (s *selectDefinition) checkBranches() error {
	want := s.branches[0].allColumns()
	for _, b := range s.branches[1:] {
		got := b.allColumns()
		if len(got) != len(want) {
			return &DefinitionError{b.place, fmt.Sprintf("%d columns, but the first branch of the unionAll has %d", len(got), len(want))}
		}
		for i := range got {
			if got[i].Name != want[i].Name {
				return &DefinitionError{b.place, fmt.Sprintf("column %d is %s, but %s in the first branch of the unionAll", i+1, got[i].Name, want[i].Name)}
			}
			if err := checkTypes(&got[i], &want[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkTypes demands that a column of a branch is of the type that it has in
// the first branch, as far as both say.
func checkTypes(got, want *columnDefinition) error {
	place := strings.TrimSuffix(got.place, ".path")
	switch {
	case got.Collection != want.Collection:
		return &DefinitionError{place, fmt.Sprintf("column %s is a collection in one branch of the unionAll only", got.Name)}
	case !got.isTyped() || !want.isTyped() || got.SQLType() == want.SQLType():
		return nil
	}
	return &DefinitionError{place, fmt.Sprintf("column %s is %s, but %s in the first branch of the unionAll", got.Name, got.SQLType(), want.SQLType())}
}

func (c *columnDefinition) isTyped() bool { return c.Type != "" || len(c.Tags) > 0 }

func (v *View) setColumns() error {
	places := map[string]string{}
	for _, s := range v.selects {
		for _, c := range s.allColumns() {
			place := strings.TrimSuffix(c.place, ".path")
			if first, taken := places[c.Name]; taken {
				return &DefinitionError{place + ".name", fmt.Sprintf("%s is the name of %s", c.Name, first)}
			}
			places[c.Name] = place
			v.columns = append(v.columns, c.Column)
		}
	}
	if len(v.columns) == 0 {
		return &DefinitionError{"select", "the view has no columns"}
	}
	return nil
}
