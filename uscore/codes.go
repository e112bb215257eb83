package uscore

import (
	"encoding/binary"
	"math/bits"
)

// A codeTable numbers the codings and codes that the rules of a type know, so
// that a resource's are compared once. Number 0 is every other code.
type codeTable struct {
	entries []codeEntry // open-addressed, a power of two long; id 0 is free
	used    int
}

type codeEntry struct {
	hash         uint64
	system, code string
	id           uint16
}

// id returns the number of a code, which is new at its first call.
func (t *codeTable) id(system, code string) uint16 {
	if id := t.find([]byte(system), []byte(code)); id != 0 {
		return id
	}
	if 2*(t.used+1) > len(t.entries) {
		old := t.entries
		t.entries = make([]codeEntry, max(64, 2*len(old)))
		for _, e := range old {
			if e.id != 0 {
				t.place(e)
			}
		}
	}
	t.used++
	t.place(codeEntry{codeHash([]byte(system), []byte(code)), system, code, uint16(t.used)})
	return uint16(t.used)
}

func (t *codeTable) place(e codeEntry) {
	mask := uint64(len(t.entries)) - 1
	i := e.hash & mask
	for t.entries[i].id != 0 {
		i = (i + 1) & mask
	}
	t.entries[i] = e
}

// find returns the number of a code, or 0.
func (t *codeTable) find(system, code []byte) uint16 {
	mask := uint64(len(t.entries)) - 1
	if mask == ^uint64(0) {
		return 0
	}
	h := codeHash(system, code)
	for i := h & mask; ; i = (i + 1) & mask {
		e := &t.entries[i]
		if e.id == 0 || e.hash == h && e.code == string(code) && e.system == string(system) {
			return e.id
		}
	}
}

// codeHash is a hash of the ends and the lengths of both texts. Whoever uses
// it compares them as well.
func codeHash(system, code []byte) uint64 {
	h := (tail(system) ^ uint64(len(system))*0x9E3779B97F4A7C15) * 0xD6E8FEB86659FD93
	h ^= bits.RotateLeft64(head(code), 17) ^ tail(code) ^ uint64(len(code))<<56
	h *= 0x9FB21C651E98DF25
	return h ^ h>>29
}

// head is the first eight bytes of b, fewer when it is shorter.
func head(b []byte) uint64 {
	switch n := len(b); {
	case n >= 8:
		return binary.LittleEndian.Uint64(b)
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<32
	case n > 0:
		return uint64(b[0]) | uint64(b[n>>1])<<8 | uint64(b[n-1])<<16
	}
	return 0
}

// tail is the last eight bytes of b, or as head when it is shorter.
func tail(b []byte) uint64 {
	if n := len(b); n >= 8 {
		return binary.LittleEndian.Uint64(b[n-8:])
	}
	return head(b)
}

// A codeSet is a set of numbers of a codeTable; nil is the empty set.
type codeSet []uint64

func (s *codeSet) add(id uint16) {
	for int(id>>6) >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[id>>6] |= 1 << (id & 63)
}

// hasAny reports whether one of the numbers is in the set.
func (s codeSet) hasAny(ids []uint16) bool {
	var found uint64
	for _, id := range ids {
		if int(id>>6) < len(s) {
			found |= s[id>>6] >> (id & 63)
		}
	}
	return found&1 != 0
}
