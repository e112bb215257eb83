package population

import (
	"math"
	"time"
)

const never = int64(math.MaxInt64)

// A life is when a resource comes, when its course changes (a prescription
// ends, a booked visit takes place, a patient dies) and when it goes. A
// resource that does not exist at all has created == never.
type life struct {
	created, milestone, deleted int64
	fixed                       bool // never edited
}

var absent = life{created: never, milestone: never, deleted: never}

// born is a life that nothing ends.
func born(at int64) life { return life{created: at, milestone: never, deleted: never} }

// until adds a milestone.
func (l life) until(milestone int64) life {
	l.milestone = milestone
	return l
}

// unedited keeps the resource as it was written.
func (l life) unedited() life {
	l.fixed = true
	return l
}

// A state is what a resource has become at one time.
type state struct {
	updated int64 // time of the last change
	changes int   // edits so far, without the milestone
	past    bool  // the milestone has passed
}

// version counts from 1.
func (s state) version() int {
	if s.past {
		return s.changes + 2
	}
	return s.changes + 1
}

// A window is the half-open time (since, until] of an export.
type window struct{ since, until int64 }

func newWindow(since, until time.Time) window {
	w := window{since: math.MinInt64, until: until.UnixMilli()}
	if !since.IsZero() {
		w.since = since.UnixMilli()
	}
	return w
}

// A pace is how fast the practice changes after its epoch.
type pace struct {
	epoch  int64
	period int64 // between two edits of one resource; 0 is no edits
}

func newPace(epoch time.Time, changeRate float64) pace {
	p := pace{epoch: epoch.UnixMilli()}
	if changeRate > 0 {
		p.period = max(1, int64(min(float64(day)/changeRate, 1e15)))
	}
	return p
}

// at gives the state of a resource at the end of w, and whether an export of w
// contains it. h is the resource's hash.
func (p *pace) at(l life, h uint64, w window) (state, bool) {
	if l.created > w.until || l.deleted <= w.until {
		return state{}, false
	}
	s := state{updated: l.created}
	if !l.fixed {
		p.edit(&s, l.created, h, w.until)
	}
	if l.milestone <= w.until {
		s.past = true
		s.updated = max(s.updated, l.milestone)
	}
	return s, s.updated > w.since
}

// edit adds the edits up to until: for one in four a correction within three
// weeks while the practice is being built up, and after the epoch one edit in
// every period, at a time of its own.
func (p *pace) edit(s *state, created int64, h uint64, until int64) {
	if created < p.epoch && h&3 == 0 {
		at := created + hour + int64(h>>8%uint64(21*day))
		if at <= until && at < p.epoch {
			s.changes, s.updated = 1, at
		}
	}
	from := max(created, p.epoch)
	if p.period == 0 || until <= from {
		return
	}
	n := (until - from) / p.period
	if at := p.editIn(n, from, h); at <= until {
		s.changes, s.updated = s.changes+int(n)+1, at
	} else if n > 0 {
		s.changes, s.updated = s.changes+int(n), p.editIn(n-1, from, h)
	}
}

func (p *pace) editIn(n, from int64, h uint64) int64 {
	return from + n*p.period + 1 + int64(fold(h, uint64(n))%uint64(p.period))
}

// removal is when a resource is deleted, or never, if rate is the share of its
// like that is deleted in a day. Nothing is deleted before the epoch.
func (p *pace) removal(created int64, h uint64, rate float64) int64 {
	if rate <= 0 || created == never {
		return never
	}
	wait := -math.Log(1-unit(fold(h, 0xde1e7e))) / rate * float64(day)
	if wait > 1e15 {
		return never
	}
	return max(created, p.epoch) + 1 + int64(wait)
}
