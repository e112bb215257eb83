package bulkdata

import (
	"errors"
	"iter"
	"slices"
	"time"
)

// A Section is the list of the manifest that a file is in.
type Section string

// The sections. Outcomes are called error in STU1 to STU3, outcome in STU4.
const (
	OutputSection  Section = "output"
	DeletedSection Section = "deleted"
	ErrorSection   Section = "error"
	OutcomeSection Section = "outcome"
)

// An AccessRule says whether a file request must carry the access token. Its
// values are fit to be stored.
type AccessRule string

// The rules.
const (
	TokenRequired  AccessRule = "required"  // requiresAccessToken is true
	TokenForbidden AccessRule = "forbidden" // requiresAccessToken is false
	TokenUnstated  AccessRule = "unstated"  // the manifest does not say
)

// A File is one file of a manifest. Within a page of the manifest it is known
// by Section and Index; its URL may change when the manifest is read again.
type File struct {
	Section Section
	// Index is the position within the section, from 0.
	Index int
	// Type is the resource type, empty where the manifest gives none.
	Type string
	// URL is absolute, exactly as received otherwise. It may itself be a
	// credential: never log it. It is empty when the manifest gives none.
	URL string
	// Access is the manifest's rule for the file.
	Access AccessRule
	// Count is the number of resources that the server claims, Size the
	// number of bytes (before or after encoding is not said); nil when unknown.
	Count, Size *int64
	// Severities are the numbers of outcomes by severity that the server
	// claims: fatal, error, warning, information, success. Nil when unknown.
	Severities map[string]int64
	// ContinuesIn is the URL of the file that continues this one's last
	// block, empty for none.
	ContinuesIn string
	// Extensions names the extensions of the entry, in either shape: the keys
	// of an object, or the URLs of FHIR extensions. Nobody here understands
	// any of them but that of Checksum: an extension about authorization or
	// encryption may mean that the file cannot be read.
	Extensions []string
	// Checksum is the SHA-256 of the file's content, in lower-case hex, where
	// an extension tells it as AB2D does; else empty.
	Checksum string
	// Modified says that the entry has a modifier extension, which nobody
	// here understands: Open refuses it.
	Modified bool
}

// A Manifest lists what an export has given.
type Manifest struct {
	// TransactionTime is the text as received; send it back as it is. Time is
	// its value, zero when the text is missing or no instant.
	TransactionTime string
	Time            time.Time
	// Request is the kick-off as the server saw it; it may be rewritten or empty.
	Request string
	// Access is the rule for all files.
	Access AccessRule
	// The files by section. Error and Outcome hold OperationOutcomes.
	Output, Deleted, Error, Outcome []File
	// HasOutput says that the member output was there, if only as null, and
	// HasOutcome that outcome was, by which STU4 is known.
	HasOutput, HasOutcome bool
	// Next is the absolute URL of the next page, empty for none.
	Next string
	// OutputFormat is the media type of the files, empty for NDJSON.
	OutputFormat string
	// OutputOrganizedBy is the type by which files are organized, empty for
	// one type per file.
	OutputOrganizedBy string
	// ManifestType is the canonical of the manifest's kind, empty mostly.
	ManifestType string
	// Extensions names the extensions of the manifest itself.
	Extensions []string
	// Deviations are what was tolerated.
	Deviations []Deviation
}

// Organized reports whether the files are blocks of mixed types instead of one
// type each. The manifest alone decides, not what was asked for.
func (m *Manifest) Organized() bool { return m.OutputOrganizedBy != "" }

// File gives the file at that place of the manifest: what a file is known by
// when the manifest was read again for fresh URLs.
func (m *Manifest) File(section Section, index int) (File, bool) {
	for f := range m.Files() {
		if f.Section == section && f.Index == index {
			return f, true
		}
	}
	return File{}, false
}

// ExtensionNames gives the names of all extensions, of the manifest and of its
// files, each once: for a report, since none is understood here.
func (m *Manifest) ExtensionNames() []string {
	names := slices.Clone(m.Extensions)
	for f := range m.Files() {
		names = append(names, f.Extensions...)
	}
	return unique(names)
}

// Files gives all files: output, deleted, error, outcome.
func (m *Manifest) Files() iter.Seq[File] {
	return func(yield func(File) bool) {
		for _, section := range [][]File{m.Output, m.Deleted, m.Error, m.Outcome} {
			for _, f := range section {
				if !yield(f) {
					return
				}
			}
		}
	}
}

// ManifestOptions say how a manifest is read.
type ManifestOptions struct {
	// StatusURL is where it came from; relative URLs are resolved against it.
	StatusURL string
	// EscapedAmpersands undoes "&amp;" in the query of URLs.
	EscapedAmpersands bool
}

// judge refuses what the tolerances do not name. A manifest is read by its
// shape in every dialect: output, which STU1 to STU3 require, may be missing
// where the manifest is one of STU4, although its prose assumes it there too.
func (c *Client) judge(m *Manifest) error {
	t := c.tolerances
	for _, d := range m.Deviations {
		switch {
		case d == TransactionTimeMissing && !t.MissingTransactionTime:
			return errors.New("transactionTime is missing")
		case d == RequiresAccessTokenText && !t.TextRequiresAccessToken:
			return errors.New("requiresAccessToken is a text, not a boolean")
		case d == RequiresAccessTokenMissing && !t.MissingRequiresAccessToken:
			return errors.New("requiresAccessToken is missing")
		}
	}
	if !m.HasOutput && !m.HasOutcome && m.ManifestType == "" && c.dialect != STU4 {
		return errors.New("output is missing")
	}
	if kind, err := fileType(m.OutputFormat); m.OutputFormat != "" && m.OutputFormat != "ndjson" && (err != nil || kind != "") {
		return errors.New("outputFormat is not NDJSON")
	}
	return nil
}
