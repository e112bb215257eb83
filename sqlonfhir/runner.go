package sqlonfhir

import "github.com/bulkhead-fhir/bulkhead/tape"

// A Runner evaluates a program over one resource at a time. It is not safe for
// concurrent use.
type Runner struct {
	machine
	program *Program

	resourceType, id, lastUpdated []byte
	meta                          int32 // node; -1 when there is none

	row   []Value
	items []Value // of collections since Load
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
	r.resourceType, r.id, r.lastUpdated, r.meta = nil, nil, nil, -1
	r.stack, r.made, r.keys, r.items = r.stack[:0], r.made[:0], r.keys[:0], r.items[:0]
	clear(r.members)
	if err := r.tape.Parse(line, r.program.shape); err != nil {
		return err
	}
	root := r.tape.Node(0)
	if root.Kind != tape.Object {
		return nil
	}
	for n := int32(1); n < root.Next; {
		x := r.tape.Node(n)
		if x.Key >= 0 {
			r.members[x.Key] = n
		}
		n = x.Next
	}
	keys := &r.program.keys
	r.resourceType, r.id = r.stringMember(0, keys.resourceType), r.stringMember(0, keys.id)
	if r.meta = r.member(0, keys.meta); r.meta >= 0 {
		r.lastUpdated = r.stringMember(r.meta, keys.lastUpdated)
	}
	return nil
}

// Rooted gives the FHIR base URL of the server whose resources the runner
// loads. From then on getReferenceKey() gives an id for references that are
// relative or rooted at that base, and for any other absolute reference the
// whole reference, which is the id of nothing. Without a base every absolute
// reference gives the id at its end.
func (r *Runner) Rooted(base string) { r.base = newOrigin(base) }

// ResourceType returns the resource's resourceType; nil when it is absent or
// not a string. It is valid until the next Load.
func (r *Runner) ResourceType() []byte { return r.resourceType }

// ID returns the resource's id; nil when it is absent or not a string. An
// empty string gives an empty slice that is not nil. It is valid until the
// next Load.
func (r *Runner) ID() []byte { return r.id }

// LastUpdated returns meta.lastUpdated as it was sent; nil when it is absent
// or not a string. It is valid until the next Load.
func (r *Runner) LastUpdated() []byte { return r.lastUpdated }

// Tagged reports whether the resource's meta.tag has the code of the system.
// https://hl7.org/fhir/R4/resource.html#Meta
func (r *Runner) Tagged(system, code string) bool {
	if r.meta < 0 {
		return false
	}
	keys := &r.program.keys
	tags := r.member(r.meta, keys.tag)
	if tags < 0 || r.tape.Node(tags).Kind != tape.Array {
		return false
	}
	for n, end := tags+1, r.tape.Node(tags).Next; n < end; n = r.tape.Node(n).Next {
		if string(r.stringMember(n, keys.code)) == code && string(r.stringMember(n, keys.system)) == system {
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
	if n := len(plan.view.columns); cap(r.row) < n {
		r.row = make([]Value, n)
	} else {
		r.row = r.row[:n]
	}
	root := item{kind: kindObject}
	if ok, err := r.admits(plan, root); err != nil || !ok {
		return err
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
