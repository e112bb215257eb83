package sqlonfhir

import "github.com/bulkhead-fhir/bulkhead/tape"

// A row is complete when every select has set its columns. The rows of a view
// are the product of its selects, so each select, for each of its foci, sets
// its columns and then lets the rest of the selects run. What is left to run
// is a list of tasks.

// A task is a select or the branches of a unionAll that has yet to run on a
// focus, and the task after it.
type task struct {
	plan     *selectPlan
	branches bool // of plan, instead of plan itself
	focus    item
	rowIndex int
	next     int32 // in Runner.tasks; -1 when the row is then complete
}

// follow puts tasks before next: the selects, then the branches of owner when
// it has some. It returns the first of them.
func (r *Runner) follow(selects []*selectPlan, owner *selectPlan, focus item, next int32) int32 {
	if owner != nil && len(owner.branches) > 0 {
		next = r.schedule(task{owner, true, focus, r.rowIndex, next})
	}
	for i := len(selects) - 1; i >= 0; i-- {
		next = r.schedule(task{selects[i], false, focus, r.rowIndex, next})
	}
	return next
}

func (r *Runner) schedule(t task) int32 {
	r.tasks = append(r.tasks, t)
	return int32(len(r.tasks) - 1)
}

// run runs the task n and those after it.
func (r *Runner) run(n int32) error {
	if n < 0 {
		return r.complete()
	}
	t := r.tasks[n]
	if !t.branches {
		return r.iterate(t.plan, &t)
	}
	for _, branch := range t.plan.branches {
		if err := r.iterate(branch, &t); err != nil {
			return err
		}
	}
	return nil
}

// complete emits the row.
func (r *Runner) complete() error {
	if r.rows++; r.rows > MaxRows {
		return r.explain(errTooManyRows, "", "")
	}
	return r.emit(r.row)
}

// iterate runs a select for each of its foci.
func (r *Runner) iterate(p *selectPlan, t *task) error {
	r.rowIndex = t.rowIndex
	switch p.iteration {
	case once:
		return r.at(p, t.focus, t.rowIndex, t.next)
	case repeat:
		return r.iterateRepeat(p, t)
	}
	if foci, ok := r.simply(p, t); ok {
		switch {
		case foci:
			return r.at(p, t.focus, 0, t.next)
		case p.iteration == forEachOrNull:
			return r.nulls(p, t.next)
		}
		return nil
	}
	base := len(r.stack)
	if err := p.paths[0].expr.eval(&r.machine, t.focus); err != nil {
		return r.explain(err, "", p.paths[0].place)
	}
	n := len(r.stack) - base
	for i := range n {
		if err := r.at(p, r.stack[base+i], i, t.next); err != nil {
			return err
		}
	}
	r.stack = r.stack[:base]
	if n == 0 && p.iteration == forEachOrNull {
		return r.nulls(p, t.next)
	}
	return nil
}

// simply reports, when that is cheap to say, whether an iteration has the focus
// it starts from as its only one; when it reports false it has none.
func (r *Runner) simply(p *selectPlan, t *task) (focus, ok bool) {
	if p.gate != nil {
		found, known := r.present(p.gate)
		return false, known && !found
	}
	if p.admits == nil || t.focus.kind == kindNone {
		return false, false
	}
	admitted, err := r.test(p.admits, t.focus)
	return admitted == yes, err == nil
}

// nulls sets all columns of a select and below it to null.
func (r *Runner) nulls(p *selectPlan, next int32) error {
	clear(r.row[p.first : p.first+p.width])
	r.rowIndex = 0
	r.newFocus()
	for i := range p.indexed {
		if err := r.column(&p.indexed[i], item{}); err != nil {
			return err
		}
	}
	return r.run(next)
}

// iterateRepeat runs a select for each value that its paths lead to, over and
// over: depth first, parents before children, without the root.
func (r *Runner) iterateRepeat(p *selectPlan, t *task) error {
	base := len(r.found)
	if err := r.collect(p, t.focus, base, 0); err != nil {
		return err
	}
	n := len(r.found) - base
	for i := range n {
		if err := r.at(p, r.found[base+i], i, t.next); err != nil {
			return err
		}
	}
	r.found = r.found[:base]
	return nil
}

func (r *Runner) collect(p *selectPlan, focus item, base, depth int) error {
	if depth > tape.MaxDepth {
		return r.explain(errTooDeep, "", p.place)
	}
	for i := range p.paths {
		from := len(r.stack)
		if err := p.paths[i].expr.eval(&r.machine, focus); err != nil {
			return r.explain(err, "", p.paths[i].place)
		}
		for j := from; j < len(r.stack); j++ {
			if len(r.found)-base >= MaxRows {
				return r.explain(errTooManyRows, "", p.place)
			}
			it := r.stack[j]
			r.found = append(r.found, it)
			if err := r.collect(p, it, base, depth+1); err != nil {
				return err
			}
		}
		r.stack = r.stack[:from]
	}
	return nil
}

// at sets a select's own columns on a focus and runs what is below and after.
func (r *Runner) at(p *selectPlan, focus item, rowIndex int, next int32) error {
	r.rowIndex = rowIndex
	r.newFocus()
	if err := r.columns(p, focus); err != nil {
		return err
	}
	if len(p.selects) == 0 && len(p.branches) == 0 {
		return r.run(next)
	}
	base := len(r.tasks)
	err := r.run(r.follow(p.selects, p, focus, next))
	r.tasks = r.tasks[:base]
	return err
}
