package validate

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/judge"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

const lines = `{"resourceType":"Patient","id":"1","identifier":[{"system":"urn:x","value":"1"}],"name":[{"family":"A"}],"gender":"female"}

{"resourceType":"Patient","id":"2","identifier":[{"system":"urn:x","value":"2"}],"gender":"male"}
{"resourceType":"Patient","id":"3","id":"3"}
{"resourceType":"Basic","id":"4","code":{"text":"x"}}
{"resourceType":"Patient"}
[1]
`

const patientProfile = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"

func usCore(t testing.TB) *uscore.Guide {
	t.Helper()
	g, err := uscore.Load("6.1.0")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestAReportSaysWhatEveryLineIs(t *testing.T) {
	t.Parallel()
	var refused []string
	var broken []Broken
	v := New(Options{
		Guide: usCore(t), Workers: 3, MaxLine: 2000,
		Refused: func(r quarantine.Refusal) error {
			refused = append(refused, fmt.Sprintf("%s:%d %s", r.File, r.Line, r.Reason))
			return nil
		},
		Broken: func(b Broken) error { broken = append(broken, b); return nil },
	})
	if err := v.Read(t.Context(), "a", strings.NewReader(lines)); err != nil {
		t.Fatal(err)
	}
	if err := v.Read(t.Context(), "b", strings.NewReader(`{"resourceType":"Patient","id":"9","x":"`+strings.Repeat("x", 3000)+`"}`)); err != nil {
		t.Fatal(err)
	}
	verdicts := judge.Verdicts{Conform: 1, Errors: 1}
	want := Report{
		Guide: "6.1.0", Files: 2, Lines: 8, Blank: 1, Resources: 3, Refused: 4, Bytes: int64(len(lines)) + 3042,
		ByReason: map[string]int64{"invalid_json:duplicate_key": 1, "id_missing": 1, "not_an_object": 1, "over_long": 1},
		Verdicts: judge.Verdicts{Conform: 1, Errors: 1, NoProfile: 1},
		Types: []Type{
			{ResourceType: "Basic", Resources: 1, Verdicts: judge.Verdicts{NoProfile: 1}},
			{ResourceType: "Patient", Resources: 2, Verdicts: verdicts, Profiles: []judge.ProfileLines{{Profile: patientProfile, Verdicts: verdicts}}},
		},
		Findings: []judge.Finding{{Severity: "error", Profile: patientProfile, Rule: "required", Path: "Patient.name", Lines: 1}},
	}
	if diff := cmp.Diff(want, v.Report()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a:4 invalid_json:duplicate_key", "a:6 id_missing", "a:7 not_an_object", "b:1 over_long"}, refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	told := []Broken{{File: "a", Line: 3, ResourceType: "Patient", Severity: "error", Rule: "required", Path: "Patient.name", Profile: patientProfile}}
	if diff := cmp.Diff(told, broken); diff != "" {
		t.Errorf("broken (-want +got):\n%s", diff)
	}
}

func TestWithoutAGuideOnlyLinesAreJudged(t *testing.T) {
	t.Parallel()
	v := New(Options{})
	if err := v.Read(t.Context(), "a", strings.NewReader(lines)); err != nil {
		t.Fatal(err)
	}
	r := v.Report()
	if r.Resources != 3 || r.Refused != 3 || r.Guide != "" || r.Findings != nil || r.Verdicts != (judge.Verdicts{}) {
		t.Errorf("report = %+v", r)
	}
}

func TestALineIsToldInTheOrderOfTheFile(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, `{"resourceType":"Patient","id":"%d","text":{"status":"generated"}}`+"\n", i)
	}
	last := int64(0)
	v := New(Options{Guide: usCore(t), Workers: 4, Broken: func(b Broken) error {
		if b.Line < last {
			return fmt.Errorf("line %d after line %d", b.Line, last)
		}
		last = b.Line
		return nil
	}})
	if err := v.Read(t.Context(), "many", strings.NewReader(text.String())); err != nil || last != 20_000 {
		t.Errorf("last line %d, %v", last, err)
	}
	stop := errors.New("stop")
	v = New(Options{Refused: func(quarantine.Refusal) error { return stop }})
	if err := v.Read(t.Context(), "a", strings.NewReader(lines)); !errors.Is(err, stop) {
		t.Errorf("an error of the listener became %v", err)
	}
}
