package sandbox

import (
	"errors"
	"fmt"
	"slices"
)

// ManifestKnobs is what a finished export's manifest looks like.
type ManifestKnobs struct {
	FilesPer     int `yaml:"filesPer" does:"resources per output file, about; 0 is one file, and prepared files as they are"`
	FilesPerType int `yaml:"filesPerType" quirk:"M7" does:"so many files of every type, empty ones among them"`

	Count         Count    `yaml:"count" quirk:"M2" values:"none|right|wrong|string" does:"what output items carry as count; wrong is three too many"`
	Omit          Names    `yaml:"omit" quirk:"M1" values:"list of members" does:"members that the manifest lacks"`
	RAT           RAT      `yaml:"rat" quirk:"M3" values:"true|false|\"true\"|missing|wrong" does:"requiresAccessToken; wrong is a number, and a quoted true stands for what is honest, as a string"`
	TxTime        TxTime   `yaml:"txTime" quirk:"M4 M5" values:"start|end|missing|noZone|garbage" does:"transactionTime; the files always show the start"`
	Empty         bool     `yaml:"empty" quirk:"M6" does:"nothing is exported, whatever there is"`
	EmptyManifest bool     `yaml:"emptyManifest" quirk:"M6" does:"a finished export answers 200 with no body"`
	OmitError     bool     `yaml:"omitError" quirk:"M1" does:"the same as omit: error"`
	AmpEscape     bool     `yaml:"ampEscape" quirk:"M8" does:"file URLs carry &amp; for &"`
	Extras        Names    `yaml:"extras" quirk:"M9" values:"list of members, jobId, checksum, modifier" does:"members that no standard names: unknown members and extensions, BCDA's JobID, AB2D's checksum and length, a modifierExtension in the first item"`
	Outcomes      Outcomes `yaml:"error" quirk:"M10" values:"none|info|warning|error|mixed" does:"a file of OperationOutcomes of that severity, named by error, or by outcome in stu4"`

	Deletions bool `yaml:"deletions" quirk:"M11" does:"with _since the manifest has a deleted section"`
	Deleted   int  `yaml:"deleted" quirk:"M11" does:"so many resources of the practice are named as deleted and not exported"`

	Relisted Relisting `yaml:"relisted" quirk:"M12" values:"same|turned|opaque|opaqueTurned|opaqueFewer" does:"what is another in a manifest that is asked for again: the order of the files of a type, their URLs, of which nothing stays, or their number"`

	Pages        int  `yaml:"pages" quirk:"P12" does:"the manifest comes in so many pages"`
	PageWaits    int  `yaml:"pageWaits" quirk:"P12" does:"a page after the first answers so many requests with 202 before it answers 200"`
	PageLoop     bool `yaml:"pageLoop" quirk:"P12" does:"the last page names itself as the next"`
	ForeignPages bool `yaml:"foreignPages" quirk:"P12" does:"pages after the first are on the storage, which wants no token"`
	Partial      bool `yaml:"partial" quirk:"P12" does:"a running export shows what it has, also where nobody asked for that"`

	Organized    bool   `yaml:"organized" does:"files are organized by Patient, whatever was asked for"`
	URLs         URLs   `yaml:"urls" values:"absolute|relative|otherHost" does:"how output items name their files; otherHost is the storage, which for once wants the token"`
	ManifestType string `yaml:"manifestType" values:"text" does:"the member of that name"`
	OutputFormat string `yaml:"outputFormat" values:"media type" does:"the member of that name"`
}

// Count is what the output items of a manifest carry as count.
type Count string

// The counts. YAML's true is CountRight, and false CountNone.
const (
	CountNone   Count = ""
	CountRight  Count = "right"
	CountWrong  Count = "wrong"  // three more than there are
	CountString Count = "string" // right, as a string
)

// RAT is what a manifest carries as requiresAccessToken.
type RAT string

// The values of requiresAccessToken. In YAML the booleans true and false are
// themselves, and the string "true" is RATText.
const (
	RATHonest  RAT = ""
	RATTrue    RAT = "yes"
	RATFalse   RAT = "no"
	RATText    RAT = "text" // what is honest, as a string
	RATMissing RAT = "missing"
	RATWrong   RAT = "wrong" // a number
)

// TxTime is what a manifest carries as transactionTime.
type TxTime string

// The values of transactionTime.
const (
	TxStart   TxTime = "" // when the export was accepted, which is what the files show
	TxEnd     TxTime = "end"
	TxMissing TxTime = "missing"
	TxNoZone  TxTime = "noZone"
	TxGarbage TxTime = "garbage"
)

// The extras of a manifest.
const (
	ExtraMembers  = "members"  // unknown members and extensions, at the root and in items
	ExtraJobID    = "jobId"    // JobID, as BCDA has it
	ExtraChecksum = "checksum" // AB2D's extensions: a file's SHA-256 and length
	ExtraModifier = "modifier" // a modifierExtension in the first output item
)

// Outcomes is what the manifest's file of OperationOutcomes holds.
type Outcomes string

// The files of OperationOutcomes.
const (
	OutcomesNone    Outcomes = ""
	OutcomesInfo    Outcomes = "info"
	OutcomesWarning Outcomes = "warning"
	OutcomesError   Outcomes = "error"
	OutcomesMixed   Outcomes = "mixed" // every severity, several issues in a line
)

// Relisting is what is another in a finished export's manifest each time it is
// asked for again.
type Relisting string

// The differences of a manifest that is asked for again.
const (
	RelistedSame         Relisting = ""
	RelistedTurned       Relisting = "turned"       // the files of each type are in the other order
	RelistedOpaque       Relisting = "opaque"       // nothing in a URL says which file it is, from the first time on
	RelistedOpaqueTurned Relisting = "opaqueTurned" // both
	RelistedOpaqueFewer  Relisting = "opaqueFewer"  // the URLs are opaque, and the first file is not there any more
)

// URLs is how output items name their files.
type URLs string

// The forms of file URLs.
const (
	URLsAbsolute  URLs = ""
	URLsRelative  URLs = "relative"  // to the status URL
	URLsOtherHost URLs = "otherHost" // on the storage's origin, which for once wants the token
)

func (k ManifestKnobs) clone() ManifestKnobs {
	k.Omit, k.Extras = slices.Clone(k.Omit), slices.Clone(k.Extras)
	return k
}

func (k ManifestKnobs) check() error {
	for _, x := range k.Extras {
		if !slices.Contains([]string{ExtraMembers, ExtraJobID, ExtraChecksum, ExtraModifier}, x) {
			return fmt.Errorf("unknown extra %q of a manifest", x)
		}
	}
	switch {
	case min(k.FilesPer, k.FilesPerType, k.Deleted, k.Pages, k.PageWaits) < 0:
		return errors.New("a number of the manifest is negative")
	case !slices.Contains([]Count{CountNone, CountRight, CountWrong, CountString}, k.Count):
		return fmt.Errorf("unknown count %q", k.Count)
	case !slices.Contains([]RAT{RATHonest, RATTrue, RATFalse, RATText, RATMissing, RATWrong}, k.RAT):
		return fmt.Errorf("unknown rat %q", k.RAT)
	case !slices.Contains([]TxTime{TxStart, TxEnd, TxMissing, TxNoZone, TxGarbage}, k.TxTime):
		return fmt.Errorf("unknown txTime %q", k.TxTime)
	case !slices.Contains([]Outcomes{OutcomesNone, OutcomesInfo, OutcomesWarning, OutcomesError, OutcomesMixed}, k.Outcomes):
		return fmt.Errorf("unknown error %q", k.Outcomes)
	case !slices.Contains([]Relisting{RelistedSame, RelistedTurned, RelistedOpaque, RelistedOpaqueTurned, RelistedOpaqueFewer}, k.Relisted):
		return fmt.Errorf("unknown relisted %q", k.Relisted)
	case !slices.Contains([]URLs{URLsAbsolute, URLsRelative, URLsOtherHost}, k.URLs):
		return fmt.Errorf("unknown urls %q", k.URLs)
	}
	return nil
}
