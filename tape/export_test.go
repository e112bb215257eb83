package tape

// NewPlain returns a tape that never learns.
func NewPlain() *Tape { return &Tape{plain: true} }

// OwnLines returns lines as a server would write them.
func OwnLines(n int) [][]byte { return ownLines(n) }
