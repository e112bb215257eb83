package audit

import (
	"fmt"
)

// A Fault is where a chain is not what it was.
type Fault struct {
	Tenant string `json:"tenant"` // whose chain; House for the house's
	Seq    int64  `json:"seq"`    // the first row that is not right
	What   string `json:"fault"`  // in plain words
}

func (f Fault) String() string {
	return fmt.Sprintf("%s, row %d: %s", ChainName(f.Tenant), f.Seq, f.What)
}

// ChainName says for people whose chain it is.
func ChainName(tenant string) string {
	if tenant == House {
		return "the house's chain"
	}
	return "the chain of " + tenant
}

// A Walk checks one chain from its first row on.
type Walk struct {
	tenant string
	head   Head
	known  map[int64]Anchor // anchors by row, as far as they are not met yet
	fault  *Fault

	restored map[int64]bool // rows after which the ledger was replaced by a copy, as anchors say
	last     *Anchor        // with which the walk begins, until it is met; nil: with the first row
}

// NewWalk begins a walk over a chain. anchors are those of the chain that are
// known from elsewhere.
func NewWalk(tenant string, anchors []Anchor) *Walk {
	w := &Walk{tenant: tenant, head: Head{Tenant: tenant}, known: map[int64]Anchor{}, restored: map[int64]bool{}}
	for _, a := range anchors {
		if a.Tenant == tenant {
			w.known[a.Seq], w.restored[a.Seq] = a, w.restored[a.Seq] || a.Restored
		}
	}
	return w
}

// WalkFrom begins a walk at a row that need not be its chain's first: what was
// before it is not looked at, so it is believed to follow.
func WalkFrom(first Entry, anchors []Anchor) *Walk {
	w := NewWalk(first.Tenant, anchors)
	w.head = Head{Tenant: first.Tenant, Seq: max(first.Seq-1, 0), Hash: first.Prev}
	for seq := range w.known {
		if seq < first.Seq {
			delete(w.known, seq)
		}
	}
	return w
}

// WalkOn begins a walk at a row that was the end of a chain that was right: what
// was before it is believed. Seq 0 is no row: the walk is that of NewWalk.
func WalkOn(last Anchor, anchors []Anchor) *Walk {
	w := NewWalk(last.Tenant, anchors)
	if last.Seq == 0 {
		return w
	}
	w.head.Seq, w.last = last.Seq-1, &last
	for seq := range w.known {
		if seq < last.Seq {
			delete(w.known, seq)
		}
	}
	if _, is := w.known[last.Seq]; !is {
		w.known[last.Seq] = last
	}
	return w
}

// Head gives the last row that was right.
func (w *Walk) Head() Head { return w.head }

// Take checks the next row. It returns the walk's first fault, also when it is
// called again after one; nil as long as all is right.
func (w *Walk) Take(e Entry) *Fault {
	if w.fault != nil {
		return w.fault
	}
	want := w.head.Seq + 1
	switch {
	case e.Tenant != w.tenant:
		return w.fail(want, "it is a row of "+ChainName(e.Tenant))
	case e.Seq > want && e.Seq == want+1:
		return w.fail(want, "it is missing: it was taken out")
	case e.Seq > want:
		return w.fail(want, fmt.Sprintf("it is missing, and so are all up to row %d: they were taken out", e.Seq-1))
	case e.Seq < want:
		return w.fail(e.Seq, "it is there twice")
	case e.digest() != e.Hash:
		return w.fail(want, "what it says is not what was recorded: its hash is of something else")
	case w.last != nil && e.Hash != w.last.Hash:
		return w.fail(want, anew(*w.last))
	case w.last == nil && e.Prev != w.head.Hash:
		return w.fail(want, "it does not follow the row before: that one, or both, were written anew")
	case w.restored[w.head.Seq] && e.Action != LedgerRestored:
		return w.fail(want, unsaidRestore)
	}
	if a, ok := w.known[e.Seq]; ok {
		if a.Hash != e.Hash {
			return w.fail(want, anew(a))
		}
		delete(w.known, e.Seq)
	}
	w.head, w.last = e.Head(), nil
	return nil
}

func anew(a Anchor) string {
	return "it is not the row that was anchored at " + a.Time + ": it, or a row before it, was written anew"
}

// unsaidRestore is the fault of a chain of which the anchors say that it was cut
// by a copy of the ledger: who restores one puts that on record.
const unsaidRestore = "the anchors say that the ledger was replaced by a copy before it, which the record does not say: somebody wrote the anchors by hand, or bulkhead restore was ended in the middle"

// End checks what can be known only at the end of the chain: whether rows were
// cut off. remembered is the head that the ledger itself has; nil when it has
// none.
func (w *Walk) End(remembered *Head) *Fault {
	if w.fault != nil {
		return w.fault
	}
	last, by := int64(0), ""
	for seq, a := range w.known {
		if seq > last {
			last, by = seq, "row "+fmt.Sprint(seq)+" was anchored at "+a.Time
		}
	}
	if remembered != nil && remembered.Seq > last {
		last, by = remembered.Seq, fmt.Sprintf("the ledger remembers %d rows", remembered.Seq)
	}
	switch {
	case last > w.head.Seq && w.last != nil:
		return w.fail(w.head.Seq+1, "it is missing, and rows before it may be: the end of the chain was cut off, for "+by)
	case last > w.head.Seq:
		return w.fail(w.head.Seq+1, "it and what followed are missing: the end of the chain was cut off, for "+by)
	case remembered != nil && remembered.Seq < w.head.Seq:
		return w.fail(remembered.Seq+1, "it was added by hand: the ledger remembers the row before as the last")
	case remembered != nil && w.restored[w.head.Seq]:
		return w.fail(w.head.Seq+1, unsaidRestore)
	case remembered != nil && *remembered != w.head:
		return w.fail(w.head.Seq, "it is not the end that the ledger remembers")
	}
	return nil
}

// Forgotten is End for a ledger that has no memory of the chain's end: it had one
// with the chain's first row, so somebody took it, and may have cut rows off.
func (w *Walk) Forgotten() *Fault {
	if f := w.End(nil); f != nil || w.head.Seq == 0 {
		return f
	}
	return w.fail(w.head.Seq+1, "the ledger does not remember how many rows there are: its memory of the chain's end was taken, and rows may be, too")
}

func (w *Walk) fail(seq int64, what string) *Fault {
	w.fault = &Fault{Tenant: w.tenant, Seq: seq, What: what}
	return w.fault
}
