package sqlonfhir

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The oracle is a plain evaluator: it walks the syntax over a decoded tree and
// holds lists of values. It is what the compiled form must agree with. Only
// the arithmetic of dates is shared with it; that has tables of its own.

// A node is a value of the oracle. A nil *node is null.
type node struct {
	kind    itemKind
	text    string // of scalars, and the JSON text of objects
	typ     string // as far as known
	ref     string
	members map[string][]*node
}

var errOracle = errors.New("not evaluable")

func treeOf(raw jsontext.Value) []*node {
	switch raw.Kind() {
	case 'n':
		return nil
	case 't', 'f':
		return []*node{{kind: kindBoolean, text: string(raw)}}
	case '0':
		return []*node{{kind: kindNumber, text: string(raw)}}
	case '"':
		return []*node{{kind: kindString, text: jsonString(raw)}}
	case '[':
		var all []*node
		for _, x := range elementsOf(raw) {
			all = append(all, treeOf(x)...)
		}
		return all
	}
	n := &node{kind: kindObject, text: string(raw), members: map[string][]*node{}}
	for name, x := range membersOf(raw) {
		n.members[name] = treeOf(x)
	}
	if raw := membersOf(raw); raw != nil {
		for name := range raw {
			if n.members[name] == nil {
				n.members[name] = []*node{} // there, but null or empty
			}
		}
	}
	return []*node{n}
}

type oracle struct {
	root     *node
	resource string
	rowIndex int
}

// A scope is a focus, and the name by which choicesOf knows it.
type scope struct {
	n    *node
	name string
}

func (o *oracle) eval(s *syntax, in scope) ([]scope, error) {
	switch s.op {
	case opLiteral:
		return []scope{{&node{kind: s.value.kind, text: string(s.value.text), typ: typeName(s.value.typ)}, ""}}, nil
	case opThis:
		return o.source(s, in)
	case opResource:
		return []scope{{o.root, o.resource}}, nil
	case opRowIndex:
		return numberList(fmt.Sprint(o.rowIndex)), nil
	case opMember:
		if s.src == nil && s.name == o.resource && in.n == o.root {
			return []scope{in}, nil
		}
		if s.name == "extension" {
			return o.extensions(s, in)
		}
		return o.each(s, in, func(x scope) []scope { return o.member(s, x) })
	case opNegate:
		return o.arithmetic("-", numberList("0"), s.args[0], in)
	case opOperator:
		return o.operator(s, in)
	case opIndex:
		return o.index(s, in)
	case opCall:
		return o.call(s, in)
	}
	return nil, nil
}

func numberList(text string) []scope { return []scope{{&node{kind: kindNumber, text: text}, ""}} }

func typeName(id typeID) string {
	if id == typeInteger64 {
		return "integer64"
	}
	for name, x := range typeIDs {
		if x == id {
			return name
		}
	}
	return ""
}

func (o *oracle) source(s *syntax, in scope) ([]scope, error) {
	switch {
	case s.src != nil:
		return o.eval(s.src, in)
	case in.n.kind == kindNone:
		return nil, nil
	}
	return []scope{in}, nil
}

func (o *oracle) each(s *syntax, in scope, f func(scope) []scope) ([]scope, error) {
	src, err := o.source(s, in)
	var all []scope
	for _, x := range src {
		all = append(all, f(x)...)
	}
	return all, err
}

func named(list []*node, name, typ string) []scope {
	var all []scope
	for _, n := range list {
		c := *n
		c.typ = typ
		all = append(all, scope{&c, name})
	}
	return all
}

func (o *oracle) member(s *syntax, x scope) []scope {
	var all []scope
	if list := x.n.members[s.name]; len(list) > 0 {
		typ := ""
		if isDate(x.name, s.name) {
			typ = "date"
		}
		all = named(list, s.name, typ)
	} else {
		for _, t := range choicesOf(x.name, s.name) {
			if list := x.n.members[s.name+title(t)]; len(list) > 0 {
				all = named(list, t, t)
				break
			}
		}
	}
	return all
}

// extensions gives the extensions of what a step works on. Those of primitives
// lie beside them.
func (o *oracle) extensions(s *syntax, in scope) ([]scope, error) {
	inside := func(n *node) []scope { return named(n.members["extension"], "extension", "") }
	element, beside := s.besides()
	if element == nil || element.src == nil && element.name == o.resource && in.n == o.root {
		return o.each(s, in, func(x scope) []scope { return inside(x.n) })
	}
	return o.each(element, in, func(owner scope) (all []scope) {
		values := o.member(element, owner)
		if s.src != element {
			values = o.typed(owner, element.name, s.src.args[0].name)
		}
		for _, x := range values {
			all = append(all, inside(x.n)...)
		}
		for _, x := range owner.n.members["_"+beside] {
			all = append(all, inside(x)...)
		}
		return all
	})
}

func (o *oracle) index(s *syntax, in scope) ([]scope, error) {
	i, err := o.single(s.args[0], in)
	if err != nil {
		return nil, err
	}
	src, err := o.source(s, in)
	if err != nil || i == nil {
		return nil, err
	}
	if i.n.kind != kindNumber || strings.ContainsAny(i.n.text, ".eE") {
		return nil, errOracle
	}
	for k, x := range src {
		if fmt.Sprint(k) == i.n.text {
			return []scope{x}, nil
		}
	}
	return nil, nil
}

func (o *oracle) single(s *syntax, in scope) (*scope, error) {
	list, err := o.eval(s, in)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	if len(list) > 1 {
		return nil, errOracle
	}
	return &list[0], nil
}

func (o *oracle) test(s *syntax, in scope) (truth, error) {
	x, err := o.single(s, in)
	switch {
	case err != nil || x == nil:
		return empty, err
	case x.n.kind == kindBoolean:
		return truthOf(x.n.text == "true"), nil
	}
	return yes, nil
}

func truthList(t truth) []scope {
	if t == empty {
		return nil
	}
	return []scope{{&node{kind: kindBoolean, text: fmt.Sprint(t == yes)}, ""}}
}

func (o *oracle) filter(list []scope, criterion *syntax) ([]scope, error) {
	var kept []scope
	for _, x := range list {
		t, err := o.test(criterion, x)
		if err != nil {
			return nil, err
		}
		if t == yes {
			kept = append(kept, x)
		}
	}
	return kept, nil
}

func (o *oracle) call(s *syntax, in scope) ([]scope, error) {
	if s.name == "ofType" {
		return o.ofType(s, in)
	}
	if s.name == "iif" {
		return o.iif(s, in)
	}
	if s.name == "extension" {
		return o.extension(s, in)
	}
	if s.name == "coalesce" {
		return o.coalesce(s, in)
	}
	if s.name == "lowBoundary" || s.name == "highBoundary" {
		return o.boundary(s, in)
	}
	if list, known, err := o.scalar(s, in); known {
		return list, err
	}
	if s.name == "join" && len(s.args) == 1 {
		if _, err := o.single(s.args[0], in); err != nil {
			return nil, err
		}
	}
	if s.name == "not" && s.src != nil {
		t, err := o.test(s.src, in)
		return truthList(map[truth]truth{yes: no, no: yes}[t]), err
	}
	src, err := o.source(s, in)
	if err != nil {
		return nil, err
	}
	switch s.name {
	case "where":
		return o.filter(src, s.args[0])
	case "select":
		return o.project(s, src)
	case "exists":
		if len(s.args) == 1 {
			src, err = o.filter(src, s.args[0])
		}
		return truthList(truthOf(len(src) > 0)), err
	case "empty":
		return truthList(truthOf(len(src) == 0)), nil
	case "count":
		return numberList(fmt.Sprint(len(src))), nil
	case "first":
		return src[:min(1, len(src))], nil
	case "last":
		return src[max(0, len(src)-1):], nil
	case "join":
		return o.join(s, src, in)
	case "getResourceKey", "getReferenceKey":
		return o.keys(s, src), nil
	}
	return nil, fmt.Errorf("the oracle does not know %s", s.name)
}

func (o *oracle) ofType(s *syntax, in scope) ([]scope, error) {
	of := s.args[0].name
	if s.src == nil || s.src.op != opMember {
		return o.each(s, in, func(x scope) []scope { return keepType([]scope{x}, of) })
	}
	return o.each(s.src, in, func(x scope) []scope { return o.typed(x, s.src.name, of) })
}

// typed gives the values of an element that are of a type.
func (o *oracle) typed(owner scope, name, of string) []scope {
	if typed := owner.n.members[name+title(of)]; len(typed) > 0 {
		id := ""
		if typeIDs[of] != typeUnknown {
			id = of
		}
		return keepType(named(typed, of, id), of)
	}
	return keepType(named(owner.n.members[name], of, ""), of)
}

func keepType(list []scope, of string) (kept []scope) {
	for _, x := range list {
		if isOfType(x.n, of) {
			kept = append(kept, scope{x.n, of})
		}
	}
	return kept
}

func isOfType(n *node, of string) bool {
	if n.typ != "" && typeIDs[of] != typeUnknown {
		return n.typ == of
	}
	switch n.kind {
	case kindBoolean:
		return of == "boolean"
	case kindNumber:
		return of == "decimal" || of == "integer" && !strings.ContainsAny(n.text, ".eE")
	case kindString:
		return of != "boolean" && of != "decimal" && of != "integer" && of == strings.ToLower(of[:1])+of[1:]
	}
	if r := n.members["resourceType"]; len(r) == 1 && r[0].kind == kindString {
		return r[0].text == of
	}
	return of[0] <= 'Z'
}

func (o *oracle) iif(s *syntax, in scope) ([]scope, error) {
	focus := in
	if s.src != nil {
		x, err := o.single(s.src, in)
		if err != nil {
			return nil, err
		}
		focus = scope{&node{}, ""}
		if x != nil {
			focus = *x
		}
	}
	t, err := o.test(s.args[0], focus)
	switch {
	case err != nil:
		return nil, err
	case t == yes:
		return o.eval(s.args[1], focus)
	case len(s.args) == 3:
		return o.eval(s.args[2], focus)
	}
	return nil, nil
}

func (o *oracle) extension(s *syntax, in scope) ([]scope, error) {
	url, err := o.single(s.args[0], in)
	if err != nil {
		return nil, err
	}
	src, err := o.extensions(s, in)
	var kept []scope
	for _, x := range src {
		if u := x.n.members["url"]; url != nil && len(u) == 1 && u[0].text == url.n.text {
			kept = append(kept, x)
		}
	}
	return kept, err
}

func (o *oracle) join(s *syntax, src []scope, in scope) ([]scope, error) {
	sep, parts := "", []string(nil)
	if len(s.args) == 1 {
		if x, _ := o.single(s.args[0], in); x != nil {
			sep = x.n.text
		}
	}
	for _, x := range src {
		if x.n.kind == kindObject {
			return nil, errOracle
		}
		parts = append(parts, x.n.text)
	}
	if parts == nil {
		return nil, nil
	}
	return []scope{{&node{kind: kindString, text: strings.Join(parts, sep)}, ""}}, nil
}

// literalReference is a reference that names a type and an id, and perhaps a
// version.
var literalReference = regexp.MustCompile(`^(?:[^#?]*/)?([A-Z][A-Za-z]*)/([^/#?]+)(?:/_history/[^/#?]+)?$`)

func (o *oracle) keys(s *syntax, src []scope) []scope {
	one := func(n *node, name string) (string, bool) {
		if m := n.members[name]; len(m) == 1 && m[0].kind == kindString {
			return m[0].text, true
		}
		return "", false
	}
	var keys []scope
	for _, x := range src {
		if s.name == "getResourceKey" {
			id, ok1 := one(x.n, "id")
			typ, ok2 := one(x.n, "resourceType")
			if ok1 && ok2 {
				keys = append(keys, scope{&node{kind: kindString, text: id, ref: typ}, ""})
			}
			continue
		}
		ref, _ := one(x.n, "reference")
		parts := literalReference.FindStringSubmatch(ref)
		if parts == nil || len(s.args) == 1 && parts[1] != s.args[0].name {
			continue
		}
		keys = append(keys, scope{&node{kind: kindString, text: parts[2], ref: parts[1]}, ""})
	}
	return keys
}
