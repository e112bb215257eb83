package parquetfile

import "encoding/binary"

// The types of Thrift's compact protocol that Parquet's structures need.
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
const (
	typeTrue   = 1
	typeFalse  = 2
	typeByte   = 3
	typeI16    = 4
	typeI32    = 5
	typeI64    = 6
	typeBinary = 8
	typeList   = 9
	typeStruct = 12
)

// A compact writes structures in Thrift's compact protocol. Fields of a
// structure come in the order of their numbers.
type compact struct {
	buf   []byte
	last  int16   // number of the field before, in the open structure
	outer []int16 // the same of the structures around it
}

// field writes the head of a field.
func (c *compact) field(id int16, kind byte) {
	c.buf = append(c.buf, byte(id-c.last)<<4|kind) // no gap of field numbers is over 15
	c.last = id
}

// number writes an integer of any width.
func (c *compact) number(v int64) { c.buf = binary.AppendUvarint(c.buf, uint64(v<<1)^uint64(v>>63)) }

func (c *compact) i32(id int16, v int) {
	c.field(id, typeI32)
	c.number(int64(v))
}

func (c *compact) i64(id int16, v int64) {
	c.field(id, typeI64)
	c.number(v)
}

func (c *compact) bool(id int16, v bool) {
	kind := byte(typeFalse)
	if v {
		kind = typeTrue
	}
	c.field(id, kind)
}

func (c *compact) binary(id int16, v []byte) {
	c.field(id, typeBinary)
	c.element(v)
}

func (c *compact) text(id int16, v string) { c.binary(id, []byte(v)) }

// element writes a text that is an element of a list.
func (c *compact) element(v []byte) {
	c.buf = binary.AppendUvarint(c.buf, uint64(len(v)))
	c.buf = append(c.buf, v...)
}

// list writes the head of a list; n elements follow.
func (c *compact) list(id int16, kind byte, n int) {
	c.field(id, typeList)
	if n < 15 {
		c.buf = append(c.buf, byte(n)<<4|kind)
		return
	}
	c.buf = append(c.buf, 15<<4|kind)
	c.buf = binary.AppendUvarint(c.buf, uint64(n))
}

// open begins a structure that is a field.
func (c *compact) open(id int16) {
	c.field(id, typeStruct)
	c.begin()
}

// begin begins a structure that is no field: the outermost, or one in a list.
func (c *compact) begin() {
	c.outer = append(c.outer, c.last)
	c.last = 0
}

// end ends the innermost open structure.
func (c *compact) end() {
	c.buf = append(c.buf, 0)
	c.last = c.outer[len(c.outer)-1]
	c.outer = c.outer[:len(c.outer)-1]
}

// empty writes a field that is a structure without fields.
func (c *compact) empty(id int16) {
	c.open(id)
	c.end()
}
