// Package export holds the steps of an export's life: kick off, poll, download
// one file, ingest one file, publish to one sink, release. A step is short and
// may be run again at any time with the same effect. It returns what it found
// out; engine records that in one place. Steps never sleep, loop or log.
//
// An export that dies with the process is taken up by running the step its
// state names again. Only the kick-off cannot be repeated safely: its intent
// is durable before the request leaves (I2), and an intent without an answer
// is shown to a person.
//
// https://hl7.org/fhir/uv/bulkdata/STU2/export.html
package export

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// The kinds of steps.
const (
	Kickoff  = "kickoff"
	Poll     = "poll"
	Download = "download"
	Ingest   = "ingest"
	Publish  = "publish"
	Release  = "release"

	ReadMembers = "members"
)

// Kinds lists them in the order of an export's life.
var Kinds = []string{Kickoff, Poll, Download, Gather, Ingest, Attach, ReadMembers, Publish, Release}

// Work is one step to run: its lease and the export as it stands.
type Work struct {
	Lease  store.Lease
	Export store.Export
}

// An Outcome is what a step found out. A step that returns an error instead
// found either a *Later, a *problem.Problem, or weather: an error that waiting
// may cure. Only Stored comes with an error.
type Outcome interface{ isOutcome() }

// Accepted: the server took the kick-off.
type Accepted struct {
	StatusURL string
	Separate  bool      // the export's status is reported apart from the HTTP status
	PollAt    time.Time // when to ask first
	Began     time.Time // when the server had the kick-off, by its own clock; zero unless ours is ahead of it
	Notes     []Note

	WithoutTypes bool // the server took the kick-off only without _type
}

// Busy: the server wants the next kick-off later.
type Busy struct {
	Until  time.Time
	Reason string
}

// Lost: a kick-off was sent, or may have been, and no answer came.
type Lost struct{ Problem *problem.Problem }

// InProgress: the server is still working.
type InProgress struct {
	Progress string // a percentage, or that it works; empty when the server said nothing
	PollAt   time.Time
}

// Listed: a page of the manifest is stored and names these files.
type Listed struct {
	store.Listing
	Files        []store.File
	NotPermitted []string // types in the manifest that the agreement does not permit: not downloaded
	Notes        []Note
}

// A Note is an entry for the export's timeline: a kind and facts about it,
// nothing of a patient and no secret.
type Note struct{ Kind, Detail string }

// Stored: the bytes of these files of the step's unit are verified and durable
// in raw (I3). It comes with an error when the step could not go on: the error
// is of the file At, and says nothing of those that the step did not come to.
// Without one the others may be had as well, by a step of their own.
type Stored struct {
	Files []store.File
	At    string
	Notes []Note
}

// Staged: the rows of all files of the step's unit are staged, their refused
// lines in quarantine.
type Staged struct {
	Files  []StagedFile // in manifest order
	Tables []ingest.TableParts
}

// A StagedFile is one of them.
type StagedFile struct {
	Summary ingest.Summary
	Short   int64 // resources that the manifest promised and that did not come; 1 where the file does not look whole
	Notes   []Note

	Remaining map[string]int64 // of a replay: what the origin's file keeps in quarantine, by reason; nil otherwise
}

// Published: the sink has the export.
type Published struct {
	Receipt json.RawMessage
	Kept    []string // types of a full export of which nothing was removed by absence; see Replaceable
}

// Members: who is in the export's group.
type Members struct {
	Patients  []string // ids
	Strangers []string // those of them who were not known as members
}

// Vanished: the server no longer knows the export.
type Vanished struct{ Problem *problem.Problem }

// Released: the server was told that it may forget the export.
type Released struct{}

func (Accepted) isOutcome()   {}
func (Busy) isOutcome()       {}
func (Lost) isOutcome()       {}
func (InProgress) isOutcome() {}
func (Listed) isOutcome()     {}
func (Stored) isOutcome()     {}
func (Staged) isOutcome()     {}
func (Published) isOutcome()  {}
func (Members) isOutcome()    {}
func (Vanished) isOutcome()   {}
func (Released) isOutcome()   {}

// Later says that a step must wait for a known time: no failure, no attempt
// is spent.
type Later struct {
	Until  time.Time
	Reason string
	Held   string // store.HeldByServer where the server wants no request at all until then, HeldByCircuit; or empty
	Origin string // of the server that cannot be reached, where HeldByCircuit; else empty
}

// Error says what is waited for.
func (l *Later) Error() string {
	return fmt.Sprintf("%s: not before %s", l.Reason, l.Until.UTC().Format(time.RFC3339))
}

// Unwrap marks it for the Bulk Data client: the request was never sent.
func (l *Later) Unwrap() error { return bulkdata.ErrNotSent }
