package quality

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/judge"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
)

// ingested is an output file with its summary.
func ingested(t *testing.T, s ingest.Summary) store.File {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return store.File{Name: s.File, Section: "output", Summary: text}
}

func published(t *testing.T, r sink.Receipt) []store.Publication {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return []store.Publication{{Sink: "tables", Receipt: text}}
}

// patients is the summary of a file of n patients, of which broken break a rule.
func patients(file string, n, broken int64) ingest.Summary {
	v := judge.Verdicts{Conform: n - broken, Errors: broken}
	s := ingest.Summary{
		File: file, Lines: n + 3, Blank: 1, Delivered: n, Quarantined: 2, ByReason: map[string]int64{"id_missing": 2}, Guide: "6.1.0",
		Types:  []ingest.TypeLines{{Type: "Patient", Lines: n, Verdicts: v, Profiles: []judge.ProfileLines{{Profile: "p", Verdicts: v}}}},
		Tables: []ingest.TableParts{{Name: "patient", Rows: n, Filled: map[string]int64{"id": n, "gender": n / 2}}, {Name: "patient_name", Rows: 9}},
	}
	if broken > 0 {
		s.Findings = []judge.Finding{{Severity: "error", Profile: "p", Rule: "required", Path: "Patient.name", Lines: broken}}
	}
	return s
}

func input(t *testing.T, files ...store.File) Input {
	t.Helper()
	set, err := views.Load()
	if err != nil {
		t.Fatal(err)
	}
	return Input{
		Export: store.Export{ID: "e2", Tenant: "oak", Intent: store.Intent{Mode: "full"}}, Files: files, Views: set,
		Publications: published(t, sink.Receipt{
			Types: []sink.TypeCount{{ResourceType: "Patient", New: 3, Double: 1}},
			Links: []sink.LinkCount{{From: "Encounter", To: "Patient", Links: 100, Missing: 6}, {From: "Patient", To: "Practitioner", Links: 10, Missing: 10}},
		}),
	}
}

func TestASummaryAddsUpFilesAndReceipts(t *testing.T) {
	t.Parallel()
	in := input(t, ingested(t, patients("a", 100, 30)), ingested(t, patients("b", 50, 0)), store.File{Name: "c", Section: "error", Summary: json.RawMessage(`{"lines":5}`)})
	s, err := Make(in)
	if err != nil {
		t.Fatal(err)
	}
	if s.Lines != 156 || s.Delivered != 150 || s.Quarantined != 4 || s.Blank != 2 || s.ByReason["id_missing"] != 4 || s.Guide != "6.1.0" {
		t.Errorf("summary = %+v", s)
	}
	if len(s.Types) != 1 {
		t.Fatalf("types = %+v", s.Types)
	}
	p := s.Types[0]
	v := judge.Verdicts{Conform: 120, Errors: 30}
	if p.Resources != 150 || p.New != 3 || p.Double != 1 || p.Verdicts != v || !cmp.Equal(p.Profiles, []judge.ProfileLines{{Profile: "p", Verdicts: v}}) || p.Before != nil {
		t.Errorf("patients = %+v", p)
	}
	want := map[string]Column{
		"id":         {Name: "id", Filled: 150, Share: 1},
		"gender":     {Name: "gender", Filled: 75, Share: 0.5, MustSupport: true},
		"birth_date": {Name: "birth_date", MustSupport: true},
	}
	for _, c := range p.Columns {
		if w, ok := want[c.Name]; ok && w != c {
			t.Errorf("column %+v, want %+v", c, w)
		}
		delete(want, c.Name)
	}
	if len(want) > 0 {
		t.Errorf("columns that are not there: %v", want)
	}
	if diff := cmp.Diff([]judge.Finding{{Severity: "error", Profile: "p", Rule: "required", Path: "Patient.name", Lines: 30}}, s.Findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestAPersonIsAskedAboutWhatLooksWrong(t *testing.T) {
	t.Parallel()
	in := input(t, ingested(t, patients("a", 100, 30)))
	in.Before = &Summary{Export: "e1", Types: []Type{{ResourceType: "Condition", Resources: 500}, {ResourceType: "Patient", Resources: 60}, {ResourceType: "Procedure", Resources: 3}}}
	s, err := Make(in)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	var order []string
	for _, q := range s.Questions {
		got[q.Kind+" "+q.About] = q.Says
		order = append(order, q.Kind)
		if q.Remedy == "" {
			t.Errorf("nobody knows what to do about %s", q.Kind)
		}
	}
	want := map[string]string{
		"type_vanished Condition":               "none was delivered, the full export before had 500",
		"lines_refused ":                        "2 of 102 lines were refused",
		"links_to_nothing Encounter -> Patient": "6 of 100 references lead to no Patient that ever came",
		"profile_errors Patient":                "30 of 100 resources break a rule of US Core 6.1.0, most often Patient.name (required)",
		"type_grown Patient":                    "100 were delivered, the full export before had 60",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{KindVanished, KindQuarantined, KindMissing, KindErrors, KindGrown}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if s.Compared != "e1" || *s.byType("Procedure").Before != 3 || s.byType("Procedure").Resources != 0 {
		t.Errorf("compared with %q: %+v", s.Compared, s.Types)
	}

	in.Export.Mode = "incremental"
	if s, err = Make(in); err != nil || len(s.Questions) != 3 {
		t.Errorf("an incremental export is asked %+v (%v)", s.Questions, err)
	}
}

func TestATextOfTheLedgerThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	in := input(t, store.File{Name: "a", Section: "output", Summary: json.RawMessage(`{`)})
	if _, err := Make(in); err == nil {
		t.Error("a broken summary is taken")
	}
	in = input(t)
	in.Publications[0].Receipt = json.RawMessage(`[]`)
	if _, err := Make(in); err == nil {
		t.Error("a broken receipt is taken")
	}
}

func TestResourcesRefusedForTheirErrorsAreAskedAbout(t *testing.T) {
	t.Parallel()
	medications := ingest.Summary{
		File: "m", Lines: 100, Quarantined: 90, Delivered: 10, ByReason: map[string]int64{"profile_error:required:Medication.code": 90}, Guide: "6.1.0",
		Types: []ingest.TypeLines{{Type: "Medication", Lines: 10, Verdicts: judge.Verdicts{Conform: 10, Errors: 90}}},
		Findings: []judge.Finding{
			{Severity: "error", Rule: "required", Path: "MedicationRequest.subject", Lines: 99},
			{Severity: "error", Rule: "required", Path: "Medication.code", Lines: 90},
		},
	}
	s, err := Make(Input{Files: []store.File{ingested(t, medications)}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, q := range s.Questions {
		got[q.Kind] = q.Says
	}
	if want := "90 of 100 resources break a rule of US Core 6.1.0, most often Medication.code (required)"; got[KindErrors] != want {
		t.Errorf("questions = %v, want %q", got, want)
	}
}
