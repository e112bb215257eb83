package tape

import "hash/maphash"

// A seenKey is one member name of an open object. Names with escapes are kept
// decoded in keySet.text, and have start = ^offset there.
type seenKey struct {
	hash       uint64
	start, end int32
}

// bigObject is the number of members from which an object's names are found
// by a seeded hash, so that hostile names cannot make a line quadratic.
const bigObject = 64

// A keySet knows the member names of the objects that are open. Small objects
// are searched one by one behind a 64-bit filter that the parser holds.
type keySet struct {
	keys []seenKey
	text []byte

	seed    maphash.Seed
	serial  uint32 // of the last big object
	buckets []bigKey
	used    int
}

// A bigKey is a bucket of the open-addressed table over big objects' names.
type bigKey struct {
	hash   uint64
	object uint32 // serial; 0 means free
	index  int32  // in keySet.keys
}

func (s *keySet) reset() {
	s.keys, s.text = s.keys[:0], s.text[:0]
	if s.used > 0 {
		clear(s.buckets)
		s.used, s.serial = 0, 0
	}
}

// openNames is what the parser holds of an object that is open.
type openNames struct {
	base   int    // its first key in keySet.keys
	filter uint64 // one bit for each of its keys, by hash; all of a big object
	big    uint32 // serial of a big object; else 0
}

// add adds a name to an open object whose filter has its bit, and reports
// whether it is new there. An object is big at the latest when all bits are set.
func (s *keySet) add(line []byte, o *openNames, k seenKey, name []byte) bool {
	if o.big == 0 && len(s.keys)-o.base >= bigObject {
		o.big, o.filter = s.open(line, o.base), ^uint64(0)
	}
	if o.big == 0 && s.contains(line, o.base, k.hash, name) {
		return false
	}
	s.keys = append(s.keys, k)
	return o.big == 0 || s.insert(line, o.big, len(s.keys)-1)
}

// decode unescapes a name and keeps it while the text is parsed.
func (s *keySet) decode(raw []byte) ([]byte, seenKey) {
	from := len(s.text)
	s.text = appendUnescaped(s.text, raw)
	name := s.text[from:]
	return name, seenKey{keyHash(name), ^int32(from), int32(len(name))}
}

func (s *keySet) name(line []byte, k seenKey) []byte {
	if k.start < 0 {
		return s.text[^k.start : ^k.start+k.end]
	}
	return line[k.start:k.end]
}

// contains reports whether one of the keys from base on is key.
func (s *keySet) contains(line []byte, base int, hash uint64, key []byte) bool {
	for _, k := range s.keys[base:] {
		if k.hash == hash && string(s.name(line, k)) == string(key) {
			return true
		}
	}
	return false
}

// open starts a big object with the keys from base on, which are all
// different, and returns its serial.
func (s *keySet) open(line []byte, base int) uint32 {
	if s.seed == (maphash.Seed{}) {
		s.seed = maphash.MakeSeed()
	}
	s.serial++
	for i := base; i < len(s.keys); i++ {
		s.insert(line, s.serial, i)
	}
	return s.serial
}

// insert adds s.keys[index] to a big object, and reports whether it is new.
func (s *keySet) insert(line []byte, object uint32, index int) bool {
	if 2*(s.used+1) > len(s.buckets) {
		s.grow()
	}
	key := s.name(line, s.keys[index])
	hash := maphash.Bytes(s.seed, key) + uint64(object)*0x9E3779B97F4A7C15
	mask := uint64(len(s.buckets)) - 1
	for i := hash & mask; ; i = (i + 1) & mask {
		b := &s.buckets[i]
		if b.object == 0 {
			*b = bigKey{hash, object, int32(index)}
			s.used++
			return true
		}
		if b.hash == hash && b.object == object && string(s.name(line, s.keys[b.index])) == string(key) {
			return false
		}
	}
}

func (s *keySet) grow() {
	old := s.buckets
	s.buckets = make([]bigKey, max(4*bigObject, 2*len(old)))
	mask := uint64(len(s.buckets)) - 1
	for _, b := range old {
		if b.object == 0 {
			continue
		}
		i := b.hash & mask
		for s.buckets[i].object != 0 {
			i = (i + 1) & mask
		}
		s.buckets[i] = b
	}
}
