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
	bare  bool  // of a slot: nothing else sets the column, so that it has never more than Kind and Text
	found int32 // of a slot: its number
	slot  int32 // in the row
}

type cellKind uint8

const (
	cellGeneral  cellKind = iota // by the expression
	cellPlain                    // by the plain path
	cellSlot                     // by a slot and nothing else
	cellConstant                 // always the same
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
		v := (&machine{}).value(&x.item)
		c.constant = &v
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
	p.cells(func(c *cell) { c.bare = !mixed[c.slot] })
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
	guarded, row := r.anyValue(p.guards), r.row
	for i := range p.cells {
		c := &p.cells[i]
		v := &row[c.slot]
		switch c.kind {
		case cellSlot:
			if !guarded && r.slotCell(c, v) || guarded && r.cell(p.columns[i].plain, v) {
				continue
			}
		case cellPlain:
			if r.cell(p.columns[i].plain, v) {
				continue
			}
		case cellConstant:
			*v = *p.columns[i].constant
			continue
		}
		if err := r.column(&p.columns[i], focus); err != nil {
			return err
		}
	}
	return nil
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

// slotCell sets v to the value in the slot of a column. It reports false when
// there are more values.
func (m *machine) slotCell(c *cell, v *Value) bool {
	f := m.tape.Slot(c.found)
	if f.Many && !c.first {
		return false
	}
	if !c.bare {
		*v = Value{}
	}
	if f.Kind == tape.Null {
		v.Kind, v.Text = Null, nil
		return true
	}
	text := m.line[f.Start:f.End:f.End]
	if f.Escaped {
		text = m.tape.SlotText(c.found)
	}
	v.Text = text
	if v.Kind = String; f.Kind != tape.String {
		v.Kind = kindOfText(f.Kind, text)
	}
	return true
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
			r.items = append(r.items, r.value(&r.stack[base+i]))
		}
		r.row[c.slot] = Value{Kind: Collection, Items: r.items[from:len(r.items):len(r.items)]}
	case n > 1:
		return r.explain(errManyValues, c.name, c.place)
	case n == 1:
		r.row[c.slot] = r.value(&r.stack[base])
	default:
		r.row[c.slot] = Value{}
	}
	r.stack = r.stack[:base]
	return nil
}

// value returns what a row shows of an item.
func (m *machine) value(it *item) Value {
	v := Value{Kind: String, Text: m.text(it)}
	switch it.kind {
	case kindBoolean:
		v.Kind = Boolean
	case kindNumber:
		v.Kind = Decimal
		if isIntegerText(v.Text) {
			v.Kind = Integer
		}
	case kindObject:
		v.Kind = Complex
	}
	if it.key > 0 {
		v.RefType = m.keys[it.key-1]
	}
	return v
}
