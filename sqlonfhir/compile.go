package sqlonfhir

import (
	"slices"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// A place is a value of the resource that an expression may reach: where it
// lies in the shape, and the name by which [choicesOf] knows it.
type place struct {
	want *tape.Want
	name string
}

// A builder compiles the expressions of one resource type. What they read it
// asks of the shape, so that the tape has it.
type builder struct {
	shape    *tape.Shape
	resource string
	root     []place
	sharing  *sharing            // nil where the focus is not that of a select
	memos    int                 // of sharedExpr
	owners   map[*syntax][]place // of a member: the places whose member it is
	nodes    bool                // what is compiled must give nodes where it gives values of the resource
	whole    *builder            // of the general forms of plain paths; nil when nothing is to be plain
	crowded  bool                // the root stands for places below it as well
}

func newBuilder(resource string) *builder {
	s := tape.NewShape()
	return &builder{shape: s, resource: resource, root: []place{{s.Root(), resource}}, owners: map[*syntax][]place{}}
}

// compile compiles an expression whose focus lies at the places of focus, and
// returns the places where its values lie; none when they are not nodes.
// Whether they have to be nodes is for the expression around it to say: it is
// the argument that may give values of that, or [builder.values] is called.
func (b *builder) compile(s *syntax, focus []place) (expr, []place) {
	if !b.nodes {
		if x := b.plainOrExists(s, focus); x != nil {
			return x, nil
		}
		if b.whole != nil && !b.crowded && b.onlyRoot(focus) {
			return b.shorter(s), nil
		}
	}
	return b.longer(s, focus)
}

// longer compiles an expression as it stands.
func (b *builder) longer(s *syntax, focus []place) (expr, []place) {
	if x, at, ok := b.shared(s, focus); ok {
		return x, at
	}
	return b.compileAlone(s, focus)
}

// shorter compiles an expression of the resource so that slots answer where
// they can.
func (b *builder) shorter(s *syntax) expr {
	s = s.withFirstInside()
	if x := b.narrow(s); x != nil {
		return x
	}
	x, _ := b.longer(s, b.root)
	return b.shortcut(s, x)
}

// compileNodes is compile for expressions from whose values others step.
func (b *builder) compileNodes(s *syntax, focus []place) (expr, []place) {
	outer := b.nodes
	b.nodes = true
	x, at := b.compile(s, focus)
	b.nodes = outer
	return x, at
}

// values is compile for expressions from whose values nobody steps.
func (b *builder) values(s *syntax, focus []place) expr {
	outer := b.nodes
	b.nodes = false
	x, _ := b.compile(s, focus)
	b.nodes = outer
	return x
}

func (b *builder) compileAlone(s *syntax, focus []place) (expr, []place) {
	switch s.op {
	case opLiteral:
		return literal{s.value}, nil
	case opThis:
		return this{}, focus
	case opResource:
		return rootExpr{}, b.root
	case opRowIndex:
		return rowIndexExpr{}, nil
	case opMember:
		return b.member(s, focus)
	case opIndex:
		src, at := b.source(s, focus)
		index, _ := b.compile(s.args[0], focus)
		return &indexExpr{src, index}, at
	case opNegate:
		x, _ := b.compile(s.args[0], focus)
		return &arithmetic{op: '-', left: literal{numberItem([]byte("0"))}, right: x}, nil
	case opOperator:
		return b.operator(s, focus), nil
	case opCall:
		x, at := b.call(s, focus)
		if b.whole != nil {
			x = fuse(x)
		}
		return x, at
	}
	return none{}, nil
}

// source compiles what a step works on.
func (b *builder) source(s *syntax, focus []place) (expr, []place) {
	if s.src == nil {
		return this{}, focus
	}
	if s.src.makesValues() || s.op == opCall && (s.name == "not" || scalars[s.name] != nil) {
		return b.values(s.src, focus), nil
	}
	return b.compileNodes(s.src, focus)
}

// manyTypes is the number of types from which a choice element asks for all of
// its parent.
const manyTypes = 16

// member compiles a step to a member. Steps that follow each other become one
// path.
func (b *builder) member(s *syntax, focus []place) (expr, []place) {
	if s.src == nil && s.name == b.resource && slices.Contains(focus, b.root[0]) {
		return onRoot(focus), focus // Patient.name
	}
	src, at := b.source(s, focus)
	b.owners[s] = at
	st := step{key: b.shape.Key(s.name), under: -1, ofKey: -1}
	var next []place
	for _, p := range at {
		if isDate(p.name, s.name) {
			st.typ = typeDate
		}
		types := choicesOf(p.name, s.name)
		if len(types) > manyTypes {
			b.wantAll(p.want) // fewer places than one for each type, at each level
		}
		next = add(next, place{p.want.Member(s.name), s.name})
		for _, t := range types {
			next = add(next, place{p.want.Member(s.name + title(t)), t})
			c := choice{b.shape.Key(s.name + title(t)), typeIDs[t]}
			if !slices.Contains(st.choices, c) {
				st.choices = append(st.choices, c)
			}
		}
	}
	if element, name := s.besides(); element != nil {
		next = b.beside(b.owners[element], "_"+name, src, next)
	}
	return extend(src, st), b.bounded(next)
}

// beside makes the extensions of a primitive reachable: they lie beside it, in
// the member whose name has an underscore in front.
func (b *builder) beside(owners []place, name string, compiled expr, next []place) []place {
	p, ok := compiled.(*path)
	if !ok {
		return next
	}
	for _, owner := range owners {
		next = add(next, place{owner.want.Member(name).Member("extension"), "extension"})
	}
	p.steps[len(p.steps)-1].under = b.shape.Key(name)
	return next
}

// onRoot returns the resource when the focus is it. A focus that may also lie
// elsewhere has to be looked at.
func onRoot(focus []place) expr {
	if len(focus) == 1 {
		return this{}
	}
	return thisRoot{}
}

// wantAll asks for all below a place. Below a root of which all is wanted, all
// places are the root.
func (b *builder) wantAll(w *tape.Want) {
	w.All()
	b.crowded = b.crowded || w == b.shape.Root()
}

// maxPlaces is from how many places on the whole resource is wanted instead.
const maxPlaces = 128

// bounded returns at, or few places that stand for it: branches that may lead
// to different places double them at each step.
func (b *builder) bounded(at []place) []place {
	if len(at) <= maxPlaces {
		return at
	}
	b.wantAll(b.shape.Root())
	var few []place
	for _, p := range at {
		few = add(few, place{b.shape.Root(), p.name})
	}
	return few
}

// add adds a place that is not there yet.
func add(at []place, p place) []place {
	if slices.Contains(at, p) {
		return at
	}
	return append(at, p)
}

// ofType compiles src.ofType(T). Of a member it picks the choice element with
// that type, or else the values that are of the type.
func (b *builder) ofType(s *syntax, focus []place) (expr, []place) {
	of := &typeTest{name: s.args[0].name, id: typeIDs[s.args[0].name], resourceType: b.shape.Key("resourceType")}
	inner := s.src
	if inner == nil || inner.op != opMember {
		src, at := b.source(s, focus)
		return &ofTypeExpr{src, of}, b.typed(at, of.name)
	}
	src, at := b.source(inner, focus)
	b.owners[inner] = at
	st := step{key: b.shape.Key(inner.name), under: -1, ofKey: b.shape.Key(inner.name + title(of.name)), of: of}
	var next []place
	for _, p := range at {
		next = add(next, place{p.want.Member(inner.name + title(of.name)), of.name})
		next = add(next, b.typed([]place{{p.want.Member(inner.name), ""}}, of.name)[0])
	}
	return extend(src, st), b.bounded(next)
}

// typed returns the same places under the name of a type.
func (b *builder) typed(at []place, name string) []place {
	var next []place
	for _, p := range at {
		p.want.Member("resourceType")
		next = add(next, place{p.want, name})
	}
	return next
}
