package bulkdata

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
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
	// ContinuesIn is the URL of the file that continues this one's last
	// block, empty for none.
	ContinuesIn string
	// Extensions names the extensions of the entry.
	Extensions []string
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
	// HasOutput says that the member output was there, if only as null.
	HasOutput bool
	// Next is the absolute URL of the next page, empty for none.
	Next string
	// OutputFormat is the media type of the files, empty for NDJSON.
	OutputFormat string
	// OutputOrganizedBy is the type by which files are organized, empty for
	// one type per file.
	OutputOrganizedBy string
	// ManifestType is the canonical of the manifest's kind, empty mostly.
	ManifestType string
	// Deviations are what was tolerated.
	Deviations []Deviation
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

type wireManifest struct {
	TransactionTime     *string        `json:"transactionTime"`
	Request             *string        `json:"request"`
	RequiresAccessToken jsontext.Value `json:"requiresAccessToken"`
	Output              wireFiles      `json:"output"`
	Deleted             wireFiles      `json:"deleted"`
	Error               wireFiles      `json:"error"`
	Outcome             wireFiles      `json:"outcome"`
	Link                jsontext.Value `json:"link"`
	OutputFormat        *string        `json:"outputFormat"`
	OutputOrganizedBy   *string        `json:"outputOrganizedBy"`
	ManifestType        *string        `json:"manifestType"`
}

// wireFiles tells a missing list from an empty one.
type wireFiles struct {
	there bool
	files []wireFile
}

// UnmarshalJSONFrom reads an array, or null for an empty one.
func (l *wireFiles) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	l.there = true
	return json.UnmarshalDecode(d, &l.files)
}

type wireFile struct {
	Type              *string        `json:"type"`
	URL               *string        `json:"url"`
	Count             jsontext.Value `json:"count"`
	FileSize          jsontext.Value `json:"fileSize"`
	ContinuesInFile   *string        `json:"continuesInFile"`
	Extension         jsontext.Value `json:"extension"`
	ModifierExtension jsontext.Value `json:"modifierExtension"`
}

// ParseManifest reads a manifest by its shape, whatever its version. Unknown
// members are ignored; repeated members, invalid UTF-8 and wrong types of known
// members are errors. What a strict reading would refuse besides is noted in
// Deviations, for the caller to judge.
func ParseManifest(text []byte, o ManifestOptions) (*Manifest, error) {
	var w wireManifest
	if err := json.Unmarshal(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), &w); err != nil {
		return nil, jsonError(err)
	}
	p := &manifestParser{manifest: &Manifest{
		TransactionTime: deref(w.TransactionTime), Request: deref(w.Request), HasOutput: w.Output.there,
		OutputFormat: deref(w.OutputFormat), OutputOrganizedBy: deref(w.OutputOrganizedBy),
		ManifestType: deref(w.ManifestType),
	}, options: o}
	p.base, _ = url.Parse(o.StatusURL)
	p.transactionTime()
	if err := p.access(w.RequiresAccessToken); err != nil {
		return nil, err
	}
	m := p.manifest
	m.Output = p.files(OutputSection, w.Output)
	m.Deleted = p.files(DeletedSection, w.Deleted)
	m.Error = p.files(ErrorSection, w.Error)
	m.Outcome = p.files(OutcomeSection, w.Outcome)
	if !w.Error.there && !w.Outcome.there {
		p.note(OutcomeMissing)
	}
	return m, p.link(w.Link)
}

type manifestParser struct {
	manifest *Manifest
	options  ManifestOptions
	base     *url.URL
}

func (p *manifestParser) note(d Deviation) { note(&p.manifest.Deviations, d) }

func (p *manifestParser) transactionTime() {
	m := p.manifest
	switch {
	case m.TransactionTime == "":
		p.note(TransactionTimeMissing)
	case !IsInstant(m.TransactionTime):
		p.note(TransactionTimeNotInstant)
	default:
		m.Time, _ = time.Parse(time.RFC3339Nano, m.TransactionTime)
	}
}

func (p *manifestParser) access(value jsontext.Value) error {
	switch text := strings.ToLower(string(value)); text {
	case `"true"`, `"false"`:
		p.note(RequiresAccessTokenText)
		return p.access(jsontext.Value(strings.Trim(text, `"`)))
	case "true":
		p.manifest.Access = TokenRequired
	case "false":
		p.manifest.Access = TokenForbidden
	case "", "null":
		p.note(RequiresAccessTokenMissing)
		p.manifest.Access = TokenUnstated
	default:
		return errors.New("requiresAccessToken is not a boolean")
	}
	return nil
}

func (p *manifestParser) files(section Section, list wireFiles) []File {
	files := make([]File, 0, len(list.files))
	for index, w := range list.files {
		files = append(files, File{
			Section: section, Index: index, Type: deref(w.Type), URL: p.absolute(deref(w.URL)),
			Access: p.manifest.Access, Count: p.number(w.Count), Size: p.number(w.FileSize),
			ContinuesIn: p.absolute(deref(w.ContinuesInFile)), Extensions: extensionNames(w.Extension),
			Modified: isPresent(w.ModifierExtension),
		})
	}
	return files
}

// absolute leaves an absolute URL as it is, byte for byte.
func (p *manifestParser) absolute(text string) string {
	u, err := url.Parse(text)
	if err != nil || text == "" {
		return text
	}
	if p.options.EscapedAmpersands && hasEscapedAmpersand(u) {
		p.note(EscapedAmpersand)
		text = strings.ReplaceAll(text, "&amp;", "&")
		if u, err = url.Parse(text); err != nil {
			return text
		}
	}
	if u.IsAbs() || p.base == nil {
		return text
	}
	p.note(RelativeFileURL)
	return p.base.ResolveReference(u).String()
}

// hasEscapedAmpersand looks for a parameter whose name begins with "amp;".
func hasEscapedAmpersand(u *url.URL) bool {
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		if strings.HasPrefix(pair, "amp;") {
			return true
		}
	}
	return false
}

// number reads a count that may be a number or a text.
func (p *manifestParser) number(value jsontext.Value) *int64 {
	if !isPresent(value) {
		return nil
	}
	text := string(value)
	if value.Kind() == '"' {
		p.note(CountNotNumber)
		text = strings.Trim(text, `"`)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		p.note(CountNotNumber)
		return nil
	}
	return &n
}

type wireLink struct {
	Relation string `json:"relation"`
	URL      string `json:"url"`
}

func (p *manifestParser) link(value jsontext.Value) error {
	if !isPresent(value) {
		return nil
	}
	if value.Kind() == '{' {
		p.note(LinkNotArray)
		value = jsontext.Value("[" + string(value) + "]")
	}
	var links []wireLink
	if err := json.Unmarshal(value, &links); err != nil {
		return errors.New("link is not a list of relation and url")
	}
	for _, l := range links {
		if l.Relation == "next" && p.manifest.Next == "" {
			p.manifest.Next = p.absolute(l.URL)
		}
	}
	return nil
}

// extensionNames reads both shapes: an object keyed by name (STU1 to STU3) and
// an array of FHIR extensions (STU4).
func extensionNames(value jsontext.Value) []string {
	var names []string
	switch value.Kind() {
	case '{':
		d := jsontext.NewDecoder(bytes.NewReader(value))
		_, _ = d.ReadToken()
		for d.PeekKind() == '"' {
			name, err := d.ReadToken()
			if err != nil {
				break
			}
			names = append(names, name.String())
			_ = d.SkipValue() // whole already: the manifest was parsed
		}
	case '[':
		var list []struct {
			URL string `json:"url"`
		}
		_ = json.Unmarshal(value, &list) // what is no extension has no name
		for _, x := range list {
			names = append(names, x.URL)
		}
	}
	return names
}

func isPresent(value jsontext.Value) bool { return len(value) > 0 && value.Kind() != 'n' }

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// jsonError says where JSON is broken, without any of its text.
func jsonError(err error) error {
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return fmt.Errorf("a member is repeated near byte %d", s.ByteOffset)
		}
		return fmt.Errorf("broken JSON near byte %d", s.ByteOffset)
	}
	if s, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Errorf("wrong type near byte %d", s.ByteOffset)
	}
	return errors.New("broken JSON")
}

// judge refuses what the tolerances do not name.
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
	if !m.HasOutput && c.dialect != STU4 {
		return errors.New("output is missing")
	}
	return nil
}
