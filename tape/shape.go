package tape

import (
	"encoding/binary"
	"math/bits"
)

// A Shape says which members of a text become nodes, and numbers their names.
// It is built first and used afterwards: while tapes parse with it, from any
// number of goroutines, it must not be changed.
type Shape struct {
	root  *Want
	names Want // every name that has a number, as the members of an `all` subtree
	count int32
}

// NewShape returns a shape that wants the outermost value only, and its
// elements when it is an array.
func NewShape() *Shape {
	s := &Shape{}
	s.root = &Want{shape: s}
	return s
}

// Root returns the place of the outermost value.
func (s *Shape) Root() *Want { return s.root }

// Key returns the number of a member name; the first call for a name gives it
// the next number, from 0 without gaps.
func (s *Shape) Key(name string) int32 {
	if e := s.names.lookup(keyHash([]byte(name)), []byte(name)); e != nil {
		return e.id
	}
	s.names.add(entry{hash: keyHash([]byte(name)), name: name, id: s.count, child: s.root})
	s.count++
	return s.count - 1
}

// Keys returns how many names have a number.
func (s *Shape) Keys() int { return int(s.count) }

// A Want is a place in a shape: a value whose node is wanted. Arrays are
// transparent: what is wanted of a value is wanted of each element when the
// value is an array.
type Want struct {
	shape *Shape
	all   bool
	used  int
	table []entry // open-addressed, a power of two long; child == nil means free
}

type entry struct {
	hash  uint64
	name  string
	id    int32
	child *Want
}

// Member returns the place of the member with that name, which is now wanted.
// Below a place marked All it is the place itself.
func (w *Want) Member(name string) *Want {
	id := w.shape.Key(name)
	if w.all {
		return w
	}
	h := keyHash([]byte(name))
	if e := w.lookup(h, []byte(name)); e != nil {
		return e.child
	}
	child := &Want{shape: w.shape}
	w.add(entry{hash: h, name: name, id: id, child: child})
	return child
}

// All marks the whole value as wanted, down to its scalars. Members whose
// names have no number get nodes with Key -1.
func (w *Want) All() { w.all = true }

// find returns the number and the place of a member; a nil place means that
// the member is not wanted.
func (w *Want) find(hash uint64, key []byte) (int32, *Want) {
	if w.all {
		if e := w.shape.names.lookup(hash, key); e != nil {
			return e.id, w
		}
		return -1, w
	}
	if e := w.lookup(hash, key); e != nil {
		return e.id, e.child
	}
	return -1, nil
}

func (w *Want) lookup(hash uint64, key []byte) *entry {
	mask := uint64(len(w.table)) - 1
	if mask == ^uint64(0) {
		return nil
	}
	for i := hash & mask; ; i = (i + 1) & mask {
		e := &w.table[i]
		if e.child == nil {
			return nil
		}
		if e.hash == hash && e.name == string(key) {
			return e
		}
	}
}

func (w *Want) add(e entry) {
	if 3*(w.used+1) > len(w.table) {
		old := w.table
		w.table = make([]entry, max(4, 2*len(old)))
		for _, o := range old {
			if o.child != nil {
				w.place(o)
			}
		}
	}
	w.place(e)
	w.used++
}

func (w *Want) place(e entry) {
	mask := uint64(len(w.table)) - 1
	i := e.hash & mask
	for w.table[i].child != nil {
		i = (i + 1) & mask
	}
	w.table[i] = e
}

// keyHash is a hash of the first eight bytes, the last eight and the length.
// Whoever uses it compares the bytes as well.
func keyHash(k []byte) uint64 {
	var a, z uint64
	switch n := len(k); {
	case n >= 8:
		a, z = binary.LittleEndian.Uint64(k), binary.LittleEndian.Uint64(k[n-8:])
	case n >= 4:
		a, z = uint64(binary.LittleEndian.Uint32(k)), uint64(binary.LittleEndian.Uint32(k[n-4:]))
	case n > 0:
		a = uint64(k[0]) | uint64(k[n>>1])<<8 | uint64(k[n-1])<<16
	}
	h := (a ^ bits.RotateLeft64(z, 29) ^ uint64(len(k))*0x9E3779B97F4A7C15) * 0xD6E8FEB86659FD93
	return h ^ h>>32
}
