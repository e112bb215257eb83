package ingest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

func permitting(types ...string) func(string) bool {
	return func(t string) bool { return slices.Contains(types, t) }
}

const mixedLines = `{"resourceType":"Patient","id":"1","name":[{"family":"A"}]}
{"resourceType":"Observation","id":"o1","code":{"coding":[{"code":"c"}]},"subject":{"reference":"Patient/1"}}
{"resourceType":"Basic","id":"b1"}
{"resourceType":"Claim","id":"c1"}
{"resourceType":"Flag","id":"d1"}
{"resourceType":"Patient","id":"2","name":[{"family":"B"}]}
`

func TestTheLinesTypeDecidesWhereItGoes(t *testing.T) {
	t.Attr("shows", "BD-144 N13")
	o := testOptions(t)
	o.Permits = permitting("Patient", "Observation", "Basic", "Flag")
	s := mustRun(t, o, textSource(Output, "Patient", mixedLines))
	want := []TypeLines{{Type: "Basic", Lines: 1}, {Type: "Flag", Lines: 1}, {Type: "Observation", Lines: 1}, {Type: "Patient", Lines: 2}}
	if diff := cmp.Diff(want, s.Types); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	if s.Mismatched != 3 || s.Delivered != 5 || s.ByReason[quarantine.ReasonNotPermitted] != 1 || s.Quarantined != 1 {
		t.Errorf("summary = %+v", s)
	}
	if rows := tableOf(t, o, s, "observation"); len(rows) != 2 || rows[1][slices.Index(rows[0], "resource_key")] != "Observation/o1" {
		t.Errorf("observation = %q", rows)
	}
	if rows := tableOf(t, o, s, "patient_name"); len(rows) != 3 {
		t.Errorf("patient_name = %q", rows)
	}
	var kinds []string
	for _, row := range tableOf(t, o, s, "resource")[1:] {
		kinds = append(kinds, row[1]+" "+row[3])
	}
	if diff := cmp.Diff([]string{"Basic Basic/b1", "Flag Flag/d1"}, kinds); diff != "" {
		t.Errorf("resource (-want +got):\n%s", diff)
	}
	kinds = nil
	for _, row := range tableOf(t, o, s, "_index")[1:] {
		kinds = append(kinds, row[1]+"/"+row[2])
	}
	if diff := cmp.Diff([]string{"Patient/1", "Observation/o1", "Basic/b1", "Flag/d1", "Patient/2"}, kinds); diff != "" {
		t.Errorf("_index (-want +got):\n%s", diff)
	}
}

func TestATypeThatTheAgreementDoesNotPermitIsRefused(t *testing.T) { // I1
	o := testOptions(t)
	o.Permits = permitting("Observation")
	s := mustRun(t, o, textSource(Output, "Patient", mixedLines))
	if s.Delivered != 1 || s.ByReason[quarantine.ReasonNotPermitted] != 5 {
		t.Errorf("summary = %+v", s)
	}
	if tableOf(t, o, s, "patient") != nil || tableOf(t, o, s, "patient_name") != nil || tableOf(t, o, s, "resource") != nil {
		t.Error("a type that is not permitted has rows")
	}
	o.Permits = nil
	if s := mustRun(t, o, textSource(Output, "Patient", mixedLines)); s.Delivered != 2 || s.ByReason[quarantine.ReasonNotPermitted] != 4 {
		t.Errorf("without a word about types: %+v", s)
	}
}

func TestAFileOfEndlesslyManyTypesIsNotTaken(t *testing.T) {
	o := testOptions(t)
	o.Permits = func(string) bool { return true }
	var text strings.Builder
	for i := range 2 * maxTypes {
		fmt.Fprintf(&text, `{"resourceType":"T%s","id":"1"}`+"\n", strings.Repeat("a", i%60)+string(rune('A'+i/60)))
	}
	s := mustRun(t, o, textSource(Output, "Patient", text.String()))
	if s.Delivered != maxTypes || s.ByReason[quarantine.ReasonBadType] != maxTypes {
		t.Errorf("delivered %d, refused %v", s.Delivered, s.ByReason)
	}
}

const blockHeader = `{"resourceType":"Parameters","parameter":[{"name":"header","valueReference":{"reference":"Patient/%d"}}]}` + "\n"

// organized is a file of blocks: each has its header, its patient, some
// observations and the one organization.
func organized(patients ...int) string {
	var b strings.Builder
	for _, p := range patients {
		fmt.Fprintf(&b, blockHeader, p)
		fmt.Fprintf(&b, `{"resourceType":"Patient","id":"%d","name":[{"family":"F%[1]d"}]}`+"\n", p)
		fmt.Fprintf(&b, `{"resourceType":"Observation","id":"o%d","subject":{"reference":"Patient/%[1]d"}}`+"\n", p)
		b.WriteString(`{"resourceType":"Organization","id":"org"}` + "\n")
	}
	return b.String()
}

func TestHeadersOfOrganizedBlocksAreFraming(t *testing.T) {
	t.Attr("shows", "BD-145 BD-146")
	o := testOptions(t)
	o.Organized, o.Workers = true, 2
	o.Permits = permitting("Patient", "Observation", "Organization", "Parameters")
	s := mustRun(t, o, textSource(Output, "Resource", organized(1, 2, 3)+"\n"))
	want := []TypeLines{{Type: "Observation", Lines: 3}, {Type: "Organization", Lines: 3}, {Type: "Patient", Lines: 3}}
	if diff := cmp.Diff(want, s.Types); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	if s.Lines != 13 || s.Headers != 3 || s.Blank != 4 || s.Delivered != 9 || s.Mismatched != 0 || s.Quarantined != 0 {
		t.Errorf("summary = %+v", s)
	}
	if rows := tableOf(t, o, s, "patient"); len(rows) != 4 {
		t.Errorf("patient = %q", rows)
	}
	o.Organized = false // both shapes in one run: without the manifest's word the same line is a resource of no use
	plain := mustRun(t, o, textSource(Output, "Patient", organized(1)))
	if plain.Headers != 0 || plain.ByReason[quarantine.ReasonNoID] != 1 || plain.Delivered != 3 {
		t.Errorf("a file that is not organized: %+v", plain)
	}
}

func TestOnlyAHeaderIsFraming(t *testing.T) {
	o := testOptions(t)
	o.Organized, o.Permits = true, permitting("Patient", "Parameters")
	tests := map[string]int64{
		fmt.Sprintf(blockHeader, 1): 1,
		`{"parameter":[{"valueReference":{"reference":"Patient/1"},"name":"header"}],"resourceType":"Parameters"}`: 1,
		`{"resourceType":"Parameters","id":"p","parameter":[{"name":"patient"}]}`:                                  0,
		`{"resourceType":"Parameters","id":"p"}`:                                                                   0,
		`{"resourceType":"Parameters","id":"p","parameter":{"name":"header"}}`:                                     0,
	}
	for line, headers := range tests {
		s := mustRun(t, o, textSource(Output, "Resource", line))
		if s.Headers != headers || s.Delivered != 1-headers {
			t.Errorf("%s: %d headers, %d delivered", line, s.Headers, s.Delivered)
		}
	}
}

func TestAResourceTaggedSubsettedIsKnown(t *testing.T) {
	o := testOptions(t)
	text := `{"resourceType":"Patient","id":"1","meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]}}` + "\n" +
		`{"resourceType":"Patient","id":"2","meta":{"tag":[{"system":"http://example.org","code":"SUBSETTED"}]}}` + "\n"
	s := mustRun(t, o, textSource(Output, "Patient", text))
	rows := tableOf(t, o, s, "_index")
	n := slices.Index(rows[0], "partial")
	if rows[1][n] != "true" || rows[2][n] != "false" || s.Subsetted != 1 {
		t.Errorf("index = %q, %d subsetted", rows, s.Subsetted)
	}
}

func TestReferencesGiveTheSameKeyOrKeepTheirText(t *testing.T) {
	t.Attr("shows", "BD-149 BD-150 N10")
	o := testOptions(t)
	o.Base = base
	var text strings.Builder
	for i, ref := range []string{"Patient/1", "https://ehr.example/fhir/Patient/1", "https://other.example/fhir/Patient/1", "#x", "Patient/unknown"} {
		fmt.Fprintf(&text, `{"resourceType":"Observation","id":"%d","subject":{"reference":%q}}`+"\n", i, ref)
	}
	s := mustRun(t, o, textSource(Output, "Observation", text.String()))
	rows := tableOf(t, o, s, "observation")
	var got []string
	for _, row := range rows[1:] {
		got = append(got, row[slices.Index(rows[0], "patient_id")])
	}
	if diff := cmp.Diff([]string{"1", "1", "https://other.example/fhir/Patient/1", "NULL", "unknown"}, got); diff != "" {
		t.Errorf("patient_id (-want +got):\n%s", diff)
	}
}

func TestAnotherBaseMakesAResourceAChangedOne(t *testing.T) {
	hash := func(base string) string {
		o := testOptions(t)
		o.Base = base
		return tableOf(t, o, mustRun(t, o, textSource(Output, "Patient", twoPatients)), "_index")[1][4]
	}
	if hash(base) == hash("") {
		t.Error("the content hash does not follow the base")
	}
}

func TestManyTablesTogetherHoldLittle(t *testing.T) {
	o, src := testOptions(t), textSource(Output, "Patient", "")
	r, err := newRun(t.Context(), new(withDefaults(o)), []Source{src})
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	w := r.workers[0]
	long := []byte(strings.Repeat("x", 3<<20)) // a table alone would wait for 8 MiB
	for i := range 20 {
		to := w.table(table.Table{Name: fmt.Sprintf("t%d", i), Columns: []table.Column{{Name: "c", Type: table.Text}}}, nil)
		to.Columns()[0].(*columnar.Text).Append(long)
		if err := to.Keep(len(long)); err != nil {
			t.Fatal(err)
		}
		if err := w.relieve(len(long)); err != nil {
			t.Fatal(err)
		}
		held := 0
		for _, t := range w.tables {
			held += t.Size()
		}
		if held > maxHeld+2*len(long) {
			t.Fatalf("after %d tables %d bytes are held", i+1, held)
		}
	}
}
