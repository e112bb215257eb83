package sandbox

import (
	"slices"
	"time"
)

// past is what a practice remembers of the exports it has accepted.
type past struct {
	accepted int
	first    map[string]time.Time // transactionTime of the first export of a level and group
}

// A roster is a group as it stands at an export: patients join and leave after
// the group's first one.
type roster struct {
	first         time.Time // transactionTime of the group's first export; zero before it is over
	joins, leaves int       // shares
}

// enrol gives e its place among the practice's exports. p.mu is held.
func (p *PracticeServer) enrol(e *export) {
	e.ordinal = p.past.accepted
	p.past.accepted++
	if e.level != LevelGroup {
		return
	}
	if p.past.first == nil {
		p.past.first = map[string]time.Time{}
	}
	first, ok := p.past.first[e.group]
	if !ok {
		p.past.first[e.group] = e.until
	}
	e.roster = roster{first, e.k.Joins, e.k.Leaves}
	if e.k.Joins+e.k.Leaves == 0 {
		return
	}
	member := e.cohort.Member
	e.cohort.Member = func(id string) bool { return e.roster.member(id) && (member == nil || member(id)) }
}

func (r roster) member(id string) bool {
	if r.first.IsZero() {
		return !r.joined(id)
	}
	return !r.left(id)
}

func (r roster) joined(id string) bool { return lot("roster", "Patient", id) < r.joins }
func (r roster) left(id string) bool   { return lot("roster", "Patient", id) >= 100-r.leaves }

// backfills reports whether e has records of type t that did not change since
// the time that was asked for, because their patient has joined after it.
func (e *export) backfills(t string) bool {
	return e.k.NewMembers == NewMembersInclude && !e.since.IsZero() && !e.roster.first.IsZero() &&
		!e.since.After(e.roster.first) && !slices.Contains(e.k.Admin, t)
}

// isNew reports whether a patient joined the group after the time that was
// asked for. It means something only where e backfills.
func (e *export) isNew(patient string) bool { return e.roster.joined(patient) }
