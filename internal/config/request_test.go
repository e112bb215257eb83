package config

import (
	"strings"
	"testing"
)

// tenantWith parses a configuration whose one tenant has further fields; the
// server is open and has the profile.
func tenantWith(profile, fields string) (*Config, error) {
	return Parse("bulkhead.yaml", []byte("tenants:\n  - id: elm\n    open: true\n    profile: "+profile+
		"\n    fhir_base_url: https://ehr.example.org/fhir\n    group: g\n    types: [Patient, Observation]\n"+fields))
}

func TestWhatATenantAsksForIsCheckedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	t.Attr("shows", "BD-043 BD-050 BD-052 BD-053")
	for _, tt := range []struct{ name, profile, fields, want string }{
		{"a search", "standard", "    type_filters: ['Observation?category=laboratory&status:not=final', 'Observation?code=1,2']\n", ""},
		{"elements", "standard", "    elements: [id, Patient.birthDate]\n", ""},
		{"associated data", "standard", "    associated_data: [LatestProvenanceResources, _mine]\n", ""},
		{"one type to order by", "standard", "    organize_output_by: Patient\n", ""},
		{"a dialect of its own", "standard", "    dialect: stu3\n    organize_output_by: Patient\n", ""},
		{"no type", "standard", "    type_filters: ['?code=1']\n", "bulkhead.yaml:8: tenants[0].type_filters[0] must be a resource type"},
		{"a compartment", "standard", "    type_filters: ['Patient/1/Observation?code=1']\n", "type_filters[0] must be a resource type"},
		{"no search", "standard", "    type_filters: ['Patient?']\n", "type_filters[0] must be a resource type"},
		{"a type that is not asked for", "standard", "    type_filters: ['Condition?code=1']\n", "filters Condition, which is not among types"},
		{"a result parameter", "standard", "    type_filters: ['Patient?_sort=name']\n", "holds _sort, which shapes a search result"},
		{"a result parameter in disguise", "standard", "    type_filters: ['Patient?a=b&%5Finclude:iterate=x']\n", "holds _include"},
		{"a nested element", "standard", "    elements: [Patient.name.family]\n", "tenants[0].elements[0] must be an element of the first level"},
		{"an element of nothing", "standard", "    elements: [Patient.]\n", "elements[0] must be an element"},
		{"a set that nobody has", "standard", "    associated_data: [Everything]\n", "associated_data[0] must be LatestProvenanceResources"},
		{"an order by two", "standard", "    organize_output_by: Patient,Encounter\n", "organize_output_by must be one resource type"},
		{"a word for new members", "standard", "    new_members: maybe\n", "new_members must be backfilled, export or full"},
		{"new members and a floor", "standard-stu2", "    new_members: export\n    since: 2025-01-01\n", "new_members export and since contradict each other"},
		{"a dialect that nobody speaks", "standard", "    dialect: stu5\n", "dialect must be stu1, stu2, stu3, stu4 or discover"},
		{"an element of a later release", "standard-stu1", "    elements: [id]\n", "needs _elements, which began with stu2; the dialect here is stu1"},
		{"an order of a later release", "standard-stu2", "    organize_output_by: Patient\n", "which began with stu3"},
		{"patients of a later release", "standard-stu1", "    new_members: export\n", "needs patient, which began with stu2"},
		{"a parameter that the vendor lacks", "epic", "    since: 2026-01-01\n", "tenants[0].since needs _since, which Epic does not take (see the parameters of profile epic)"},
		{"a time before the vendor's floor", "ab2d", "    since: 2019-12-31\n", "since is before 2020-02-13, the earliest that CMS AB2D"},
		{"a time after it", "ab2d", "    since: 2020-02-13\n", ""},
		{"patients where the vendor lacks them", "epic", "    new_members: export\n", "needs patient, which Epic does not take"},
	} {
		_, err := tenantWith(tt.profile, tt.fields)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s is refused: %v", tt.name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := Parse("b.yaml", []byte("tenants: [{id: a, open: true, level: system, types: [Patient], new_members: full, fhir_base_url: 'https://e.example/f'}]")); err == nil ||
		!strings.Contains(err.Error(), "new_members is for exports of a group") {
		t.Errorf("new members of the whole system: %v", err)
	}
}

func TestTheDialectComesFromTheTenantOrElseFromTheProfile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		profile, fields string
		want            Dialect
		discover        bool
	}{
		{"standard", "", STU2, true},
		{"standard", "    dialect: stu4\n", STU4, false},
		{"epic", "", STU1, false},
		{"epic", "    dialect: discover\n", STU2, true},
	} {
		c, err := tenantWith(tt.profile, tt.fields)
		if err != nil {
			t.Fatal(err)
		}
		if got, discover := c.Dialect(&c.Tenants[0]); got != tt.want || discover != tt.discover {
			t.Errorf("%s %s: %s, discover %v", tt.profile, tt.fields, got, discover)
		}
	}
}

func TestNewMembersAreTreatedAsTheTenantOrElseTheProfileSays(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ profile, knows, fields, want string }{
		{"standard", Unknown, "", MembersUnknown},
		{"standard", Yes, "", MembersBackfilled},
		{"standard", No, "", MembersExport},
		{"epic", No, "", MembersFull}, // it takes no patient parameter
		{"standard", Yes, "    new_members: full\n", MembersFull},
	} {
		c, err := tenantWith(tt.profile, tt.fields)
		if err != nil {
			t.Fatal(err)
		}
		tenant := &c.Tenants[0]
		c.Profile(tenant).BackfillsNewMembers = tt.knows
		if got := c.NewMembers(tenant); got != tt.want {
			t.Errorf("%s, which knows %s, and %q: %q, want %q", tt.profile, tt.knows, tt.fields, got, tt.want)
		}
	}
}
