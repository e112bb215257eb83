package ingest

import (
	"bytes"
	"regexp"

	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

// issueCode is the shape of an issue's code. Whatever else a server sends is
// not shown, for it could be anything.
var issueCode = regexp.MustCompile(`^[a-z][a-z-]{0,31}$`)

// maxIssueCodes bounds the different codes that are counted by name.
const maxIssueCodes = 64

const unknown = "unknown"

// kickoffParameters are the parameters of a kick-off that the texts of issues
// may name: the only words of those texts that are ever shown.
// https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters
var kickoffParameters = []string{
	"_elements", "_outputFormat", "_since", "_type", "_typeFilter", "_until",
	"allowPartialManifests", "includeAssociatedData", "organizeOutputBy", "patient",
}

// outcomeScan reads OperationOutcomes and counts their issues.
// https://hl7.org/fhir/R4/operationoutcome.html
type outcomeScan struct {
	tape       tape.Tape
	shape      *tape.Shape
	counts     map[OutcomeCount]int64 // by severity and code; Count is 0 in the key
	parameters map[string]bool        // named by texts
	key        struct{ resourceType, issue, severity, code, details, text, diagnostics, expression, location int32 }
}

func newOutcomeScan() *outcomeScan {
	s := &outcomeScan{shape: tape.NewShape()}
	s.reset()
	root := s.shape.Root()
	root.Member("resourceType")
	issue := root.Member("issue")
	for _, name := range []string{"severity", "code", "diagnostics", "expression", "location"} {
		issue.Member(name)
	}
	issue.Member("details").Member("text")
	k := &s.key
	for name, key := range map[string]*int32{
		"resourceType": &k.resourceType, "issue": &k.issue, "severity": &k.severity, "code": &k.code, "details": &k.details,
		"text": &k.text, "diagnostics": &k.diagnostics, "expression": &k.expression, "location": &k.location,
	} {
		*key = s.shape.Key(name)
	}
	return s
}

// reset forgets what was read.
func (s *outcomeScan) reset() {
	s.counts, s.parameters = map[OutcomeCount]int64{}, map[string]bool{}
}

// read counts the issues of a line, or says why it is no OperationOutcome.
func (s *outcomeScan) read(line []byte) (reason string) {
	if err := s.tape.Parse(line, s.shape); err != nil {
		return quarantine.SyntaxReason(err)
	}
	issues := s.tape.Member(0, s.key.issue)
	isOutcome := text(&s.tape, 0, s.key.resourceType) == "OperationOutcome"
	if !isOutcome || issues < 0 || s.tape.Node(issues).Kind != tape.Array || s.tape.Node(issues).Next == issues+1 {
		return quarantine.ReasonNoOutcome // without an issue it says nothing
	}
	for n := range children(&s.tape, issues) {
		s.count(text(&s.tape, n, s.key.severity), text(&s.tape, n, s.key.code))
		s.note(n)
	}
	return ""
}

func (s *outcomeScan) count(severity, code string) {
	switch severity {
	case "fatal", "error", "warning", "information", "success":
	default:
		severity = unknown
	}
	if !issueCode.MatchString(code) {
		code = unknown
	}
	k := OutcomeCount{Severity: severity, Code: code}
	if _, known := s.counts[k]; !known && len(s.counts) >= maxIssueCodes {
		k.Code = unknown
	}
	s.counts[k]++
}

// note finds the parameters that an issue names.
func (s *outcomeScan) note(issue int32) {
	s.noteText(s.tape.Member(issue, s.key.diagnostics))
	if details := s.tape.Member(issue, s.key.details); details >= 0 {
		s.noteText(s.tape.Member(details, s.key.text))
	}
	for _, key := range []int32{s.key.expression, s.key.location} {
		list := s.tape.Member(issue, key)
		for n := range children(&s.tape, list) {
			s.noteText(n)
		}
	}
}

func (s *outcomeScan) noteText(n int32) {
	if n < 0 || s.tape.Node(n).Kind != tape.String {
		return
	}
	said := s.tape.Text(n)
	for _, name := range kickoffParameters {
		if names(said, name) {
			s.parameters[name] = true
		}
	}
}

// names reports whether a text has a parameter's name as a word. The name
// patient is a word of its own, and means the parameter only where the text
// speaks of one.
func names(said []byte, name string) bool {
	if name == "patient" && !bytes.Contains(bytes.ToLower(said), []byte("parameter")) {
		return false
	}
	for rest := said; ; {
		i := bytes.Index(rest, []byte(name))
		if i < 0 {
			return false
		}
		end := i + len(name)
		if (i == 0 || !wordByte(rest[i-1])) && (end == len(rest) || !wordByte(rest[end])) {
			return true
		}
		rest = rest[i+1:]
	}
}

func wordByte(c byte) bool {
	return c == '_' || c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func (s *outcomeScan) report(t *tally) {
	addAll(t.issues, s.counts)
	for name := range s.parameters {
		t.parameters[name] = true
	}
}

// outcomeLines takes the lines of an error file.
type outcomeLines struct{ *outcomeScan }

func (w *outcomeLines) begin([]byte) { w.reset() }

func (w *outcomeLines) take(l ndjson.Line) (verdict, error) { return refusal(w.read(l.Bytes)), nil }
