package audit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// A Watched is what the watch knows of one chain.
type Watched struct {
	Tenant     string
	End        Head      // up to here it was right the last time; Seq 0: nobody has looked
	Walked     Head      // how far the walk over all rows has come; Seq 0: it begins anew
	VerifiedAt time.Time // when it was last right up to its end
	WholeAt    time.Time // when all of its rows, from the first on, were last right

	Fault   *Fault    // what is wrong with it; nil: nothing is known
	FoundAt time.Time // when that was found
}

// A chains is the ledger, as far as a watch needs it.
type chains interface {
	// AuditChains gives the tenants whose chains there are.
	AuditChains(ctx context.Context) ([]string, error)
	// AuditRows gives so many rows of a chain at most that come after a row.
	AuditRows(ctx context.Context, tenant string, after, most int64) ([]Entry, error)
	// AuditEnd gives the end of a chain as the ledger remembers it.
	AuditEnd(ctx context.Context, tenant string) (h Head, ok bool, err error)
	// AuditWatched gives what is known of the chains.
	AuditWatched(ctx context.Context) ([]Watched, error)
	// PutAuditWatched keeps what is known of some.
	PutAuditWatched(ctx context.Context, list []Watched) error
	// AuditFound keeps that a chain is broken, and puts it on its record where
	// that takes another row; it is kept also when that is an error.
	AuditFound(ctx context.Context, w Watched) error
	// AuditExamined gives when a person last had a chain walked that was whole,
	// or signed it; by chain.
	AuditExamined(ctx context.Context) (map[string]time.Time, error)
}

// A Watch verifies the record by itself, as bulkhead audit verify does: once a
// day each chain from where it was right the last time to its end, and all rows
// again within a week. It looks at few rows at a time, so that nobody feels it.
// A chain that it finds broken it leaves alone until a person has examined it.
//
// It is a follower of the engine, called by one goroutine at a time.
type Watch struct {
	ledger  chains
	anchors string // path of their file

	next     time.Time // of the next round, or of the next look at what was examined
	round    *round    // nil: none is under way
	known    map[string]*Watched
	examined time.Time // when it was looked at
}

// NewWatch makes a watch over a ledger's chains; anchors is the path of their
// anchors. Nothing happens before CatchUp.
func NewWatch(ledger chains, anchors string) *Watch { return &Watch{ledger: ledger, anchors: anchors} }

// Pace of the watch.
const (
	WatchEvery = 24 * time.Hour // between two rounds
	wholeDays  = 7              // in which all rows are walked again
	atOnce     = 500            // rows, each time it is called
	aChain     = 25             // rows that looking at the end of a chain counts for
	atLeast    = 10_000         // rows of a day's part of all rows
	putOff     = time.Hour
	examineFor = time.Minute
)

// A round is one day's verification: first the ends of all chains, then a part
// of all rows.
type round struct {
	anchors map[string][]Anchor
	left    []string // chains that are still to be walked
	whole   bool     // from their first rows on
	budget  int64    // rows that the walk over all rows may still take

	walk *Walk // over the chain that is walked; nil: none is
	now  *Watched
	all  bool // the walk began with the chain's first row
	dirt map[string]bool
}

// CatchUp goes on with the round, or begins one when the last one was a day ago.
// After an error it begins anew in an hour.
func (w *Watch) CatchUp(ctx context.Context) error {
	now := time.Now()
	if w.next.Sub(now) > WatchEvery { // the clock was ahead
		w.next = now
	}
	if w.round == nil && now.Before(w.next) && !w.mayBeExamined(now) {
		return nil
	}
	err := w.goOn(ctx, now)
	if err != nil && ctx.Err() == nil {
		w.round, w.known, w.next = nil, nil, now.Add(putOff)
		return fmt.Errorf("verify the record: %w", err)
	}
	return err
}

// mayBeExamined reports whether a chain is broken, and it is time to look
// whether a person has examined it.
func (w *Watch) mayBeExamined(now time.Time) bool {
	if now.Sub(w.examined) < examineFor {
		return false
	}
	for _, k := range w.known {
		if k.Fault != nil {
			return true
		}
	}
	return false
}

func (w *Watch) goOn(ctx context.Context, now time.Time) error {
	if w.known == nil {
		if err := w.remember(ctx); err != nil {
			return err
		}
	}
	if w.round == nil {
		if err := w.forgive(ctx, now); err != nil || now.Before(w.next) {
			return err
		}
		if err := w.begin(ctx, now); err != nil || w.round == nil {
			return err
		}
	}
	for rows := int64(atOnce); rows > 0; {
		if w.round.walk == nil && !w.pick() {
			return w.turn(ctx, now)
		}
		read, err := w.step(ctx, min(rows, w.round.room()), now)
		if err != nil {
			return err
		}
		rows -= max(read, aChain)
	}
	return nil
}

// remember reads what the process before has found out.
func (w *Watch) remember(ctx context.Context) error {
	list, err := w.ledger.AuditWatched(ctx)
	if err != nil {
		return err
	}
	w.known = map[string]*Watched{}
	for _, k := range list {
		w.known[k.Tenant] = &k
	}
	return nil
}

// forgive begins anew with chains that a person has examined since they were
// found broken, and found whole.
func (w *Watch) forgive(ctx context.Context, now time.Time) error {
	if !w.mayBeExamined(now) {
		return nil
	}
	w.examined = now
	examined, err := w.ledger.AuditExamined(ctx)
	if err != nil {
		return err
	}
	var list []Watched
	for tenant, k := range w.known {
		if k.Fault != nil && examined[tenant].After(k.FoundAt) {
			*k = Watched{Tenant: tenant}
			list = append(list, *k)
		}
	}
	if len(list) == 0 {
		return nil
	}
	w.next = now // they are walked from their first rows on
	return w.ledger.PutAuditWatched(ctx, list)
}

// begin makes a round, unless the last one was less than a day ago.
func (w *Watch) begin(ctx context.Context, now time.Time) error {
	tenants, err := w.ledger.AuditChains(ctx)
	if err != nil {
		return err
	}
	anchors, _, err := ReadAnchors(w.anchors)
	if err != nil {
		return err
	}
	r := &round{anchors: map[string][]Anchor{}, dirt: map[string]bool{}}
	for _, a := range anchors {
		r.anchors[a.Tenant] = append(r.anchors[a.Tenant], a)
	}
	for _, tenant := range slices.Concat(tenants, slices.Collect(maps.Keys(r.anchors))) {
		if w.known[tenant] == nil {
			w.known[tenant] = &Watched{Tenant: tenant}
		}
	}
	oldest := now
	for tenant, k := range w.known {
		if k.Fault == nil {
			r.left, oldest = append(r.left, tenant), earlier(oldest, k.VerifiedAt)
		}
	}
	if w.next = oldest.Add(WatchEvery); now.Before(w.next) {
		return nil
	}
	slices.Sort(r.left)
	w.round = r
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// room is how many rows may be read next.
func (r *round) room() int64 {
	if !r.whole {
		return atOnce
	}
	return r.budget
}

// pick takes the next chain in hand; false when there is none left.
func (w *Watch) pick() bool {
	r := w.round
	for len(r.left) > 0 && (!r.whole || r.budget > 0) {
		k := w.known[r.left[0]]
		r.left = r.left[1:]
		if k.Fault != nil {
			continue
		}
		from, at := k.End, k.VerifiedAt
		if r.whole {
			from, at = k.Walked, lookedAt(k)
		}
		r.now, r.all = k, from.Seq == 0
		r.walk = WalkOn(Anchor{Time: Instant(at), Head: Head{Tenant: k.Tenant, Seq: from.Seq, Hash: from.Hash}}, r.anchors[k.Tenant])
		return true
	}
	return false
}

// lookedAt is when rows of a chain were last looked at.
func lookedAt(k *Watched) time.Time {
	if k.WholeAt.After(k.VerifiedAt) {
		return k.WholeAt
	}
	return k.VerifiedAt
}

// step walks over the next rows of the chain in hand, and returns how many they
// were. The ledger's memory of the end is read before them: rows that come
// meanwhile are beyond it, and none up to it can be.
func (w *Watch) step(ctx context.Context, most int64, at time.Time) (int64, error) {
	r := w.round
	end, remembered, err := w.ledger.AuditEnd(ctx, r.now.Tenant)
	if err != nil {
		return 0, err
	}
	rows, err := w.ledger.AuditRows(ctx, r.now.Tenant, r.walk.Head().Seq, most)
	if err != nil {
		return 0, err
	}
	read := int64(len(rows))
	for _, e := range rows {
		if f := r.walk.Take(e); f != nil {
			return read, w.broken(ctx, f, at)
		}
	}
	if r.whole {
		r.budget -= read
	}
	switch {
	case read < most:
		return read, w.end(ctx, end, remembered, at)
	case r.whole && r.budget <= 0: // the rest is for tomorrow
		r.now.Walked, r.walk, r.dirt[r.now.Tenant] = r.walk.Head(), nil, true
	}
	return read, nil
}

// end looks at the end of the chain in hand, all of whose rows were walked over.
func (w *Watch) end(ctx context.Context, end Head, remembered bool, at time.Time) (err error) {
	r := w.round
	if reached := r.walk.Head().Seq; !remembered || end.Seq < reached { // rows came meanwhile, or were added by hand
		if end, remembered, err = w.ledger.AuditEnd(ctx, r.now.Tenant); err != nil || remembered && end.Seq > reached {
			return err
		}
	}
	f := r.walk.Forgotten
	if remembered {
		f = func() *Fault { return r.walk.End(&end) }
	}
	if f := f(); f != nil {
		return w.broken(ctx, f, at)
	}
	k := r.now
	k.End, k.VerifiedAt = r.walk.Head(), at
	if r.all || r.whole {
		k.WholeAt, k.Walked = at, Head{}
	}
	r.walk, r.dirt[k.Tenant] = nil, true
	return nil
}

// broken keeps that the chain in hand is broken.
func (w *Watch) broken(ctx context.Context, f *Fault, at time.Time) error {
	r := w.round
	r.now.Fault, r.now.FoundAt, r.walk = f, at, nil
	delete(r.dirt, r.now.Tenant)
	return w.ledger.AuditFound(ctx, *r.now)
}

// turn ends a part of the round: after the ends come the rows that were not
// walked over for longest, and after them nothing until tomorrow.
func (w *Watch) turn(ctx context.Context, at time.Time) error {
	r := w.round
	var list []Watched
	for _, tenant := range slices.Sorted(maps.Keys(r.dirt)) {
		list = append(list, *w.known[tenant])
	}
	if err := w.ledger.PutAuditWatched(ctx, list); err != nil {
		return err
	}
	clear(r.dirt)
	if r.whole {
		w.round, w.next = nil, at.Add(WatchEvery)
		return nil
	}
	total := int64(0)
	for _, k := range w.known {
		total += k.End.Seq
	}
	r.whole, r.budget = true, max(total/wholeDays+1, atLeast)
	since := at.Add(-wholeAfter(total, r.budget))
	for tenant, k := range w.known {
		if k.Fault == nil && (k.Walked.Seq > 0 || k.WholeAt.Before(since)) {
			r.left = append(r.left, tenant)
		}
	}
	slices.SortFunc(r.left, func(a, b string) int {
		return cmp.Or(w.known[a].WholeAt.Compare(w.known[b].WholeAt), cmp.Compare(a, b))
	})
	return nil
}

// wholeAfter is how old the look at all rows of a chain may be when they are
// walked again: with so many rows in all, of which a day's part is walked at a
// time, the walk then ends within the week. Half a day of it is for rounds that
// come late.
func wholeAfter(total, part int64) time.Duration {
	days := (total + part - 1) / part
	return time.Duration(wholeDays-days)*24*time.Hour - 12*time.Hour
}
