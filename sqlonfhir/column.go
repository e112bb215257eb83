package sqlonfhir

import (
	"slices"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// A columnPlan is the compiled form of a column.
type columnPlan struct {
	pathPlan
	name       string
	slot       int // in the row
	collection bool
	plain      *plainPath // expr when it is plain; else nil
	constant   *Value     // what every row has; nil when that differs
}

// A cell is how a column is set in most rows, small so that many are near each
// other.
type cell struct {
	kind  cellKind
	first bool  // of a slot: the first of many values will do
	found int32 // of a slot: its number
	slot  int32 // in the row
}

type cellKind uint8

const (
	cellGeneral  cellKind = iota // by the expression
	cellConstant                 // always the same
	cellPlain                    // by the plain path
	cellSlot                     // by a slot; nothing else sets it, so that it never has more than Kind and Text
)

func newColumnPlan(d *columnDefinition, x expr) columnPlan {
	c := columnPlan{pathPlan: pathPlan{x, d.place}, name: d.Name, slot: d.slot, collection: d.Collection}
	if c.collection {
		return c
	}
	switch x := x.(type) {
	case *plainPath:
		c.plain = x
	case literal:
		c.constant = &Value{}
		(&machine{}).set(c.constant, &x.item)
	}
	return c
}

func (c *columnPlan) cell() cell {
	x := cell{slot: int32(c.slot)}
	switch {
	case c.constant != nil:
		x.kind = cellConstant
	case c.plain == nil:
	case c.plain.form == formValue && c.plain.choices == nil:
		x.kind, x.found, x.first = cellSlot, c.plain.slot, c.plain.first
	default:
		x.kind = cellPlain
	}
	return x
}

// add adds a column to a select.
func (p *selectPlan) add(c columnPlan) {
	x := c.cell()
	p.columns, p.cells = append(p.columns, c), append(p.cells, x)
	if x.kind != cellSlot {
		return
	}
	for _, g := range c.plain.guards {
		if !slices.Contains(p.guards, g) {
			p.guards = append(p.guards, g)
		}
	}
}

// bare finds out which columns of a view are set by slots only.
func (p *viewPlan) bare() {
	mixed := make([]bool, len(p.view.columns))
	p.cells(func(c *cell) { mixed[c.slot] = mixed[c.slot] || c.kind != cellSlot })
	p.cells(func(c *cell) {
		if c.kind == cellSlot && mixed[c.slot] {
			c.kind = cellPlain
		}
	})
}

// cells calls f for every cell of a view.
func (p *viewPlan) cells(f func(*cell)) {
	var below func(list []*selectPlan)
	below = func(list []*selectPlan) {
		for _, s := range list {
			for i := range s.cells {
				f(&s.cells[i])
			}
			below(s.selects)
			below(s.branches)
		}
	}
	below(p.selects)
}

// columns sets the columns of a select.
func (r *Runner) columns(p *selectPlan, focus item) error {
	guarded := len(p.guards) > 0 && r.anyValue(p.guards)
	for i := 0; i < len(p.cells); i++ {
		kind := p.cells[i].kind
		if kind == cellSlot && !guarded {
			if i += r.slotCells(p.cells[i:], r.row); i == len(p.cells) {
				return nil
			}
			kind = p.cells[i].kind
		}
		c := &p.columns[i]
		switch kind {
		case cellConstant:
			r.row[c.slot] = *c.constant
			continue
		case cellPlain, cellSlot:
			if r.cell(c.plain, &r.row[c.slot]) {
				continue
			}
		}
		if err := r.column(c, focus); err != nil {
			return err
		}
	}
	return nil
}

// slotCells sets the columns of the first cells that are slots with at most
// one value, and returns how many they are.
func (m *machine) slotCells(cells []cell, row []Value) int {
	line := m.line
	for i, c := range cells {
		if c.kind != cellSlot {
			return i
		}
		f := *m.tape.Slot(c.found)
		v := &row[c.slot]
		switch {
		case f.Kind == tape.Null:
			v.Kind, v.Text = Null, nil
		case f.Many && !c.first:
			return i
		case f.Kind == tape.String && !f.Escaped:
			v.Kind, v.Text = String, line[f.Start:f.End:f.End]
		default:
			text := m.slotText(&f, c.found)
			v.Kind, v.Text = kindOfText(f.Kind, text), text
		}
	}
	return len(cells)
}

// anyValue reports whether one of the slots has a value.
func (m *machine) anyValue(slots []int32) bool {
	for _, s := range slots {
		if m.tape.Slot(s).Kind != tape.Null {
			return true
		}
	}
	return false
}

// column sets one column of the row.
func (r *Runner) column(c *columnPlan, focus item) error {
	base := len(r.stack)
	if err := c.expr.eval(&r.machine, focus); err != nil {
		return r.explain(err, c.name, c.place)
	}
	n := len(r.stack) - base
	switch {
	case c.collection:
		from := len(r.items)
		for i := range n {
			r.items = append(r.items, Value{})
			r.set(&r.items[from+i], &r.stack[base+i])
		}
		r.row[c.slot] = Value{Kind: Collection, Items: r.items[from:len(r.items):len(r.items)]}
	case n > 1:
		return r.explain(errManyValues, c.name, c.place)
	case n == 1:
		r.set(&r.row[c.slot], &r.stack[base])
	default:
		r.row[c.slot] = Value{}
	}
	r.stack = r.stack[:base]
	return nil
}

// set sets v to what a row shows of an item.
func (m *machine) set(v *Value, it *item) {
	text := m.text(it)
	v.Kind, v.Text, v.RefType, v.Items = kindOfItem[it.kind], text, nil, nil
	if it.kind == kindNumber && isIntegerText(text) {
		v.Kind = Integer
	}
	if it.key > 0 {
		v.RefType = m.keys[it.key-1]
	}
}

var kindOfItem = [...]Kind{kindBoolean: Boolean, kindNumber: Decimal, kindString: String, kindObject: Complex}
