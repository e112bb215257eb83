package sandbox

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// An Action is what a fault does to a request.
type Action string

// The actions of faults.
const (
	// ActionStatus answers Fault.Status (500 when that is 0). For a file with
	// AtByte set it is the same as ActionReset: a status cannot follow a body.
	ActionStatus Action = "status"
	// ActionReset breaks the connection: at once, or after AtByte bytes.
	ActionReset Action = "reset"
	// ActionTruncate ends the body after AtByte bytes as if it were whole.
	ActionTruncate Action = "truncate"
	// ActionHang takes the request and answers nothing until the client or the
	// server gives up; with AtByte, after that many bytes of the body.
	ActionHang Action = "hang"
	// ActionLost does what was asked and breaks the connection instead of
	// answering; with Status it answers that in its place, with a web page.
	ActionLost Action = "lost"
	// ActionGone answers 404 as if the thing had never been.
	ActionGone Action = "gone"
	// ActionStall sends the body, after AtByte bytes, one byte at a time with
	// Pace between two of them.
	ActionStall Action = "stall"
	// ActionSlow sends Rate bytes of the body in a second.
	ActionSlow Action = "slow"
	// ActionWrongLength claims AtByte bytes in Content-Length and ends there
	// as if that were the whole; when AtByte is 0, or there are fewer, it claims
	// more than comes.
	ActionWrongLength Action = "wrongLength"
	// ActionGarbage answers with bytes that are nothing: 200, or Status.
	ActionGarbage Action = "garbage"
	// ActionHTML answers with a web page: 502, or Status.
	ActionHTML Action = "html"
)

// A Fault makes some requests of a practice fail. It is plain values, so that
// a file of faults can say it. Of the matching requests it happens to those
// that all of After, Times, Every, P, From and For leave.
type Fault struct {
	On     Kind   `yaml:"on"`     // requests of this kind; empty means all but those for tokens
	Type   string `yaml:"type"`   // only files of this resource type; empty means all
	File   string `yaml:"file"`   // only this output file; empty means all
	FileNo int    `yaml:"fileNo"` // only the file of this place in the manifest, from 1; 0 means all

	After int     `yaml:"after"` // so many matching requests pass first
	Times int     `yaml:"times"` // then so many fail; 0 means all of them
	Every int     `yaml:"every"` // of those, every so many: the first, and so on; 0 means each
	P     float64 `yaml:"p"`     // of those, with this probability; 0 means each
	Seed  uint64  `yaml:"seed"`  // decides, with P, which: the same seed, the same requests

	// From and For place the fault in the sandbox's time, from the first
	// matching request on or, with Clock: start, from the server's start: it
	// begins after From and is over after For; a For of 0 never ends.
	From  time.Duration `yaml:"from"`
	For   time.Duration `yaml:"for"`
	Clock FaultClock    `yaml:"clock"`

	Do     Action `yaml:"do"`
	Status int    `yaml:"status"` // for ActionStatus, ActionLost, ActionGarbage and ActionHTML
	Stage  Stage  `yaml:"stage"`  // for ActionReset, ActionHang, ActionTruncate and ActionStall
	AtByte int64  `yaml:"atByte"` // bytes of the body that pass before it happens
	// RetryAfter goes with ActionStatus: a duration is told in seconds, of the
	// sandbox's time, "date 90s" as the HTTP date that is so far away, and
	// anything else as it is. Empty is no header.
	RetryAfter string        `yaml:"retryAfter"`
	Rate       int64         `yaml:"rate"` // for ActionSlow; 0 means 1024
	Pace       time.Duration `yaml:"pace"` // for ActionStall, in the sandbox's time; 0 means a second
}

// A Stage is the part of an answer in which a fault happens.
type Stage string

// The stages.
const (
	// StageBody is where AtByte says; at byte 0 there is no answer at all.
	StageBody Stage = ""
	// StageHeader is in the midst of the header: ActionTruncate closes the
	// connection in good order, ActionStall goes on with one byte at a time.
	StageHeader Stage = "header"
	// StageEnd is after the whole body, in the place of the mark of its end
	// where it has one: ActionTruncate closes the connection in good order.
	StageEnd Stage = "end"
)

// FaultClock is what a fault's time counts from.
type FaultClock string

// The beginnings of a fault's time.
const (
	FromFirst FaultClock = "" // the first matching request
	FromStart FaultClock = "start"
)

func (f Fault) matches(q asked) bool {
	return (f.On == q.kind || f.On == "" && !q.named) &&
		(f.Type == "" || f.Type == q.resourceType) &&
		(f.File == "" || f.File == q.file) &&
		(f.FileNo == 0 || f.FileNo == q.number)
}

// happens reports whether the fault happens to the n-th matching request, from
// 1, so long after its clock began.
func (f Fault) happens(n int, gone time.Duration) bool {
	n -= f.After
	switch {
	case n <= 0, f.Times > 0 && n > f.Times:
		return false
	case f.Every > 0 && (n-1)%f.Every != 0:
		return false
	case gone < f.From, f.For > 0 && gone >= f.From+f.For:
		return false
	}
	return f.P == 0 || chance(f.Seed, uint64(n)) < f.P
}

// chance is a number from 0 to 1 that follows from a seed and a place: one
// step of SplitMix64.
func chance(seed, n uint64) float64 {
	x := seed*0xd1342543de82ef95 + n*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) / (1 << 53)
}

// asked is what faults look at in a request.
type asked struct {
	kind         Kind
	named        bool // only a fault that names the kind is meant
	resourceType string
	file         string
	number       int // of the file, in the manifest
}

// numberOf returns the place of an export's file in the manifest, or 0.
func (p *PracticeServer) numberOf(id, name string) int {
	p.mu.Lock()
	e := p.exports[id]
	p.mu.Unlock()
	if e == nil {
		return 0
	}
	if f := e.file(name); f != nil {
		return f.number
	}
	return 0
}

// faulty counts the requests that each fault has matched.
type faulty struct {
	clock *clock // nil runs as ours does

	mu     sync.Mutex
	faults []Fault
	seen   []matched
}

// matched is what one fault has matched.
type matched struct {
	n     int
	first time.Time // the first of them
}

// set puts faults in force. Counts go on when the faults are unchanged.
func (f *faulty) set(faults []Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(f.faults, faults) {
		f.faults, f.seen = slices.Clone(faults), make([]matched, len(faults))
	}
}

// next returns the fault that happens to a request, or false. Each fault that
// matches counts the request, whether or not an earlier one happens to it. The
// fault's Pace and Rate are in our time.
func (f *faulty) next(q asked) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	chosen := -1
	now := time.Now()
	for i, fault := range f.faults {
		if !fault.matches(q) {
			continue
		}
		seen := &f.seen[i]
		if seen.n++; seen.n == 1 {
			seen.first = now
		}
		if chosen < 0 && fault.happens(seen.n, f.gone(fault, seen.first, now)) {
			chosen = i
		}
	}
	if chosen < 0 {
		return Fault{}, false
	}
	fault := f.faults[chosen]
	fault.Pace, fault.Rate = cmp.Or(fault.Pace, time.Second), cmp.Or(fault.Rate, 1024)
	if f.clock != nil {
		fault.Pace = f.clock.real(fault.Pace)
		fault.Rate = max(int64(float64(fault.Rate)*f.clock.scale), 1)
	}
	return fault, true
}

// gone is how long fault's clock has run.
func (f *faulty) gone(fault Fault, first, now time.Time) time.Duration {
	if f.clock == nil {
		return now.Sub(first)
	}
	if fault.Clock == FromStart {
		first = f.clock.started
	}
	return time.Duration(float64(now.Sub(first)) * f.clock.scale).Round(time.Millisecond)
}

var (
	kinds = []Kind{
		"", KindMetadata, KindSMART, KindGroup, KindKickoff, KindPoll, KindDelete, KindFile, KindStorage, KindAttachment, KindToken, KindOther,
	}
	staged  = []Action{ActionReset, ActionHang, ActionTruncate, ActionStall}
	actions = []Action{
		ActionStatus, ActionReset, ActionTruncate, ActionHang, ActionLost, ActionGone,
		ActionStall, ActionSlow, ActionWrongLength, ActionGarbage, ActionHTML,
	}
)

func checkFaults(faults []Fault) error {
	for i, f := range faults {
		switch {
		case !slices.Contains(kinds, f.On):
			return fmt.Errorf("fault %d: unknown kind of request %q", i+1, f.On)
		case !slices.Contains(actions, f.Do):
			return fmt.Errorf("fault %d: unknown action %q", i+1, f.Do)
		case f.Clock != FromFirst && f.Clock != FromStart:
			return fmt.Errorf("fault %d: unknown clock %q", i+1, f.Clock)
		case !slices.Contains([]Stage{StageBody, StageHeader, StageEnd}, f.Stage):
			return fmt.Errorf("fault %d: unknown stage %q", i+1, f.Stage)
		case f.Stage != StageBody && !slices.Contains(staged, f.Do):
			return fmt.Errorf("fault %d: %s has no stage", i+1, f.Do)
		case f.Status != 0 && (f.Status < 200 || f.Status > 599):
			return fmt.Errorf("fault %d: status %d is not from 200 to 599", i+1, f.Status)
		case f.Do == ActionStatus && f.Status != 0 && f.Status < 400:
			return fmt.Errorf("fault %d: status %d is no error", i+1, f.Status)
		case min(f.After, f.Times, f.Every, f.FileNo) < 0 || min(f.AtByte, f.Rate) < 0:
			return fmt.Errorf("fault %d: a number is negative", i+1)
		case min(f.From, f.For, f.Pace) < 0:
			return fmt.Errorf("fault %d: a duration is negative", i+1)
		case f.P < 0 || f.P > 1:
			return fmt.Errorf("fault %d: p %v is no probability", i+1, f.P)
		}
	}
	return nil
}
