package keyring

import (
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/smart"
)

const (
	// lastAssertion is how long the last assertion that a key signed can be
	// good: five minutes by the standard, and one for clocks that differ.
	lastAssertion = 6 * time.Minute
	// leastFallback is how long at least a server that refuses a new key is
	// shown the old one.
	leastFallback = time.Hour
	longestAge    = 366 * 24 * time.Hour
)

// A State is where a key stands in its life.
type State string

// The states, in order.
const (
	Pending   State = "waits for confirmation" // not known to be with the vendor
	Published State = "published"              // signs when no older copy of the set can be left
	Signing   State = "signing"
	Retired   State = "retired" // its successor signs; it is still published
	Over      State = "over"    // not published any more; it can be removed
	Disabled  State = "disabled"
)

// A Standing is where a key stands at one moment.
type Standing struct {
	KeyID      string
	Algorithm  smart.Algorithm
	State      State
	Registered Registered
	Created    time.Time
	// Since is when the state began; Until when it ends by itself, zero when
	// that is not known.
	Since, Until time.Time
}

// A timeline is a ring's keys, the oldest first. All its answers follow from
// the records and the time, so that every process gives the same.
type timeline []entry

// fallback is how long the key's predecessor is shown to servers that do not
// know it yet.
func (e entry) fallback() time.Duration {
	return max(time.Duration(e.MaxAge)*time.Second, leastFallback)
}

// successor gives the key that ended e's signing by now, or nil. One that was
// disabled counts only if e had left the published set before: copies of the
// set without e may then be about.
func (l timeline) successor(e entry, now time.Time) *entry {
	var first *entry
	for i := range l {
		k := &l[i]
		later := k.number > e.number && k.Algorithm == e.Algorithm && !k.Activated.IsZero() && !now.Before(k.Activated)
		if !later || !k.disabled.IsZero() && k.disabled.Before(overlapEnd(k)) {
			continue
		}
		if first == nil || k.Activated.Before(first.Activated) {
			first = k
		}
	}
	return first
}

// overlapEnd is until when the predecessor of k is published.
func overlapEnd(k *entry) time.Time { return k.Activated.Add(k.fallback() + lastAssertion) }

// standing tells where one key stands.
func (l timeline) standing(e entry, now time.Time) Standing {
	s := Standing{KeyID: e.KeyID, Algorithm: e.Algorithm, Registered: e.Registered, Created: e.Created}
	after := l.successor(e, now)
	switch {
	case !e.disabled.IsZero():
		s.State, s.Since = Disabled, e.disabled
	case e.Published.IsZero():
		s.State, s.Since = Pending, e.Created
	case now.Before(e.Activated):
		s.State, s.Since, s.Until = Published, e.Published, e.Activated
	case after == nil:
		s.State, s.Since = Signing, e.Activated
		for _, k := range l {
			if k.number > e.number && k.Algorithm == e.Algorithm && k.disabled.IsZero() && k.Activated.After(now) {
				s.Until = k.Activated
			}
		}
	case now.Before(overlapEnd(after)):
		s.State, s.Since, s.Until = Retired, after.Activated, overlapEnd(after)
	default:
		s.State, s.Since = Over, overlapEnd(after)
	}
	return s
}

// in lists the keys that are in one of the states.
func (l timeline) in(now time.Time, states ...State) []entry {
	var list []entry
	for _, e := range l {
		if slices.Contains(states, l.standing(e, now).State) {
			list = append(list, e)
		}
	}
	return list
}

// signing gives the keys that may sign, at most one of each algorithm.
func (l timeline) signing(now time.Time) []*smart.Key {
	var keys []*smart.Key
	for _, e := range l.in(now, Signing) {
		keys = append(keys, e.key)
	}
	return keys
}

// previous gives the key that signed before k, as long as a server may know no
// newer one.
func (l timeline) previous(k *smart.Key, now time.Time) *smart.Key {
	for _, e := range slices.Backward(l.in(now, Retired)) {
		after := l.successor(e, now)
		if e.Algorithm == k.Algorithm() && now.Before(after.Activated.Add(after.fallback())) {
			return e.key
		}
	}
	return nil
}

// published gives the keys of the public set; with the successor that waits for
// a confirmation, the set to be given to a vendor.
func (l timeline) published(now time.Time, withSuccessor bool) []*smart.Key {
	states := []State{Published, Signing, Retired}
	if withSuccessor {
		states = append(states, Pending)
	}
	var keys []*smart.Key
	for _, e := range l.in(now, states...) {
		keys = append(keys, e.key)
	}
	return keys
}
