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
	views []*View
	plans []*viewPlan
	shape *tape.Shape
	whole *tape.Shape // of the general forms of plain paths
	own   ownSlots
	keys  int // of the members that the views read
	memos int
}

// ownSlots are the slots that every program reads.
type ownSlots struct{ resourceType, id, meta, lastUpdated, tag int32 }

// Options say what a program is compiled of.
type Options struct {
	// Views all have the same Resource. Without views the program gives only
	// what every resource has: its type, id and last update.
	Views []*View
	// Also, when it is not nil, is called once and asks the shape for what
	// others than the views want of the same pass. They find it in
	// [Runner.Tape].
	Also func(*tape.Shape)
	// General evaluates every path in its general form: slower, and the same
	// rows. It is what the faster forms are held against.
	General bool
}

// Compile makes one program of views that all have the same Resource. Without
// views the program gives only the resource's type, id and last update. The
// error is a [*DefinitionError].
func Compile(views ...*View) (*Program, error) { return CompileWith(Options{Views: views}) }

// CompileWith is [Compile] with options.
func CompileWith(o Options) (*Program, error) {
	resource := ""
	for _, v := range o.Views {
		if resource == "" {
			resource = v.Resource
		}
		if v.Resource != resource {
			return nil, &DefinitionError{"resource", fmt.Sprintf("a program has the views of one type, not of %s and %s", resource, v.Resource)}
		}
	}
	b := newBuilder(resource)
	p := &Program{views: o.Views, shape: b.shape, whole: tape.NewShape()}
	if !o.General {
		b.whole = newBuilder(resource)
		p.whole = b.whole.shape
	}
	p.own = newOwnSlots(b.shape.Root())
	for _, v := range o.Views {
		p.plans = append(p.plans, b.view(v))
	}
	p.keys, p.memos = b.shape.Keys(), b.memos
	if o.Also != nil {
		o.Also(b.shape)
	}
	return p, nil
}

func newOwnSlots(root *tape.Want) ownSlots {
	meta := root.Under("meta")
	return ownSlots{
		root.Under("resourceType").Slot(), root.Under("id").Slot(),
		meta.Slot(), meta.Under("lastUpdated").Slot(), meta.Under("tag").Slot(),
	}
}

// Views returns the views in the order that [Runner.Rows] numbers them.
func (p *Program) Views() []*View { return p.views }

// NewRunner returns a runner for one goroutine.
func (p *Program) NewRunner() *Runner {
	r := &Runner{program: p}
	r.shape, r.whole = p.shape, &machine{shape: p.whole, members: make([]int32, p.whole.Keys())}
	r.members = make([]int32, p.keys)
	r.memos = make([]memo, p.memos)
	r.rowOf = make([][]Value, len(p.views))
	for i, v := range p.views {
		r.rowOf[i] = make([]Value, len(v.columns))
	}
	return r
}

// A viewPlan is the compiled form of a view.
type viewPlan struct {
	view    *View
	where   []pathPlan
	selects []*selectPlan
	single  *selectPlan // the only select, when it gives one row; else nil
}

func (p *selectPlan) isOneRow() bool {
	return p.iteration == once && len(p.selects)+len(p.branches) == 0
}

// A pathPlan is a compiled expression and where it stands.
type pathPlan struct {
	expr  expr
	place string
}

// A selectPlan is the compiled form of a select or a branch.
type selectPlan struct {
	iteration    iteration
	gate         *plainPath // what the iteration's path gives, when that is plain
	admits       expr       // the iteration's path is where(this)
	paths        []pathPlan
	columns      []columnPlan
	cells        []cell  // of columns
	guards       []int32 // of the cells that are slots
	selects      []*selectPlan
	branches     []*selectPlan
	first, width int
	indexed      []columnPlan // below this select, of %rowIndex alone: they have a value in a row of nulls
	place        string
}

func (b *builder) view(v *View) *viewPlan {
	p := &viewPlan{view: v}
	for _, w := range v.where {
		p.where = append(p.where, pathPlan{b.values(w.syntax, b.root), w.place})
	}
	for _, s := range v.selects {
		p.selects = append(p.selects, b.selects(s, b.root))
	}
	if len(p.selects) == 1 && p.selects[0].isOneRow() {
		p.single = p.selects[0]
	}
	p.bare()
	return p
}

func (b *builder) selects(s *selectDefinition, focus []place) *selectPlan {
	p := &selectPlan{iteration: s.iteration, first: s.first, width: s.width, place: s.place}
	focus = b.iteration(p, s, focus)
	b.sharing = share(s.columns)
	for _, c := range s.columns {
		column := newColumnPlan(&c, b.values(c.syntax, focus))
		p.add(column)
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
		x, at := b.compileNodes(d.syntax, focus)
		p.paths = append(p.paths, pathPlan{x, d.place})
		p.gate, p.admits = b.plain(d.syntax, focus), criterionOf(x)
		for _, f := range at {
			foci = add(foci, f)
		}
	}
	if s.iteration != repeat {
		return foci
	}
	for _, f := range foci {
		b.wantAll(f.want)
	}
	p.paths = p.paths[:0]
	for _, d := range s.paths {
		x, _ := b.compileNodes(d.syntax, append(foci[:len(foci):len(foci)], focus...))
		p.paths = append(p.paths, pathPlan{x, d.place})
	}
	return foci
}
