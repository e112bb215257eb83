package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// doubtful gives the doubts about a configuration of tenants, each as flow YAML
// on a line of its own from the third on, as "line: text -> next".
func doubtful(t *testing.T, registration string, tenants ...string) (list []string) {
	t.Helper()
	var text strings.Builder
	text.WriteString("registrations: {ecw: {profile: ecw, key_file: k.pem, " + registration + "}}\ntenants:\n")
	for i, tenant := range tenants {
		text.WriteString(fmt.Sprintf("  - {id: p%d, registration: ecw, %s}\n", i+1, tenant))
	}
	c, err := Parse("bulkhead.yaml", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range c.Doubts() {
		list = append(list, fmt.Sprintf("%s %s:%d: %s -> %s", d.About, d.File, d.Line, d.Text, d.Next))
	}
	return list
}

func TestAddressesThatAreNoBaseAreDoubted(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{ // "" is no doubt
		"https://ehr.example/fhir/r4/AB":                                 "",
		"https://ehr.example/Patient/fhir/":                              "",
		"https://ehr.example/fhir/metadata":                              "ends in /metadata, which is below the base of a server -> Write fhir_base_url: https://ehr.example/fhir.",
		"https://ehr.example/fhir/metadata/":                             "Write fhir_base_url: https://ehr.example/fhir.",
		"https://ehr.example/fhir/Patient":                               "Write fhir_base_url: https://ehr.example/fhir.",
		"https://ehr.example/fhir/Group":                                 "Write fhir_base_url: https://ehr.example/fhir.",
		"https://ehr.example/fhir/Group/77":                              "Write fhir_base_url: https://ehr.example/fhir, and group: 77.",
		"https://ehr.example/fhir/Group/g":                               "Write fhir_base_url: https://ehr.example/fhir.",
		"https://ehr.example/fhir/Group/77/$export":                      "Write fhir_base_url: https://ehr.example/fhir, and group: 77.",
		"https://ehr.example/fhir/Group/$export":                         "Write fhir_base_url: https://ehr.example/fhir.",
		"https://ehr.example/fhir/Patient/$export":                       "ends in /Patient/$export",
		"https://ehr.example/fhir/$export":                               "Write fhir_base_url: https://ehr.example/fhir.",
		"https://ehr.example/fhir/.well-known/smart-configuration":       "Write fhir_base_url: https://ehr.example/fhir.",
		"https://EHR.example/fhir":                                       "capital letters: it works, but bulkhead takes it for another address than the same in small ones -> Write fhir_base_url: https://ehr.example/fhir, ",
		"https://ehr.example/fhir?":                                      "Write fhir_base_url: https://ehr.example/fhir.",
		"https://ehr.example/fhir ":                                      "holds a space -> Write it without: fhir_base_url: https://ehr.example/fhir.",
		"https://https://ehr.example/fhir":                               "a host without a name or a port",
		"https://ehr.example/fhir/BulkData":                              "",
		"https://ehr.example/api/FHIR/R4":                                "",
		"https://ehr.example:8443/interconnect-fhir-oauth/api/FHIR/R4//": "",
	} {
		got := doubtful(t, "client_id: c", fmt.Sprintf("fhir_base_url: %q, group: g", base))
		if want == "" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || want == "" || !strings.HasPrefix(got[0], "p1 bulkhead.yaml:3: fhir_base_url ") || !strings.Contains(got[0], want) {
			t.Errorf("%s: %q, want %q", base, got, want)
		}
	}
}

func TestGroupsThatAreNoIDsAreDoubted(t *testing.T) {
	t.Parallel()
	for group, want := range map[string]string{
		"42": "", "a.B-c_d": "", "one/two": "",
		"Group/42":                              "42",
		"/Group/42/":                            "42",
		"Group/42/$export":                      "42",
		"https://ehr.example/fhir/Group/42?x=y": "42",
		"https://ehr.example/fhir/groups/42":    "42",
		" 42":                                   "42",
		"https://u:secret@ehr.example/Group/42?s=": "42",
	} {
		got := doubtful(t, "client_id: c", fmt.Sprintf("fhir_base_url: 'https://ehr.example/fhir', group: %q, agreement: {reference: A, status: draft, effective_from: 2000-01-01, types: ['*'], groups: [%q], sinks: ['*']}", group, group))
		if want == "" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || want == "" || !strings.Contains(got[0], "-> Write group: \""+want+"\", and the same among the groups of the agreement.") || strings.Contains(got[0], "secret") {
			t.Errorf("%q: %q, want %q", group, got, want)
		}
	}
}

func TestRegistrationsThatHoldWhatIsNotMeantAreDoubted(t *testing.T) {
	t.Parallel()
	for registration, want := range map[string]string{
		"client_id: c, token_url: 'https://auth.example/token'":                               "",
		"client_id: c, token_url: 'https://ehr.example/fhir/.well-known/smart-configuration'": "token_url is where a server says what it has, not where it gives tokens -> Leave token_url out",
		"client_id: c, token_url: 'https://ehr.example/.well-known/openid-configuration'":     "Leave token_url out",
		`client_id: " abc "`:   `-> Write client_id: "abc"`,
		`client_id: "ab c\n"`:  `-> Write client_id: "abc"`,
		`client_id: "a-b:c_d"`: "",
	} {
		got := doubtful(t, registration)
		if want == "" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || want == "" || !strings.HasPrefix(got[0], "registration ecw bulkhead.yaml:1: ") || !strings.Contains(got[0], want) {
			t.Errorf("%s: %q, want %q", registration, got, want)
		}
	}
}

func TestPracticesThatAskForTheSamePatientsAreDoubted(t *testing.T) {
	t.Parallel()
	got := doubtful(t, "client_id: c",
		"fhir_base_url: 'https://ehr.example/fhir/ELM', group: g1",
		"fhir_base_url: 'https://ehr.example/fhir/ELM/', group: Group/g1", // the same, written otherwise
		"fhir_base_url: 'https://ehr.example/fhir/ELM', group: g2",
		"fhir_base_url: 'https://ehr.example/fhir/ASH', group: g1",
	)
	want := []string{
		`p2 bulkhead.yaml:4: group is "Group/g1", but the id alone belongs there -> Write group: "g1".`,
		"p2 bulkhead.yaml:4: it asks the same server for the same patients as p1 -> Give it its own fhir_base_url or group, unless that is meant: the records of one practice would be in the tables of both.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("doubts (-want +got):\n%s", diff)
	}
}
