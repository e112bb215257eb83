package sandbox

import (
	"errors"
	"fmt"
	"slices"
)

// ContentKnobs is what the lines of output files carry. Shares are per cent,
// drawn by the resources' ids: the same ones in every export.
type ContentKnobs struct {
	// OddTypes are the resource types whose files have what is odd below, and
	// the bad bodies of FileKnobs; none means all types.
	OddTypes Names `yaml:"oddTypes" values:"list of types" does:"the types whose files have the quirks of content and bodies; all when not set"`

	// How lines are written.
	BlankLines int  `yaml:"blankLines" quirk:"N1" does:"a blank line before the first line and after every so many"`
	EOL        EOL  `yaml:"eol" quirk:"N2" values:"lf|crlf" does:"the end of a line"`
	BOM        bool `yaml:"bom" quirk:"N2" does:"a byte order mark opens the file"`
	NoFinalEOL bool `yaml:"noFinalEol" quirk:"N2" does:"the last line does not end"`
	SplitLine  int  `yaml:"splitLine" quirk:"N3" does:"so many lines of each file are cut in two"`
	PrettyLine int  `yaml:"prettyLine" quirk:"N3" does:"so many lines of each file are JSON over several lines"`
	BigLine    int  `yaml:"bigLine" quirk:"N4" values:"MB" does:"the first line of each type is longer than that"`

	// What resources are like.
	Dup        int    `yaml:"dup" quirk:"N5" values:"per cent" does:"resources of a file that the type's next file has as well"`
	LongID     int    `yaml:"longId" quirk:"N6" does:"ids are so many characters long"`
	NoMeta     int    `yaml:"noMeta" quirk:"N7" values:"per cent" does:"resources without meta"`
	SilentEdit int    `yaml:"silentEdit" quirk:"N11" values:"per cent" does:"resources that are different in every export though lastUpdated stays"`
	Refs       Refs   `yaml:"refs" quirk:"N10" values:"relative|absolute|dangling" does:"references: absolute ones are rooted at the base URL; dangling ones to practitioners, organizations and locations lead nowhere"`
	Attach     Attach `yaml:"attach" quirk:"N8" values:"inline|url|relative|none|missing" does:"where attachments of DocumentReference and DiagnosticReport have their bytes; missing is a URL that answers 404"`
	AttachSize int    `yaml:"attachSize" quirk:"N8" values:"bytes" does:"size of an attachment, about"`

	// What the export leaves out or adds.
	HideMembers bool       `yaml:"hideMembers" quirk:"N9" does:"results are left out unless _type names every type that they refer to"`
	Joins       int        `yaml:"joins" quirk:"N12" values:"per cent" does:"patients who join the group after its first export"`
	Leaves      int        `yaml:"leaves" quirk:"N12" values:"per cent" does:"patients who leave the group after its first export"`
	NewMembers  NewMembers `yaml:"newMembers" quirk:"N12" values:"omit|include" does:"whether an export with _since has the older records of those who joined after it"`

	// What is wrong with lines, in so many lines of each file.
	WrongType int   `yaml:"wrongType" quirk:"N13" does:"so many lines of each file say resourceType Basic"`
	NoID      int   `yaml:"noId" quirk:"N13" does:"so many lines of each file have no id"`
	BadBytes  Names `yaml:"badBytes" quirk:"N14" values:"list of nul, utf8, surrogate, dupKey, hugeNumber" does:"each spoils one line of each file"`

	Bad []BadLines `yaml:"bad" quirk:"N13" values:"list of type, file, broken, wrongType, noId" does:"lines of one file that are damaged"`
}

// EOL is the end of a line.
type EOL string

// The ends of lines.
const (
	EOLLF   EOL = ""
	EOLCRLF EOL = "crlf"
)

// Refs is the form of the references between resources.
type Refs string

// The forms of references.
const (
	RefsAsIs     Refs = ""
	RefsRelative Refs = "relative"
	RefsAbsolute Refs = "absolute" // rooted at the practice's base
	RefsDangling Refs = "dangling" // those to practitioners, organizations and locations lead nowhere
)

// Attach is where the attachments of DocumentReference and DiagnosticReport
// have their bytes.
type Attach string

// The places of attachments.
const (
	AttachAsIs     Attach = ""
	AttachInline   Attach = "inline"   // in data
	AttachURL      Attach = "url"      // at an absolute URL, with the token where output files want it
	AttachRelative Attach = "relative" // at a URL relative to the practice's base
	AttachNone     Attach = "none"     // nowhere: neither data nor url
	AttachMissing  Attach = "missing"  // at an absolute URL that answers 404
)

// NewMembers is what an export with _since holds of patients who joined the
// group after that time.
type NewMembers string

// The ways with new members.
const (
	NewMembersOmit    NewMembers = ""        // what changed since
	NewMembersInclude NewMembers = "include" // everything
)

// The bytes that spoil a line.
const (
	BadNUL        = "nul"        // a NUL byte in a string
	BadUTF8       = "utf8"       // a byte that is no UTF-8
	BadSurrogate  = "surrogate"  // an escaped lone surrogate
	BadDuplicate  = "dupKey"     // a member twice
	BadHugeNumber = "hugeNumber" // a number that no float64 holds
)

var badBytes = []string{BadNUL, BadUTF8, BadSurrogate, BadDuplicate, BadHugeNumber}

// BadLines damages lines of one output file. The lines keep their places, so
// the file's number of lines stays what it was.
type BadLines struct {
	Type string `yaml:"type"` // resource type
	File int    `yaml:"file"` // which of the type's files, from 0

	Broken    int `yaml:"broken"`    // lines that are no JSON
	WrongType int `yaml:"wrongType"` // lines whose resourceType is another
	NoID      int `yaml:"noId"`      // lines without id
}

func (k ContentKnobs) clone() ContentKnobs {
	k.OddTypes, k.BadBytes, k.Bad = slices.Clone(k.OddTypes), slices.Clone(k.BadBytes), slices.Clone(k.Bad)
	return k
}

// odd reports whether files of type t have what is odd.
func (k ContentKnobs) odd(t string) bool {
	return len(k.OddTypes) == 0 || slices.Contains(k.OddTypes, t)
}

func (k ContentKnobs) check() error {
	for _, b := range k.BadBytes {
		if !slices.Contains(badBytes, b) {
			return fmt.Errorf("unknown badBytes %q", b)
		}
	}
	for _, share := range []int{k.Dup, k.NoMeta, k.SilentEdit, k.Joins, k.Leaves} {
		if share < 0 || share > 100 {
			return fmt.Errorf("a share of %d is not from 0 to 100", share)
		}
	}
	switch {
	case k.Joins+k.Leaves > 100:
		return errors.New("joins and leaves are more than all patients")
	case min(k.BlankLines, k.SplitLine, k.PrettyLine, k.BigLine, k.LongID, k.AttachSize, k.WrongType, k.NoID) < 0:
		return errors.New("a number of the content is negative")
	case !slices.Contains([]EOL{EOLLF, EOLCRLF}, k.EOL):
		return fmt.Errorf("unknown eol %q", k.EOL)
	case !slices.Contains([]Refs{RefsAsIs, RefsRelative, RefsAbsolute, RefsDangling}, k.Refs):
		return fmt.Errorf("unknown refs %q", k.Refs)
	case !slices.Contains([]Attach{AttachAsIs, AttachInline, AttachURL, AttachRelative, AttachNone, AttachMissing}, k.Attach):
		return fmt.Errorf("unknown attach %q", k.Attach)
	case !slices.Contains([]NewMembers{NewMembersOmit, NewMembersInclude}, k.NewMembers):
		return fmt.Errorf("unknown newMembers %q", k.NewMembers)
	}
	return nil
}
