package bulkdata

import (
	"bytes"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

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
	Extension           jsontext.Value `json:"extension"`
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
	CountSeverity     jsontext.Value `json:"countSeverity"`
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
		TransactionTime: deref(w.TransactionTime), Request: deref(w.Request), HasOutput: w.Output.there, HasOutcome: w.Outcome.there,
		OutputFormat: deref(w.OutputFormat), OutputOrganizedBy: deref(w.OutputOrganizedBy),
		ManifestType: deref(w.ManifestType), Extensions: extensionNames(w.Extension),
	}, options: o}
	p.base, _ = url.Parse(o.StatusURL)
	p.transactionTime()
	p.manifestType()
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

// manifestTypes are the kinds of manifest that are understood.
var manifestTypes = []string{"http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest"}

func (p *manifestParser) manifestType() {
	canonical, _, _ := strings.Cut(p.manifest.ManifestType, "|")
	if canonical != "" && !slices.Contains(manifestTypes, canonical) {
		p.note(UnknownManifestType)
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
			Severities: severities(w.CountSeverity), Modified: isModified(w.ModifierExtension),
			Checksum: checksumOf(w.Extension),
		})
		if section == OutputSection && !isText(w.Type) && !p.manifest.Organized() {
			p.note(TypeMissing)
		}
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
