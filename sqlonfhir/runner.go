package sqlonfhir

import "github.com/bulkhead-fhir/bulkhead/tape"

// A Runner evaluates a program over one resource at a time. It is not safe for
// concurrent use.
type Runner struct {
	machine
	program *Program

	tags tape.Tape // of meta

	rowOf [][]Value // by view
	row   []Value   // of the view that is run
	items []Value   // of collections since Load
	tasks []task
	found []item // foci of repeats

	view *View
	emit func(row []Value) error
	rows int
}

// Load reads one resource: one JSON text without a byte order mark. The error
// is a [*tape.SyntaxError]; after an error the runner holds no resource. A
// text that is not an object loads, and has no resource type. The runner keeps
// line until the next Load, and line must not change until then.
func (r *Runner) Load(line []byte) error {
	r.items, r.whole.line = r.items[:0], nil
	if err := r.load(line); err != nil {
		return err
	}
	if r.tape.Node(0).Kind == tape.Object {
		r.resourceType, r.id = r.directText(r.program.own.resourceType), r.directText(r.program.own.id)
	}
	return nil
}

// load parses a line and finds the members of its root.
func (m *machine) load(line []byte) error {
	m.stack, m.made, m.keys = m.stack[:0], m.made[:0], m.keys[:0]
	m.line, m.resourceType, m.id = nil, nil, nil
	clear(m.members)
	if err := m.tape.Parse(line, m.shape); err != nil {
		return err
	}
	m.line = line
	root := m.tape.Node(0)
	if root.Kind != tape.Object {
		return nil
	}
	for n := int32(1); n < root.Next; {
		x := m.tape.Node(n)
		if uint(x.Key) < uint(len(m.members)) {
			m.members[x.Key] = n
		}
		n = x.Next
	}
	return nil
}

// Rooted gives the FHIR base URL of the server whose resources the runner
// loads. From then on getReferenceKey() gives an id for references that are
// relative or rooted at that base, and for any other absolute reference the
// whole reference, which is the id of nothing. Without a base every absolute
// reference gives the id at its end.
func (r *Runner) Rooted(base string) {
	r.base = NewBase(base)
	r.whole.base = r.base
}

// Tape returns the tape of the loaded line, with what the options' Also asked
// for. It is always the same one, without nodes and values in slots when the
// runner holds no resource, and must only be read. It is valid until the next
// Load.
func (r *Runner) Tape() *tape.Tape { return &r.tape }

// ResourceType returns the resource's resourceType; nil when it is absent or
// not a string. It is valid until the next Load.
func (r *Runner) ResourceType() []byte { return r.resourceType }

// ID returns the resource's id; nil when it is absent or not a string. An
// empty string gives an empty slice that is not nil. It is valid until the
// next Load.
func (r *Runner) ID() []byte { return r.id }

// LastUpdated returns meta.lastUpdated as it was sent; nil when it is absent
// or not a string. It is valid until the next Load.
func (r *Runner) LastUpdated() []byte {
	if r.meta() == nil {
		return nil
	}
	return r.directText(r.program.own.lastUpdated)
}

// meta returns the resource's meta; nil when it is absent or not an object.
func (r *Runner) meta() *tape.Found {
	if r.line == nil || r.tape.Node(0).Kind != tape.Object {
		return nil
	}
	f := r.tape.Slot(r.program.own.meta)
	if f.Kind != tape.Object || !r.direct(f) {
		return nil
	}
	return f
}

// Meta returns the JSON of the resource's meta; nil when it is absent or not an
// object. It is valid until the next Load.
func (r *Runner) Meta() []byte {
	meta := r.meta()
	if meta == nil {
		return nil
	}
	return r.line[meta.Start:meta.End]
}

// Tagged reports whether the resource's meta.tag has the code of the system.
// https://hl7.org/fhir/R4/resource.html#Meta
func (r *Runner) Tagged(system, code string) bool {
	meta := r.meta()
	if meta == nil || r.tape.Slot(r.program.own.tag).Kind == tape.Null {
		return false
	}
	t := &r.tags
	if t.Parse(r.line[meta.Start:meta.End], tagShape) != nil {
		return false
	}
	list := t.Member(0, tagKeys.tag)
	if list < 0 || t.Node(list).Kind != tape.Array {
		return false
	}
	for n, end := list+1, t.Node(list).Next; n < end; n = t.Node(n).Next {
		if hasText(t, n, tagKeys.code, code) && hasText(t, n, tagKeys.system, system) {
			return true
		}
	}
	return false
}

// Rows evaluates the view with that number over the loaded resource and calls
// emit for each row. A resource of another type than the views' gives no rows,
// nor does one that the view's where refuses. The row has one value for each
// of the view's columns; the slice is reused for the next row, its values are
// valid until the next Load. An error of emit ends the evaluation and is
// returned as it is; every other error is an [*EvalError], perhaps after some
// rows.
func (r *Runner) Rows(view int, emit func(row []Value) error) error {
	plan := r.program.plans[view]
	if string(r.resourceType) != plan.view.Resource {
		return nil
	}
	r.stack, r.tasks, r.found = r.stack[:0], r.tasks[:0], r.found[:0]
	r.view, r.emit, r.rows, r.rowIndex = plan.view, emit, 0, 0
	r.row = r.rowOf[view]
	root := item{kind: kindObject}
	if ok, err := r.admits(plan, root); err != nil || !ok {
		return err
	}
	if plan.single != nil {
		r.newFocus()
		if err := r.columns(plan.single, root); err != nil {
			return err
		}
		return r.complete()
	}
	return r.run(r.follow(plan.selects, nil, root, -1))
}

// admits reports whether all criteria of a view are true of a resource.
func (r *Runner) admits(plan *viewPlan, root item) (bool, error) {
	for _, w := range plan.where {
		it, err := r.single(w.expr, root)
		switch {
		case err != nil:
			return false, r.explain(err, "", w.place)
		case it.kind == kindNone:
			return false, nil
		case it.kind != kindBoolean:
			return false, r.explain(errNotBoolean, "", w.place)
		case !r.isTrue(&it):
			return false, nil
		}
	}
	return true, nil
}

func (r *Runner) explain(err error, column, place string) error {
	return &EvalError{View: r.view.Name, Column: column, Place: place, Reason: err.Error()}
}
