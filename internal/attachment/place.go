package attachment

import "sync/atomic"

// A Place remembers, from run to run of one file, up to which line every
// document is known, so that a run that had to pause does not look through all
// of them again. It may be used concurrently; the zero value is the file's
// beginning, and is always right.
type Place struct{ line atomic.Int64 }

// before gives the number of the last line of which nothing is left to fetch.
func (p *Place) before() int64 {
	if p == nil {
		return 0
	}
	return p.line.Load()
}

func (p *Place) set(line int64) {
	if p != nil {
		p.line.Store(line)
	}
}
