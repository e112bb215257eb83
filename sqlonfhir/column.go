package sqlonfhir

import (
	"slices"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// A columnPlan is the compiled form of a column.
type columnPlan struct {
	kind     columnKind
	first    bool  // of a slot: the first of many values will do
	found    int32 // of a slot: its number
	slot     int   // in the row
	plain    *plainPath
	constant Value
	pathPlan
	name       string
	collection bool
}

// A columnKind says how a column gets its value.
type columnKind uint8

const (
	columnGeneral  columnKind = iota
	columnPlain               // plain
	columnSlot                // plain, and nothing but the value in a slot
	columnConstant            // constant
)

func newColumnPlan(d *columnDefinition, x expr) columnPlan {
	c := columnPlan{pathPlan: pathPlan{x, d.place}, name: d.Name, slot: d.slot, collection: d.Collection}
	if c.collection {
		return c
	}
	switch x := x.(type) {
	case *plainPath:
		c.kind, c.plain = columnPlain, x
		if x.form == formValue && x.choices == nil {
			c.kind, c.found, c.first = columnSlot, x.slot, x.first
		}
	case literal:
		c.kind, c.constant = columnConstant, (&machine{}).value(&x.item)
	}
	return c
}

// addGuards adds the guards of a column that is a slot.
func (c *columnPlan) addGuards(guards []int32) []int32 {
	if c.kind == columnSlot {
		for _, g := range c.plain.guards {
			if !slices.Contains(guards, g) {
				guards = append(guards, g)
			}
		}
	}
	return guards
}

// columns sets the columns of a select.
func (r *Runner) columns(p *selectPlan, focus item) error {
	guarded := r.anyValue(p.guards)
	for i := range p.columns {
		c := &p.columns[i]
		v := &r.row[c.slot]
		switch c.kind {
		case columnSlot:
			if !guarded && r.slotCell(c, v) || guarded && r.cell(c.plain, v) {
				continue
			}
		case columnPlain:
			if r.cell(c.plain, v) {
				continue
			}
		case columnConstant:
			*v = c.constant
			continue
		}
		if err := r.column(c, focus); err != nil {
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
func (m *machine) slotCell(c *columnPlan, v *Value) bool {
	f := m.tape.Slot(c.found)
	if f.Kind == tape.Null {
		*v = Value{}
		return true
	}
	if f.Many && !c.first {
		return false
	}
	text := m.line[f.Start:f.End:f.End]
	if f.Kind == tape.String && !f.Escaped {
		*v = Value{Kind: String, Text: text}
		return true
	}
	if f.Escaped {
		text = m.tape.SlotText(c.found)
	}
	*v = Value{Kind: kindOfText(f.Kind, text), Text: text}
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
