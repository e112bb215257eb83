package sqlonfhir_test

import (
	"fmt"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// loadedView returns a runner of one view with one column, which has loaded a line.
func loadedView(t *testing.T, path, base, line string) *sqlonfhir.Runner {
	t.Helper()
	v, err := sqlonfhir.Parse(fmt.Appendf(nil,
		`{"name":"v","resource":"Observation","status":"active","select":[{"column":[{"name":"k","path":%q}]}]}`, path))
	if err != nil {
		t.Fatal(err)
	}
	p, err := sqlonfhir.Compile(v)
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewRunner()
	r.Rooted(base)
	if err := r.Load([]byte(line)); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReferencesRootedAtTheBaseGiveTheKeyOfRelativeOnes(t *testing.T) {
	t.Attr("shows", "BD-149 BD-150")
	const base = "https://ehr.example/fhir/r4/"
	tests := []struct{ reference, base, want string }{
		{"Patient/1", base, "1"},
		{"Patient/1/_history/2", base, "1"},
		{"https://ehr.example/fhir/r4/Patient/1", base, "1"},
		{"HTTPS://EHR.example/fhir/r4/Patient/1", base, "1"},
		{"https://ehr.example/fhir/r4/Patient/1/_history/2", base, "1"},
		{"https://ehr.example/Patient/1", "https://ehr.example", "1"},
		{"https://other.example/fhir/r4/Patient/1", base, "https://other.example/fhir/r4/Patient/1"},
		{"http://ehr.example/fhir/r4/Patient/1", base, "http://ehr.example/fhir/r4/Patient/1"},
		{"https://ehr.example/fhir/r4x/Patient/1", base, "https://ehr.example/fhir/r4x/Patient/1"},
		{"https://ehr.example/fhir/Patient/1", base, "https://ehr.example/fhir/Patient/1"},
		{"https://ehr.example/fhir/r4/other/practice/Patient/1", base, "https://ehr.example/fhir/r4/other/practice/Patient/1"},
		{"https://ehr.example.evil.example/fhir/r4/Patient/1", base, "https://ehr.example.evil.example/fhir/r4/Patient/1"},
		{"https://other.example/Patient/1", "", "1"},
		{"https://ehr.example/fhir/r4", base, ""},
		{"urn:uuid:8c2c5b4e-0000-4000-8000-000000000001", base, ""},
		{"#contained", base, ""},
		{"Patient?identifier=x", base, ""},
		{"1", base, ""},
	}
	for _, tt := range tests {
		line := fmt.Sprintf(`{"resourceType":"Observation","id":"o","subject":{"reference":%q}}`, tt.reference)
		for _, path := range []string{"subject.getReferenceKey()", "subject.getReferenceKey(Patient)"} {
			got := ""
			if err := loadedView(t, path, tt.base, line).Rows(0, func(row []sqlonfhir.Value) error {
				got = string(row[0].Text)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("%s of %s with base %q = %q, want %q", path, tt.reference, tt.base, got, tt.want)
			}
		}
	}
}

func TestATagIsFoundBySystemAndCode(t *testing.T) {
	tests := []struct {
		line string
		want bool
	}{
		{`{"meta":{"tag":[{"system":"s","code":"c"}]}}`, true},
		{`{"meta":{"tag":[{"code":"x","system":"s"},{"code":"c","system":"s","display":"d"}]}}`, true},
		{`{"meta":{"tag":[{"system":"s","code":"d"},{"system":"t","code":"c"}]}}`, false},
		{`{"meta":{"security":[{"system":"s","code":"c"}]}}`, false},
		{`{"meta":{"tag":{"system":"s","code":"c"}}}`, false},
		{`{"meta":{"tag":["s",{"code":"c"},null,[{"system":"s","code":"c"}]]}}`, false},
		{`{"tag":[{"system":"s","code":"c"}]}`, false},
		{`{"meta":null}`, false},
		{`[]`, false},
	}
	for _, tt := range tests {
		if got := loadedView(t, "id", "", tt.line).Tagged("s", "c"); got != tt.want {
			t.Errorf("Tagged of %s = %v", tt.line, got)
		}
	}
}
