package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// A Severity says how much a finding matters.
type Severity string

// The severities, the gravest first.
const (
	Damage   Severity = "damage"   // something that should be there is not, or contradicts something else
	Leftover Severity = "leftover" // something is there that nobody needs, or that waits for nobody
	Notice   Severity = "notice"   // worth knowing; nothing is wrong
)

func (s Severity) order() int {
	switch s {
	case Damage:
		return 0
	case Leftover:
		return 1
	case Notice:
	}
	return 2
}

// A Check is the name of something that is looked at. Names never change
// their meaning.
type Check string

// The checks; the table Checks says what each means.
const (
	Database      Check = "ledger_database"
	Strangers     Check = "ledger_stranger"
	TwoExports    Check = "two_exports"
	Stuck         Check = "export_stuck"
	Unexecuted    Check = "step_unexecuted"
	DeadSteps     Check = "step_dead"
	Leases        Check = "lease_dead"
	Frozen        Check = "slot_frozen"
	Watermarks    Check = "watermark"
	Unpublished   Check = "publication_missing"
	Counts        Check = "counts"
	Storage       Check = "storage"
	RawMissing    Check = "raw_missing"
	RawDamaged    Check = "raw_damaged"
	StagedMissing Check = "staged_missing"
	StagedDamaged Check = "staged_damaged"
	Quarantine    Check = "quarantine"
	Attachments   Check = "attachment"
	LogMissing    Check = "log_missing"
	SinkUnread    Check = "sink_unreadable"
	SinkLacks     Check = "sink_lacks"
	SinkLost      Check = "sink_table_lost"
	SinkStranger  Check = "sink_stranger"
	SinkAhead     Check = "sink_ahead"
	SinkCounts    Check = "sink_counts"
	Keys          Check = "keys"
	Unencrypted   Check = "unencrypted"
	Temporary     Check = "temporary"
	Orphans       Check = "orphan"
	Disk          Check = "disk"
)

// A Meaning explains a check.
type Meaning struct {
	Check  Check
	Looks  string       // what is compared
	Deep   bool         // only in depth
	Code   problem.Code // of its findings, which gives the exit status
	Next   string       // what a person does
	Repair string       // what repair does; empty when it does nothing
}

const fullExport = "Run `bulkhead export TENANT --full`: it brings everything of the practice to all its sinks again."

// Checks explains every check, in the order in which they are made.
var Checks = []Meaning{
	{
		Database, "SQLite's own check of the ledger's pages and indexes, and every reference between rows", false, problem.LedgerDamaged,
		"Stop bulkhead, keep a copy of the state folder, and put a backup back with `bulkhead restore`. Nothing else is looked at.", "",
	},
	{
		Strangers, "every row of the ledger is of a practice that the ledger knows (I7)", false, problem.LedgerDamaged,
		"Put a backup back with `bulkhead restore`: somebody wrote to the ledger beside bulkhead.", "",
	},
	{
		TwoExports, "one export at a time for each practice's endpoint", false, problem.LedgerDamaged,
		"Cancel the later one with `bulkhead cancel`; report this, it is a bug.", "",
	},
	{
		Stuck, "every export that is under way has a step", false, problem.LedgerDamaged,
		"Run `bulkhead doctor --repair`.", "adds the step that the export's state names; it goes on at the next start",
	},
	{
		Unexecuted, "the executor knows every open step", false, problem.LedgerDamaged,
		"Run `bulkhead doctor --repair`.", "hands the step to the executor again",
	},
	{
		DeadSteps, "no export that has ended has a step, other than the one that tells the server so", false, problem.LedgerDamaged,
		"Run `bulkhead doctor --repair`.", "removes the steps",
	},
	{
		Leases, "every step that is taken is in the hands of a process that lives", false, problem.LedgerLocked,
		"Start bulkhead: it takes the steps up where they stood. Or run `bulkhead doctor --repair`.", "gives the steps back; they run at the next start",
	},
	{
		Frozen, "an export that is under way belongs to a practice that is configured", false, problem.ConfigInvalid,
		"Configure the practice again and the export goes on; or leave it: it holds nobody up.", "",
	},
	{Watermarks, "a watermark belongs to a complete export, and is not after its kick-off (I6)", false, problem.LedgerDamaged, fullExport, ""},
	{Unpublished, "a complete export has a receipt of each of its sinks", false, problem.LedgerDamaged, fullExport, ""},
	{
		Counts, "lines = delivered + quarantined + blank, for each file; a staged index row for each line delivered from it (I4)", false, problem.CountMismatch,
		"Report this: it is a bug in bulkhead, or somebody wrote to the ledger. " + fullExport, "",
	},
	{
		Storage, "the folder `files` of the state folder is there", false, problem.StorageUnwritable,
		"Mount the disk, or put the folder back from a backup of the state folder.", "",
	},
	{
		RawMissing, "every file that the ledger says is stored is in raw", false, problem.StorageDamaged,
		"An export that has not ended gets the file again: `bulkhead doctor --repair`. Otherwise what the file brought is in the tables, and only the copy as received is gone: " + fullExport,
		"has the file downloaded again when its export has not ended; one that failed does so with --resume",
	},
	{
		RawDamaged, "every raw file is read to its end: length and SHA-256 are those of the download (I3, I10)", true, problem.StorageDamaged,
		"As for `raw_missing`; and look at the disk.", "as for `raw_missing`",
	},
	{
		StagedMissing, "the staged Parquet files of every export that can still be published", false, problem.StorageDamaged,
		"Run `bulkhead doctor --repair`. For an export that is complete, only a replay of refused lines would miss them.",
		"has the file ingested again from raw; from the server if raw is gone too",
	},
	{
		StagedDamaged, "every staged file has a footer that can be read, and as many rows as the ledger says", true, problem.StorageDamaged,
		"As for `staged_missing`; and look at the disk.", "as for `staged_missing`",
	},
	{
		Quarantine, "the quarantine of every file with refused lines is there; in depth, as many entries as were refused", false, problem.StorageDamaged,
		"For an export that has not ended: `bulkhead doctor --repair`. Otherwise those lines cannot be shown or replayed; they are in raw too. " + fullExport,
		"has the file ingested again from raw when its export has not ended",
	},
	{
		Attachments, "every fetched document is in storage with its size; in depth, with its SHA-256", false, problem.StorageDamaged,
		"Put the file back from a backup of the state folder; the row of table `attachment` names it.", "",
	},
	{
		LogMissing, "the event log of every export that has settled", false, problem.StorageDamaged,
		"Run `bulkhead doctor --repair`.", "has the log written again, from the ledger",
	},
	{
		SinkUnread, "every configured sink can be read", false, problem.SinkFailed,
		"Close what holds it open and look again. If it is damaged, move it away: " + fullExport, "",
	},
	{SinkLacks, "the sink has every export of which the ledger has its receipt, from the last full one on", false, problem.SinkFailed, fullExport, ""},
	{
		SinkLost, "the sink's tables are there", false, problem.SinkFailed,
		"Move what is left of the sink away: " + fullExport, "",
	},
	{
		SinkStranger, "a sink has rows only of practices that the ledger knows (I7)", false, problem.SinkFailed,
		"Find out whether another bulkhead publishes to the same place, and give it one of its own. Rows of a practice that is no more are yours to delete.", "",
	},
	{
		SinkAhead, "the ledger knows every export that a sink has; a ledger from a backup does not", false, problem.SinkFailed,
		"Nothing: the next export asks for those changes again, and publishing them again changes nothing.", "",
	},
	{
		SinkCounts, "a sink has as many resources of each type as its receipts add up to, and rows of those only", true, problem.SinkFailed,
		"Somebody wrote to the tables. " + fullExport + " If that does not cure it, move the sink away before.", "",
	},
	{
		Keys, "the house key is there, and opens each practice's keys; where it does not, nothing that is encrypted is read", false, problem.PracticeKeyMissing,
		"Put the key back; nothing is lost.", "",
	},
	{
		Unencrypted, "with `encryption`, every file is encrypted; those from before are not", false, problem.EncryptionOff,
		"Run `bulkhead encryption seal TENANT`.", "",
	},
	{
		Temporary, "no file or folder that a crash left half-written, an hour old or more", false, problem.StorageDamaged,
		"Run `bulkhead doctor --repair`, or leave it to the next start.", "removes them",
	},
	{
		Orphans, "the ledger knows every export that has files in storage; a ledger from a backup may not", false, problem.StorageDamaged,
		"They are of an export that the ledger has forgotten. Keep them as long as you may need what they hold, then delete the folders; nothing refers to them.", "",
	},
	{
		Disk, "there is a gigabyte free where the state folder is", false, problem.StorageFull,
		"Free space, or move the state folder to a larger disk.", "",
	},
}

// Explain gives the meaning of a check.
func Explain(c Check) Meaning {
	for _, m := range Checks {
		if m.Check == c {
			return m
		}
	}
	return Meaning{Check: c, Code: problem.Internal}
}

// A Finding is something that is not as it should be.
type Finding struct {
	Check    Check        `json:"check"`
	Severity Severity     `json:"severity"`
	Code     problem.Code `json:"code"`
	Tenant   string       `json:"tenant,omitempty"`
	Export   string       `json:"export,omitempty"`
	Sink     string       `json:"sink,omitempty"`
	Subjects []string     `json:"subjects,omitempty"` // files, folders, steps
	Says     string       `json:"says"`               // nothing of a patient, no secret
	Next     string       `json:"next"`
	Repaired string       `json:"repaired,omitempty"` // what repair did

	repair func(ctx context.Context, m *mending) (string, error)
}

func newFinding(c Check, says string, args ...any) Finding {
	m := Explain(c)
	if len(args) > 0 {
		says = fmt.Sprintf(says, args...)
	}
	return Finding{Check: c, Severity: Damage, Code: m.Code, Says: says, Next: m.Next}
}

func (f Finding) of(tenant, export string) Finding {
	f.Tenant, f.Export = tenant, export
	if tenant != "" {
		f.Next = strings.ReplaceAll(f.Next, "TENANT", tenant)
	}
	return f
}

func (f Finding) as(s Severity) Finding {
	f.Severity = s
	return f
}

func (f Finding) about(subjects ...string) Finding {
	f.Subjects = subjects
	return f
}

func (f Finding) next(text string) Finding {
	f.Next = text
	return f
}

func (f Finding) curedBy(repair func(ctx context.Context, m *mending) (string, error)) Finding {
	f.repair = repair
	return f
}

// Repairable reports whether repair would do something about it.
func (f Finding) Repairable() bool { return f.repair != nil }

func (f Finding) place() [4]string { return [4]string{string(f.Check), f.Tenant, f.Export, f.Sink} }

// Problem gives the gravest of the findings that are left, as the reason why a
// command ends; nil when nothing is left but notices.
func (r Report) Problem() *problem.Problem {
	left := 0
	var first *Finding
	for i, f := range r.Findings {
		if f.Severity == Notice || f.Repaired != "" {
			continue
		}
		left++
		if first == nil {
			first = &r.Findings[i]
		}
	}
	if first == nil {
		return nil
	}
	says := "1 thing is not as it should be"
	if left > 1 {
		says = fmt.Sprintf("%d things are not as they should be", left)
	}
	return problem.New(first.Code, says, "See above what to do about each; docs/doctor.md explains the findings.")
}
