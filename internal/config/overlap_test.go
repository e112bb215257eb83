package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPracticesThatAskForTheSamePatientsAreFound(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("tenants:\n")
	for _, of := range [][3]string{
		{"elm", "https://ehr.example.org/fhir/ELM", "group: g1"},
		{"fir", "https://EHR.example.org/fhir/ELM/", "group: g1"}, // the same, written otherwise
		{"oak", "https://ehr.example.org/fhir/ELM", "group: g2"},
		{"ash", "https://ehr.example.org/fhir/ASH", "level: system"},
		{"yew", "https://ehr.example.org/fhir/ASH", "level: patient"},
	} {
		fmt.Fprintf(&text, "  - {id: %s, open: true, fhir_base_url: %q, %s}\n", of[0], of[1], of[2])
	}
	c, err := Parse("bulkhead.yaml", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	want := []Overlap{{Tenant: "fir", Earlier: "elm"}, {Tenant: "yew", Earlier: "ash"}}
	if diff := cmp.Diff(want, c.Overlaps()); diff != "" {
		t.Errorf("overlaps (-want +got):\n%s", diff)
	}
}
