package bulkdata

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const guideOperation = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"

// statement is a CapabilityStatement with that inside.
func statement(members string) said {
	return said{200, `{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1",` + members + `}`, []string{"Content-Type", "application/fhir+json"}}
}

func groupOperations(list ...string) string {
	var operations []string
	for i := 0; i < len(list); i += 2 {
		operations = append(operations, `{"name":"`+list[i]+`","definition":"`+list[i+1]+`"}`)
	}
	return `"rest":[{"resource":[{"type":"Group","operation":[` + strings.Join(operations, ",") + `]}]}]`
}

func capabilityOf(t *testing.T, members string) *Capability {
	t.Helper()
	c, _ := scriptOf(t, nil, statement(members))
	found, err := c.Capability(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAnExportRunsWithoutACapabilityStatement(t *testing.T) {
	t.Attr("shows", "BD-009 BD-017")
	for _, status := range []int{403, 404, 500} {
		c, _ := scriptOf(t, nil, said{status, "", nil}, said{status, "", nil}, accepted)
		_, err := c.Capability(t.Context())
		if _, ok := errors.AsType[*StatusError](err); !ok {
			t.Errorf("metadata answering %d = %v", status, err)
		}
		if _, err := c.Groups(t.Context()); err == nil {
			t.Errorf("groups answering %d", status)
		}
		if _, err := c.Kickoff(t.Context(), group); err != nil {
			t.Errorf("after %d: %v", status, err)
		}
	}
}

func TestTheStatementMayNameTheGuideOrNot(t *testing.T) {
	t.Attr("shows", "BD-010")
	for members, want := range map[string]bool{
		`"instantiates":["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"]`:                    true,
		`"instantiates":["http://x/y","http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data|2.0.0"]`: true,
		`"status":"active"`: false,
	} {
		if got := capabilityOf(t, members); got.BulkData != want {
			t.Errorf("%s: BulkData = %v", members, got.BulkData)
		}
	}
}

func TestTheOperationIsNamedByTheStatementInSTU4Only(t *testing.T) {
	t.Attr("shows", "BD-012 BD-013 BD-022")
	both := groupOperations("export", guideOperation+"group-export|3.0.0", "export-v4", guideOperation+"group-export|4.0.0-ballot")
	for name, x := range map[string]struct {
		members string
		dialect Dialect
		want    string
	}{
		"both, STU4":            {both, STU4, "POST /fhir/Group/g1/$export-v4"},
		"both, STU3":            {both, STU3, "GET /fhir/Group/g1/$export?_type=Patient"},
		"old name, STU2":        {groupOperations("group-export", guideOperation+"group-export|2.0.0"), STU2, "GET /fhir/Group/g1/$export?_type=Patient"},
		"old name, STU4":        {groupOperations("group-export", guideOperation+"group-export"), STU4, "POST /fhir/Group/g1/$export"},
		"old name, STU1":        {groupOperations("group-export", guideOperation+"GroupLevelExport"), STU1, "GET /fhir/Group/g1/$export?_type=Patient"},
		"a name that is a path": {groupOperations("../x?y", guideOperation+"group-export|4.0.0"), STU4, "POST /fhir/Group/g1/$export"},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := scriptOf(t, in(x.dialect), statement(x.members), accepted)
			found, err := c.Capability(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c = c.Speaking("", found.OperationName(GroupLevel, x.dialect))
			if _, err := c.Kickoff(t.Context(), group); err != nil {
				t.Fatal(err)
			}
			if got := s.uris()[1]; got != x.want {
				t.Errorf("asked %s, want %s", got, x.want)
			}
		})
	}
}

func TestTheStatementsLevelsOfEveryRelease(t *testing.T) {
	t.Attr("shows", "BD-011 BD-012")
	first := `"rest":[{"operation":[{"name":"export","definition":"` + guideOperation + `BulkDataExport"},` +
		`{"name":"patient-export","definition":"` + guideOperation + `PatientLevelExport"},{"name":"group-export","definition":"` + guideOperation + `GroupLevelExport"}]}]`
	now := `"rest":[{"operation":[{"name":"export","definition":"` + guideOperation + `export|3.0.0"}],"resource":[` +
		`{"type":"Patient","operation":[{"name":"export","definition":"` + guideOperation + `patient-export|3.0.0"}]},` +
		`{"type":"Group","operation":[{"name":"export","definition":"` + guideOperation + `group-export"}]}]}]`
	for members, dialect := range map[string]Dialect{first: STU1, now: STU3} {
		found := capabilityOf(t, members)
		if diff := cmp.Diff([]Level{SystemLevel, PatientLevel, GroupLevel}, found.Levels); diff != "" {
			t.Error(diff)
		}
		if found.Dialect() != dialect || len(found.Operations) != 3 {
			t.Errorf("Dialect = %s of %+v", found.Dialect(), found.Operations)
		}
	}
	if d := capabilityOf(t, groupOperations("export", guideOperation+"group-export")).Dialect(); d != "" {
		t.Errorf("an unversioned statement is taken for %s", d)
	}
}

func TestAVersionOfTheStatementForbidsNothing(t *testing.T) {
	t.Attr("shows", "BD-014")
	c, s := scriptOf(t, in(STU3), statement(groupOperations("export", guideOperation+"group-export|2.0.0")), accepted)
	found, err := c.Capability(t.Context())
	if err != nil || found.Dialect() != STU2 {
		t.Fatalf("Capability = %+v, %v", found, err)
	}
	r := Request{Level: GroupLevel, GroupID: "g1", Until: "2026-01-02T03:04:05Z"}
	if warnings := found.Warnings(r); len(warnings) != 0 {
		t.Errorf("warned of %v", warnings)
	}
	if _, err := c.Kickoff(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := s.uris()[1]; got != "GET /fhir/Group/g1/$export?_until=2026-01-02T03%3A04%3A05Z" {
		t.Errorf("asked %s", got)
	}
}

func TestWhatTheStatementDoesNotOfferIsWarnedOfAndSent(t *testing.T) {
	t.Attr("shows", "BD-015 BD-016")
	mark := func(url, canonical string) string {
		return `"extension":[{"url":"` + url + `","valueCanonical":"` + canonical + `"}]`
	}
	const prose = "http://hl7.org/fhir/uv/bulkdata/Extension/operation-not-supported"
	const artifact = "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/operation-not-supported"
	members := `"rest":[{"searchParam":[{"name":"_id"}],"resource":[` +
		`{"type":"Observation","searchParam":[{"name":"status"},{"name":"code",` + mark(prose, guideStatement+"|3.0.0") + `},` +
		`{"name":"date",` + mark(artifact, guideOperation+"patient-export|3.0.0") + `},{"name":"category",` + mark(prose, guideOperation+"group-export") + `},` +
		`{"name":"subject",` + mark("http://x/other", guideOperation+"group-export") + `}]},` +
		`{"type":"Media",` + mark(artifact, guideOperation+"group-export|3.0.0") + `},` +
		`{"type":"Group","operation":[{"name":"export","definition":"` + guideOperation + `group-export|3.0.0"}]}]}]`
	for filter, want := range map[string][]string{
		"Observation?status=final&_id=1":     nil,
		"Observation?subject:Patient.name=x": nil,
		"Observation?date=ge2026":            nil, // marked for another level
		"Observation?code:in=x":              {"the server marks the search parameter code of Observation as not supported in this export"},
		"Observation?category=x":             {"the server marks the search parameter category of Observation as not supported in this export"},
		"Observation?value=1":                {"the server does not list the search parameter value of Observation"},
		"Media?status=x":                     {"the server marks the type Media as not supported in this export", "the server does not list the search parameter status of Media"},
		"Device?status=x":                    {"the server does not list the type Device", "the server does not list the search parameter status of Device"},
	} {
		c, s := scriptOf(t, in(STU3), statement(members), accepted)
		found, err := c.Capability(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(filter, "?")
		r := Request{Level: GroupLevel, GroupID: "g1", Types: []string{name}, TypeFilters: []string{filter}}
		if diff := cmp.Diff(want, found.Warnings(r)); diff != "" {
			t.Errorf("%s: %s", filter, diff)
		}
		if _, err := c.Kickoff(t.Context(), r); err != nil || len(s.uris()) != 2 || !strings.Contains(s.uris()[1], "_typeFilter=") {
			t.Errorf("%s: %v, asked %v", filter, err, s.uris())
		}
	}
	if got := capabilityOf(t, members).Warnings(Request{Level: SystemLevel}); !slices.Equal(got, []string{"the server does not list exports at system level"}) {
		t.Errorf("Warnings = %v", got)
	}
}
