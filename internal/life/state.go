// Package life is the life of an export as a table: its states, the events
// that move it, and nothing else. The ledger moves an export by one
// compare-and-swap on its state, so a crash leaves it in the old state or in
// the new one, and recovery is to run the step that the state names again.
package life

import (
	"fmt"
	"slices"
)

// A State says where an export stands and who moves it next.
type State string

// The states.
const (
	Requested   State = "requested"   // an intent: admission moves it when slots are free
	KickingOff  State = "kicking_off" // the request is about to leave, or has left
	Waiting     State = "waiting"     // the server said later, or it is resumed: admission moves it when its time has come
	Unknown     State = "unknown"     // the request left, the answer never came: a person decides
	Polling     State = "polling"     // the server works: the poll step asks again when told
	Downloading State = "downloading" // output files are being stored in raw
	Ingesting   State = "ingesting"   // every file is in raw, rows are being staged
	Publishing  State = "publishing"  // every file is staged, sinks are taking it
	Completed   State = "completed"   // every sink has it, the watermark has moved
	Gone        State = "gone"        // the server forgot it: a new export is needed
	Failed      State = "failed"      // a problem says what to do; it can be resumed
	Denied      State = "denied"      // no agreement permits it
	Cancelled   State = "cancelled"   // a person stopped it
)

// States lists every state in the order of an export's life.
var States = []State{
	Requested, KickingOff, Waiting, Unknown, Polling, Downloading, Ingesting,
	Publishing, Completed, Gone, Failed, Denied, Cancelled,
}

// An Event is something that happened to an export.
type Event string

// The events.
const (
	Admit    Event = "admit"    // slots are free and the agreement allows it
	Retake   Event = "retake"   // slots are free for a replay: its lines are here already
	Deny     Event = "deny"     // the agreement forbids it
	Accepted Event = "accepted" // the server took the kick-off and gave a status URL
	Busy     Event = "busy"     // the server is busy with another export, or wants a pause
	Lost     Event = "lost"     // no answer came to a kick-off that was sent
	Listed   Event = "listed"   // the manifest is stored
	Vanished Event = "vanished" // the server no longer knows the export
	Stored   Event = "stored"   // the last output file is in raw
	Ingested Event = "ingested" // the last output file is staged
	Complete Event = "complete" // the last sink has published
	Refuse   Event = "refuse"   // a problem that waiting does not cure
	Cancel   Event = "cancel"   // a person stops it
	Queue    Event = "queue"    // a person resumes it: it waits for its slots
	Restart  Event = "restart"  // slots are free: it goes on from the kick-off
	Repoll   Event = "repoll"   // it goes on from polling
	Reload   Event = "reload"   // it goes on from downloading
	Reingest Event = "reingest" // it goes on from ingesting
	Publish  Event = "publish"  // it goes on from publishing
)

// next is the whole life of an export.
var next = map[State]map[Event]State{
	Requested:  {Admit: KickingOff, Retake: Downloading, Deny: Denied, Refuse: Failed, Cancel: Cancelled},
	KickingOff: {Accepted: Polling, Busy: Waiting, Lost: Unknown, Deny: Denied, Refuse: Failed, Cancel: Cancelled},
	Waiting: {
		Admit: KickingOff, Restart: KickingOff, Repoll: Polling, Reload: Downloading, Reingest: Ingesting, Publish: Publishing,
		Deny: Denied, Refuse: Failed, Cancel: Cancelled,
	},
	Unknown:     {Queue: Waiting, Cancel: Cancelled},
	Polling:     {Listed: Downloading, Vanished: Gone, Deny: Denied, Refuse: Failed, Cancel: Cancelled},
	Downloading: {Stored: Ingesting, Vanished: Gone, Deny: Denied, Refuse: Failed, Cancel: Cancelled},
	Ingesting:   {Ingested: Publishing, Deny: Denied, Refuse: Failed, Cancel: Cancelled},
	Publishing:  {Complete: Completed, Deny: Denied, Refuse: Failed},
	Failed:      {Queue: Waiting, Reload: Downloading, Reingest: Ingesting, Cancel: Cancelled}, // Reload, Reingest: what was lost is made again
	Completed:   {}, Gone: {}, Denied: {}, Cancelled: {},
}

// Next gives the state to which e moves an export in s, or an error when e
// cannot happen there: a fault of ours, never of a server.
func Next(s State, e Event) (State, error) {
	to, ok := next[s][e]
	if !ok {
		return s, fmt.Errorf("export in state %s: event %s cannot happen", s, e)
	}
	return to, nil
}

// Events lists what can happen in s, in alphabetical order.
func Events(s State) []Event {
	var events []Event
	for e := range next[s] {
		events = append(events, e)
	}
	slices.Sort(events)
	return events
}

// Over reports whether an export in s has ended; it may still be resumable.
func (s State) Over() bool {
	switch s {
	case Completed, Gone, Failed, Denied, Cancelled:
		return true
	case Requested, KickingOff, Waiting, Unknown, Polling, Downloading, Ingesting, Publishing:
	}
	return false
}

// Settled reports whether nothing more happens to an export in s by itself: it
// has ended, or a person must decide.
func (s State) Settled() bool { return s.Over() || s == Unknown }

// Busy reports whether an export in s takes a slot of its registration and of
// the machine: whether we or the server are working on it now.
func (s State) Busy() bool {
	switch s {
	case KickingOff, Polling, Downloading, Ingesting, Publishing:
		return true
	case Requested, Waiting, Unknown, Completed, Gone, Failed, Denied, Cancelled:
	}
	return false
}

// Resume gives the event by which an export that is resumed goes on from where
// it failed, when it has its slots.
func Resume(failedIn State) Event {
	switch failedIn {
	case Polling:
		return Repoll
	case Downloading:
		return Reload
	case Ingesting:
		return Reingest
	case Publishing:
		return Publish
	default:
		return Restart
	}
}
