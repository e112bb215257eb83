package tape

// NewPlain returns a tape that never learns.
func NewPlain() *Tape { return &Tape{plain: true} }

// OwnLines returns lines as a server would write them.
func OwnLines(n int) [][]byte { return ownLines(n) }

// ShuffledLines returns lines with the members of all objects in any order.
func ShuffledLines(n int) [][]byte {
	r := newRand(6)
	lines := ownLines(n)
	for i := range lines {
		lines[i] = shuffled(r, lines[i])
	}
	return lines
}
