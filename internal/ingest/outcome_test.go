package ingest

import (
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/google/go-cmp/cmp"
)

func outcome(issues string) string {
	return `{"resourceType":"OperationOutcome","issue":[` + issues + "]}\n"
}

func TestOutcomesAreCountedBySeverityAndCode(t *testing.T) {
	t.Attr("shows", "BD-100 BD-101 M10")
	o := testOptions(t)
	o.Workers = 2
	text := outcome(`{"severity":"error","code":"processing"},{"severity":"warning","code":"Name of a patient"}`) +
		outcome(`{"severity":"error","code":"processing"},{"severity":"bad"},{"severity":"success","code":"success"}`) +
		outcome(`{"severity":"information","code":"informational","diagnostics":"17 resources"},{"severity":"fatal","code":"exception"}`) +
		`{"resourceType":"OperationOutcome"}` + "\n" +
		`{"resourceType":"OperationOutcome","issue":[]}` + "\n" +
		`{"resourceType":"Patient","issue":[]}` + "\n"
	s := mustRun(t, o, textSource(Errors, "OperationOutcome", text))
	want := []OutcomeCount{
		{"error", "processing", 2},
		{"fatal", "exception", 1},
		{"information", "informational", 1},
		{"success", "success", 1},
		{"unknown", "unknown", 1},
		{"warning", "unknown", 1},
	}
	if diff := cmp.Diff(want, s.Outcomes); diff != "" {
		t.Error(diff)
	}
	if s.Delivered != 3 || s.ByReason[quarantine.ReasonNoOutcome] != 3 || s.Tables != nil {
		t.Errorf("summary = %+v", s)
	}
}

func TestTheSummaryNamesIgnoredParametersAndNoTexts(t *testing.T) {
	t.Attr("shows", "BD-102")
	tests := []struct {
		issue string
		want  []string
	}{
		{`{"diagnostics":"The _elements parameter is not supported and was ignored"}`, []string{"_elements"}},
		{`{"details":{"text":"ignored: organizeOutputBy,_typeFilter"}}`, []string{"_typeFilter", "organizeOutputBy"}},
		{`{"expression":["Parameters.parameter.where(name = 'includeAssociatedData')"]}`, []string{"includeAssociatedData"}},
		{`{"location":["http.allowPartialManifests"],"diagnostics":"_until?"}`, []string{"_until", "allowPartialManifests"}},
		{`{"diagnostics":"unknown Parameter patient"}`, []string{"patient"}},
		{`{"diagnostics":"the patient Canary, Zoe has no _typeface, x_since or _sinced"}`, nil},
		{`{"diagnostics":["_since"],"details":"_since","expression":"_since"}`, nil},
	}
	for _, tt := range tests {
		o := testOptions(t)
		s := mustRun(t, o, textSource(Errors, "OperationOutcome", outcome(tt.issue)))
		if diff := cmp.Diff(tt.want, s.Parameters); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.issue, diff)
		}
	}
}

func TestAnOutcomeAmongResourcesIsReportedAndNotStored(t *testing.T) {
	t.Attr("shows", "BD-144 D8")
	failed := outcome(`{"severity":"error","code":"timeout","diagnostics":"Canary"}`)
	tests := []struct {
		name, text string
		delivered  int64
		only       bool
	}{
		{"alone", failed, 0, true},
		{"with blank lines", "\n" + failed + failed + "\n", 0, true},
		{"behind resources", `{"resourceType":"Patient","id":"1"}` + "\n" + failed, 1, false},
		{"before resources", failed + `{"resourceType":"Patient","id":"1"}` + "\n" + `{"resourceType":"Patient","id":"2"}`, 2, false},
		{"beside a refused line", failed + "no JSON\n", 0, false},
		{"no lines", "", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := testOptions(t)
			o.Permits = permitting("Patient", "OperationOutcome")
			s := mustRun(t, o, textSource(Output, "Patient", tt.text))
			lines := int64(strings.Count(tt.text, "OperationOutcome"))
			if s.Delivered != tt.delivered || s.OutcomeOnly() != tt.only || s.ByReason[quarantine.ReasonOutcome] != lines || s.OutcomeLines != lines {
				t.Errorf("summary = %+v", s)
			}
			if lines > 0 && !cmp.Equal(s.Outcomes, []OutcomeCount{{"error", "timeout", lines}}) {
				t.Errorf("outcomes = %+v", s.Outcomes)
			}
			if rows := tableOf(t, o, s, "_index"); max(len(rows)-1, 0) != int(tt.delivered) {
				t.Errorf("index = %q", rows)
			}
		})
	}
	t.Run("in a file that says so", func(t *testing.T) {
		o := testOptions(t)
		o.Permits = permitting("OperationOutcome")
		s := mustRun(t, o, textSource(Output, "OperationOutcome", failed))
		if s.Delivered != 0 || !s.OutcomeOnly() || s.Tables != nil {
			t.Errorf("summary = %+v", s)
		}
	})
}
