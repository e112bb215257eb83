package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// An Intent is an export that somebody, or a schedule, wants.
type Intent struct {
	Stream       string // endpoint, level or group, and type set
	Registration string
	Endpoint     string // FHIR base URL
	Level        string // system, patient or group
	Group        string // the group's id, at level group
	Types        []string
	Mode         string // full or incremental
	Since        string // _since as it will be sent; empty without one
	Sinks        []string
	RequestedBy  string
	Purpose      Purpose
	Origin       string // of a replay: the export whose refused lines it takes again
	Parameters   Parameters
}

// A Purpose is what an export is for.
type Purpose string

// The purposes.
const (
	Delivery  Purpose = "delivery"  // its sinks take what it brings, the watermark moves
	Roster    Purpose = "roster"    // only who is in the group
	Newcomers Purpose = "newcomers" // everything of the patients who joined the group
	Replay    Purpose = "replay"    // the refused lines of an export that completed, once more
)

// Parameters are what a kick-off asks for beyond `_type` and `_since`. They
// are kept with the export, so that a changed configuration changes only the
// next one.
type Parameters struct {
	Until          string   `json:"until,omitempty"`
	Elements       []string `json:"elements,omitempty"`
	TypeFilters    []string `json:"type_filters,omitempty"`
	Patients       []string `json:"patients,omitempty"` // ids
	AssociatedData []string `json:"associated_data,omitempty"`
	OrganizeBy     string   `json:"organize_by,omitempty"`
	Following      []string `json:"following,omitempty"`     // types of the exports that a roster begins
	WithoutTypes   bool     `json:"without_types,omitempty"` // the server refused _type
	AllowPartial   bool     `json:"allow_partial,omitempty"`
	SeparateStatus bool     `json:"separate_status,omitempty"`
	Reason         string   `json:"reason,omitempty"` // of a replay: only lines refused for it
}

// Plain reports whether nothing narrows what the export brings of its types.
func (i Intent) Plain() bool {
	p := i.Parameters
	return p.Until == "" && len(p.Elements)+len(p.TypeFilters)+len(p.Patients) == 0
}

// An Export is one row of the ledger.
type Export struct {
	Intent
	ID              string
	Tenant          string
	RequestedAt     time.Time
	State           life.State
	StateAt         time.Time
	FailedIn        life.State
	WaitingUntil    time.Time
	WaitingFor      string
	KickoffSentAt   time.Time // zero: no request has left, or the server refused it
	Kickoffs        int64
	StatusURL       string
	AcceptedAt      time.Time
	NextPollAt      time.Time
	Polls           int64
	Progress        string
	TransactionTime string
	NextSince       string
	RequiresToken   string // the manifest's word: "true", "false" or ""
	SeparateStatus  bool   // the server reports the export's status apart from the HTTP status
	OrganizedBy     string // the manifest's outputOrganizedBy
	ExpiresAt       time.Time
	Page            int64  // the manifest's page that is asked for next
	PageURL         string // its URL, empty for page 0
	ServerErrors    int64
	ParkedAt        time.Time // since when it is under way without a slot of this machine; zero: it has one, or needs none
	RetryCount      int64
	LastError       string
	ProblemCode     string
	ProblemSummary  string
	ProblemRemedy   string
	EndedAt         time.Time
	ReleasedAt      time.Time
}

// A File is one output file of an export.
type File struct {
	Name         string // "<page>-<section>-<index>-<Type>"
	Position     int64  // in the manifest
	Section      string // output, deleted or error
	ResourceType string
	URL          string
	Page         int64  // of the manifest, from 0
	Access       string // the page's rule for the access token
	Expected     int64  // the manifest's count, -1 when it gives none
	Checksum     string // the manifest's SHA-256 in hex, empty when it gives none
	State        string
	Unit         string // the first of the files that a step has, or had, in hand together; once ingested, whose name their staged parts have
	Bytes        int64
	WireBytes    int64
	SHA256       string
	Lines        int64
	Blank        int64
	Delivered    int64
	Quarantined  int64
	Summary      json.RawMessage // of ingest; nil before it
	Remaining    json.RawMessage // of a replay's file, once it is ingested: what the origin's file keeps in quarantine, by reason
	Replayed     int64           // lines that replays delivered, of those delivered
	QuarantineOf string          // the replay that keeps the file's quarantine now; empty: the file's own export
	StartedAt    time.Time
	StoredAt     time.Time
	IngestedAt   time.Time
}

// FileTotals are an export's output files in numbers.
type FileTotals struct {
	Files       int64
	InRaw       int64 // verified and durable
	Failed      int64
	Bytes       int64 // of NDJSON, in raw
	Lines       int64
	Delivered   int64 // resources of the manifest's output
	Quarantined int64
}

// States of an output file.
const (
	FileListed      = "listed"
	FileDownloading = "downloading"
	FileStored      = "stored"
	FileIngesting   = "ingesting"
	FileIngested    = "ingested"
	FileFailed      = "failed"
)

// A Part is one staged Parquet file.
type Part struct {
	Table string
	Key   string
	Rows  int64
}

// A Publication says that a sink has an export.
type Publication struct {
	Sink        string
	Receipt     json.RawMessage
	PublishedAt time.Time
}

// A Watermark is where the next incremental export of a stream begins.
type Watermark struct {
	Since   string // _since
	Export  string // the export that moved it
	MovedAt time.Time
	FullAt  time.Time // when the last full export completed
}

// A StepRef names a step to the executor.
type StepRef struct {
	ID     int64
	Tenant string
	Export string
	Kind   string
	Due    time.Time
}

// A Lease is a step in the hands of one runner. Writes that follow from the
// step check the epoch, so that a runner that was taken for dead writes nothing.
type Lease struct {
	StepRef
	Subject string // the file or the sink
	Epoch   int64
	Attempt int64  // failures in a row that waiting may cure
	Held    string // what it was put off for, HeldByPause and so on; empty for its own failure, or for nothing
}

// An Entry is one line of an export's timeline.
type Entry struct {
	At     time.Time
	Actor  string
	Kind   string
	Detail string
}

func exportOf(r gen.Export) (Export, error) {
	x := Export{
		Intent: Intent{
			Stream: r.Stream, Registration: r.Registration, Endpoint: r.Endpoint, Level: r.Level, Group: r.GroupID,
			Mode: r.Mode, Since: r.Since, RequestedBy: r.RequestedBy, Purpose: Purpose(r.Purpose), Origin: r.Origin,
		},
		ID: r.ExportID, Tenant: r.TenantID, RequestedAt: at(r.RequestedAt),
		State: life.State(r.State), StateAt: at(r.StateAt), FailedIn: life.State(r.FailedIn),
		WaitingUntil: at(r.WaitingUntil), WaitingFor: r.WaitingFor,
		KickoffSentAt: at(r.KickoffSentAt), Kickoffs: r.Kickoffs, StatusURL: r.StatusUrl, AcceptedAt: at(r.AcceptedAt),
		NextPollAt: at(r.NextPollAt), Polls: r.Polls, Progress: r.Progress,
		TransactionTime: r.TransactionTime, NextSince: r.NextSince, RequiresToken: r.RequiresToken,
		SeparateStatus: r.SeparateStatus != 0, OrganizedBy: r.OrganizedBy, ExpiresAt: at(r.ExpiresAt), Page: r.Page, PageURL: r.PageUrl,
		ServerErrors: r.ServerErrors, ParkedAt: at(r.ParkedAt), RetryCount: r.RetryCount, LastError: r.LastError,
		ProblemCode: r.ProblemCode, ProblemSummary: r.ProblemSummary, ProblemRemedy: r.ProblemRemedy,
		EndedAt: at(r.EndedAt), ReleasedAt: at(r.ReleasedAt),
	}
	if err := json.Unmarshal([]byte(r.Types), &x.Types); err != nil {
		return x, fmt.Errorf("read the types of export %s: %w", r.ExportID, err)
	}
	if err := json.Unmarshal([]byte(r.Sinks), &x.Sinks); err != nil {
		return x, fmt.Errorf("read the sinks of export %s: %w", r.ExportID, err)
	}
	if err := json.Unmarshal([]byte(r.Parameters), &x.Parameters); err != nil {
		return x, fmt.Errorf("read the parameters of export %s: %w", r.ExportID, err)
	}
	return x, nil
}

func exportsOf(rows []gen.Export) ([]Export, error) {
	exports := make([]Export, len(rows))
	for i, r := range rows {
		var err error
		if exports[i], err = exportOf(r); err != nil {
			return nil, err
		}
	}
	return exports, nil
}

func fileOf(r gen.OutputFile) File {
	f := File{
		Name: r.File, Position: r.Position, Section: r.Section, ResourceType: r.ResourceType, URL: r.Url, Page: r.Page, Access: r.Access, Checksum: r.Checksum,
		Expected: r.ExpectedCount, State: r.State, Unit: r.Unit, Bytes: r.Bytes, WireBytes: r.WireBytes, SHA256: r.Sha256,
		Lines: r.Lines, Blank: r.Blank, Delivered: r.Delivered, Quarantined: r.Quarantined,
		StartedAt: at(r.StartedAt), StoredAt: at(r.StoredAt), IngestedAt: at(r.IngestedAt),
		Replayed: r.Replayed, QuarantineOf: r.QuarantineOf,
	}
	if r.Summary != "" {
		f.Summary = json.RawMessage(r.Summary)
	}
	if r.Remaining != "" {
		f.Remaining = json.RawMessage(r.Remaining)
	}
	return f
}

func filesOf(rows []gen.OutputFile) []File {
	files := make([]File, len(rows))
	for i, r := range rows {
		files[i] = fileOf(r)
	}
	return files
}
