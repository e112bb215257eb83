package ingest

import (
	"regexp"

	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

// issueCode is the shape of an issue's code. Whatever else a server sends is
// not shown, for it could be anything.
var issueCode = regexp.MustCompile(`^[a-z][a-z-]{0,31}$`)

// maxIssueCodes bounds the different codes that are counted by name.
const maxIssueCodes = 64

const unknown = "unknown"

// outcomeLines takes the lines of an error file and counts their issues.
// https://hl7.org/fhir/R4/operationoutcome.html
type outcomeLines struct {
	tape   tape.Tape
	shape  *tape.Shape
	counts map[OutcomeCount]int64 // by severity and code; Count is 0 in the key
	key    struct{ resourceType, issue, severity, code int32 }
}

func newOutcomeLines() *outcomeLines {
	w := &outcomeLines{shape: tape.NewShape(), counts: make(map[OutcomeCount]int64)}
	root := w.shape.Root()
	root.Member("resourceType")
	issue := root.Member("issue")
	issue.Member("severity")
	issue.Member("code")
	w.key.resourceType, w.key.issue = w.shape.Key("resourceType"), w.shape.Key("issue")
	w.key.severity, w.key.code = w.shape.Key("severity"), w.shape.Key("code")
	return w
}

func (w *outcomeLines) tables() []*tableWriter { return nil }
func (w *outcomeLines) latest() int64          { return 0 }

func (w *outcomeLines) take(l ndjson.Line) (string, error) {
	if err := w.tape.Parse(l.Bytes, w.shape); err != nil {
		return jsonReason(err), nil
	}
	issues := w.tape.Member(0, w.key.issue)
	isOutcome := text(&w.tape, 0, w.key.resourceType) == "OperationOutcome"
	if !isOutcome || issues < 0 || w.tape.Node(issues).Kind != tape.Array {
		return ReasonNoOutcome, nil
	}
	for n := range children(&w.tape, issues) {
		w.count(text(&w.tape, n, w.key.severity), text(&w.tape, n, w.key.code))
	}
	return "", nil
}

func (w *outcomeLines) count(severity, code string) {
	switch severity {
	case "fatal", "error", "warning", "information":
	default:
		severity = unknown
	}
	if !issueCode.MatchString(code) {
		code = unknown
	}
	k := OutcomeCount{Severity: severity, Code: code}
	if _, known := w.counts[k]; !known && len(w.counts) >= maxIssueCodes {
		k.Code = unknown
	}
	w.counts[k]++
}
