package quarantine

// Numbers are numbers of lines, in a bit for each line of the file up to the
// last of them. The zero value has none, and so has nil.
type Numbers struct{ bits []uint64 }

// Add adds a line, from 1.
func (n *Numbers) Add(line int64) {
	at := int(line >> 6)
	if missing := at + 1 - len(n.bits); missing > 0 {
		n.bits = append(n.bits, make([]uint64, missing)...)
	}
	n.bits[at] |= 1 << (line & 63)
}

// Has reports whether a line is among them.
func (n *Numbers) Has(line int64) bool {
	if n == nil {
		return false
	}
	at := int(line >> 6)
	return at < len(n.bits) && n.bits[at]&(1<<(line&63)) != 0
}
