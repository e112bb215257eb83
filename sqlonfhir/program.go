package sqlonfhir

import (
	"fmt"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// MaxRows is the most rows that one view may give for one resource; beyond it
// Rows returns an [*EvalError].
const MaxRows = 1 << 20

// A Program is the compiled form of all views of one resource type. It is
// immutable and safe for concurrent use.
type Program struct {
	views    []*View
	plans    []*viewPlan
	shape    *tape.Shape
	resource string
	keys     programKeys
	slots    int // of shared expressions
}

// programKeys are the members that every program reads.
type programKeys struct{ resourceType, id, meta, lastUpdated, tag, system, code int32 }

// Compile makes one program of views that all have the same Resource. Without
// views the program gives only the resource's type, id and last update. The
// error is a [*DefinitionError].
func Compile(views ...*View) (*Program, error) {
	p := &Program{views: views}
	if len(views) > 0 {
		p.resource = views[0].Resource
	}
	b := newBuilder(p.resource)
	root := b.shape.Root()
	root.Member("resourceType")
	root.Member("id")
	meta := root.Member("meta")
	meta.Member("lastUpdated")
	tag := meta.Member("tag")
	tag.Member("system")
	tag.Member("code")
	p.keys = programKeys{
		b.shape.Key("resourceType"), b.shape.Key("id"), b.shape.Key("meta"), b.shape.Key("lastUpdated"),
		b.shape.Key("tag"), b.shape.Key("system"), b.shape.Key("code"),
	}
	for _, v := range views {
		if v.Resource != p.resource {
			return nil, &DefinitionError{"resource", fmt.Sprintf("a program has the views of one type, not of %s and %s", p.resource, v.Resource)}
		}
		p.plans = append(p.plans, b.view(v))
	}
	p.shape, p.slots = b.shape, b.slots
	return p, nil
}

// Views returns the views in the order that [Runner.Rows] numbers them.
func (p *Program) Views() []*View { return p.views }

// NewRunner returns a runner for one goroutine.
func (p *Program) NewRunner() *Runner {
	r := &Runner{program: p}
	r.members = make([]int32, p.shape.Keys())
	r.memos = make([]memo, p.slots)
	return r
}

// A viewPlan is the compiled form of a view.
type viewPlan struct {
	view    *View
	where   []pathPlan
	selects []*selectPlan
}

// A pathPlan is a compiled expression and where it stands.
type pathPlan struct {
	expr  expr
	place string
}

type columnPlan struct {
	pathPlan
	name       string
	slot       int
	collection bool
}

// A selectPlan is the compiled form of a select or a branch.
type selectPlan struct {
	iteration    iteration
	paths        []pathPlan
	columns      []columnPlan
	selects      []*selectPlan
	branches     []*selectPlan
	first, width int
	indexed      []columnPlan // below this select, of %rowIndex alone: they have a value in a row of nulls
	place        string
}

func (b *builder) view(v *View) *viewPlan {
	p := &viewPlan{view: v}
	for _, w := range v.where {
		x, _ := b.compile(w.syntax, b.root)
		p.where = append(p.where, pathPlan{x, w.place})
	}
	for _, s := range v.selects {
		p.selects = append(p.selects, b.selects(s, b.root))
	}
	return p
}

func (b *builder) selects(s *selectDefinition, focus []place) *selectPlan {
	p := &selectPlan{iteration: s.iteration, first: s.first, width: s.width, place: s.place}
	focus = b.iteration(p, s, focus)
	b.sharing = share(s.columns)
	for _, c := range s.columns {
		x, _ := b.compile(c.syntax, focus)
		column := columnPlan{pathPlan{x, c.place}, c.Name, c.slot, c.Collection}
		p.columns = append(p.columns, column)
		if c.syntax.usesRowIndex() && !c.syntax.readsFocus() {
			p.indexed = append(p.indexed, column)
		}
	}
	b.sharing = nil
	for _, child := range s.selects {
		p.selects = append(p.selects, b.selects(child, focus))
	}
	for _, branch := range s.branches {
		p.branches = append(p.branches, b.selects(branch, focus))
	}
	for _, child := range p.selects {
		p.indexed = append(p.indexed, child.indexed...)
	}
	if len(p.branches) > 0 {
		p.indexed = append(p.indexed, p.branches[0].indexed...)
	}
	return p
}

// iteration compiles what a select iterates over, and returns where its foci
// lie. Below a repeat all is wanted, because it may lie at any depth.
func (b *builder) iteration(p *selectPlan, s *selectDefinition, focus []place) []place {
	if s.iteration == once {
		return focus
	}
	var foci []place
	for _, d := range s.paths {
		x, at := b.compile(d.syntax, focus)
		p.paths = append(p.paths, pathPlan{x, d.place})
		for _, f := range at {
			foci = add(foci, f)
		}
	}
	if s.iteration != repeat {
		return foci
	}
	for _, f := range foci {
		f.want.All()
	}
	p.paths = p.paths[:0]
	for _, d := range s.paths {
		x, _ := b.compile(d.syntax, append(foci[:len(foci):len(foci)], focus...))
		p.paths = append(p.paths, pathPlan{x, d.place})
	}
	return foci
}
