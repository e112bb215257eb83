package sandbox

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"sync"
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
	// answering.
	ActionLost Action = "lost"
	// ActionGone answers 404 as if the thing had never been.
	ActionGone Action = "gone"
)

// A Fault makes some requests of a practice fail. It is plain values, so that
// a file of faults can say it.
type Fault struct {
	On   Kind   `yaml:"on"`   // requests of this kind; empty means all
	Type string `yaml:"type"` // only files of this resource type; empty means all
	File string `yaml:"file"` // only this output file; empty means all

	After int `yaml:"after"` // so many matching requests pass first
	Times int `yaml:"times"` // then so many fail; 0 means all of them

	Do     Action `yaml:"do"`
	Status int    `yaml:"status"` // for ActionStatus
	AtByte int64  `yaml:"atByte"` // bytes of the body that pass before it happens
}

func (f Fault) matches(q asked) bool {
	return (f.On == "" || f.On == q.kind) &&
		(f.Type == "" || f.Type == q.resourceType) &&
		(f.File == "" || f.File == q.file)
}

// asked is what faults look at in a request.
type asked struct {
	kind         Kind
	resourceType string
	file         string
}

// faulty counts the requests that each fault has matched.
type faulty struct {
	mu     sync.Mutex
	faults []Fault
	hits   []int
}

// set puts faults in force. Counts go on when the faults are unchanged.
func (f *faulty) set(faults []Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(f.faults, faults) {
		f.faults, f.hits = slices.Clone(faults), make([]int, len(faults))
	}
}

// next returns the fault that happens to a request, or false. Each fault that
// matches counts the request, whether or not an earlier one happens to it.
func (f *faulty) next(q asked) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	chosen := -1
	for i, fault := range f.faults {
		if !fault.matches(q) {
			continue
		}
		f.hits[i]++
		over := fault.Times > 0 && f.hits[i] > fault.After+fault.Times
		if chosen < 0 && f.hits[i] > fault.After && !over {
			chosen = i
		}
	}
	if chosen < 0 {
		return Fault{}, false
	}
	return f.faults[chosen], true
}

// reset breaks the request's connection so that the peer sees a reset, not an
// orderly end. It does not return.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2, which can only reset its stream
		panic(http.ErrAbortHandler)
	}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		t.SetLinger(0) // closing then sends RST; without it the close is merely orderly
	}
	conn.Close()
	panic(http.ErrAbortHandler)
}

var (
	kinds = []Kind{
		"", KindMetadata, KindSMART, KindGroup, KindKickoff, KindPoll, KindDelete, KindFile, KindStorage, KindToken, KindOther,
	}
	actions = []Action{ActionStatus, ActionReset, ActionTruncate, ActionHang, ActionLost, ActionGone}
)

func checkFaults(faults []Fault) error {
	for i, f := range faults {
		switch {
		case !slices.Contains(kinds, f.On):
			return fmt.Errorf("fault %d: unknown kind of request %q", i+1, f.On)
		case !slices.Contains(actions, f.Do):
			return fmt.Errorf("fault %d: unknown action %q", i+1, f.Do)
		case f.Status != 0 && (f.Status < 400 || f.Status > 599):
			return fmt.Errorf("fault %d: status %d is not from 400 to 599", i+1, f.Status)
		case min(f.After, f.Times) < 0 || f.AtByte < 0:
			return fmt.Errorf("fault %d: a number is negative", i+1)
		}
	}
	return nil
}
