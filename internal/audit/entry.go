package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// An Entry is one row of a chain.
type Entry struct {
	Tenant  string    `json:"tenant"` // whose chain it is in; House for the house's
	Seq     int64     `json:"seq"`    // its place in the chain, from 1 without a gap
	At      time.Time `json:"-"`      // UTC, whole milliseconds
	Time    string    `json:"time"`   // At, as it is hashed
	Actor   string    `json:"actor"`
	Source  string    `json:"source"`
	Request string    `json:"request"`
	Export  string    `json:"export"`
	Action  Action    `json:"action"`
	Object  string    `json:"object"`
	Outcome string    `json:"outcome"`
	Reason  string    `json:"reason"`
	Rule    string    `json:"rule"`
	Facts   string    `json:"facts"` // JSON as a text, so that its hash can be made again byte by byte
	Prev    string    `json:"prev_hash"`
	Hash    string    `json:"hash"`
}

// A Head is the last row of a chain: all that must be known to see that
// nothing before it was changed and nothing after it was there.
type Head struct {
	Tenant string `json:"tenant"`
	Seq    int64  `json:"seq"`
	Hash   string `json:"hash"`
}

// TimeLayout is the form of Entry.Time: UTC with three digits of a second.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// Instant gives a time as entries have it.
func Instant(t time.Time) string { return t.UTC().Format(TimeLayout) }

// Next makes the entry that follows head in its chain. What ev leaves open is
// taken from ctx. An action that is not in the list is a fault of ours.
func Next(ctx context.Context, head Head, ev Event, at time.Time) (Entry, error) {
	if ev.Action.Means() == "" {
		return Entry{}, fmt.Errorf("record an event: there is no action %q", ev.Action)
	}
	facts, err := factsText(ev.Facts)
	if err != nil {
		return Entry{}, err
	}
	who := By(ctx)
	if ev.Actor != "" && ev.Actor != who.Actor {
		who = Identity{Actor: ev.Actor}
	}
	if ev.Outcome == "" {
		ev.Outcome = Done
	}
	at = at.UTC().Truncate(time.Millisecond)
	e := Entry{
		Tenant: head.Tenant, Seq: head.Seq + 1, At: at, Time: Instant(at),
		Actor: Line(who.Actor), Source: Line(who.Source), Request: Line(who.Request),
		Export: ev.Export, Action: ev.Action, Object: Line(ev.Object), Outcome: ev.Outcome, Reason: Line(ev.Reason), Rule: ev.Rule,
		Facts: facts, Prev: head.Hash,
	}
	e.Hash = e.digest()
	return e, nil
}

// Head gives the head of the chain that ends with e.
func (e Entry) Head() Head { return Head{Tenant: e.Tenant, Seq: e.Seq, Hash: e.Hash} }

// encoding names the canonical form, and stands at its beginning.
const encoding = "bulkhead-audit-1\n"

// Canonical gives the bytes that are hashed: a line that names the form, then
// for each field, in a fixed order, its name, "=", the number of bytes of its
// value, ":", the value and a line feed. docs/audit.md is its specification.
func (e Entry) Canonical() []byte {
	b := make([]byte, 0, 512)
	b = append(b, encoding...)
	for _, f := range [...]struct{ name, value string }{
		{"tenant", e.Tenant},
		{"seq", strconv.FormatInt(e.Seq, 10)},
		{"time", e.Time},
		{"actor", e.Actor},
		{"source", e.Source},
		{"request", e.Request},
		{"export", e.Export},
		{"action", string(e.Action)},
		{"object", e.Object},
		{"outcome", e.Outcome},
		{"reason", e.Reason},
		{"rule", e.Rule},
		{"facts", e.Facts},
		{"prev_hash", e.Prev},
	} {
		b = append(b, f.name...)
		b = append(b, '=')
		b = strconv.AppendInt(b, int64(len(f.value)), 10)
		b = append(b, ':')
		b = append(b, f.value...)
		b = append(b, '\n')
	}
	return b
}

func (e Entry) digest() string {
	sum := sha256.Sum256(e.Canonical())
	return hex.EncodeToString(sum[:])
}
