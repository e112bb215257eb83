package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
)

// An issue is one issue of an OperationOutcome that the sandbox writes.
type issue struct {
	Severity    string `json:"severity"`
	Code        string `json:"code"`
	Diagnostics string `json:"diagnostics"`
}

// outcomeLine returns an OperationOutcome of several issues.
func outcomeLine(issues ...issue) []byte {
	line, err := json.Marshal(map[string]any{"resourceType": "OperationOutcome", "issue": issues})
	if err != nil {
		panic(err) // strings can be marshalled
	}
	return line
}

var (
	noteIssue    = issue{"information", "informational", "The export used the index of last night."}
	warningIssue = issue{"warning", "incomplete", "A registry did not answer; its records are missing."}
	errorIssue   = issue{"error", "processing", "A record could not be read and was left out."}
	fatalIssue   = issue{"fatal", "exception", "A part of the archive is lost."}
	successIssue = issue{"success", "success", "The rest was exported."}
)

// layOutcomes makes the file of OperationOutcomes, if there is anything to say.
func (e *export) layOutcomes(context.Context) error {
	var lines [][]issue
	switch e.k.Outcomes {
	case OutcomesInfo:
		lines = [][]issue{{noteIssue}}
	case OutcomesWarning:
		lines = [][]issue{{warningIssue}}
	case OutcomesError:
		lines = [][]issue{{errorIssue}}
	case OutcomesMixed:
		lines = [][]issue{{noteIssue, errorIssue}, {warningIssue}, {errorIssue}, {fatalIssue}}
		if e.wish.dialect == STU4 {
			lines = append(lines, []issue{successIssue})
		}
	}
	for _, name := range e.wish.ignored {
		lines = append(lines, []issue{{"information", "not-supported", fmt.Sprintf("The parameter %s was ignored.", name)}})
	}
	if len(lines) == 0 {
		return nil
	}
	f := &file{name: "outcome-1.ndjson", count: len(lines), severities: map[string]int{}}
	var texts [][]byte
	for _, issues := range lines {
		texts = append(texts, outcomeLine(issues...))
		for _, i := range issues {
			f.severities[i.Severity]++
		}
	}
	f.lines = func(context.Context) sequence { return sequenceOf(texts) }
	e.outcomes = append(e.outcomes, f)
	return nil
}

func sequenceOf(lines [][]byte) sequence {
	return func(yield func([]byte, error) bool) {
		for _, line := range lines {
			if !yield(line, nil) {
				return
			}
		}
	}
}
