package config

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
)

func TestECWScopesAreSpelledAsTheVendorAdvertisesThem(t *testing.T) {
	t.Parallel()
	ecw := Profiles()["ecw"]
	for _, tt := range []struct {
		name  string
		types []string
		want  []string
	}{
		{"no types ask for all of them", nil, []string{"system/Group.read", "system/*.r"}},
		{
			"both spellings in one request",
			[]string{"Patient", "Coverage"},
			[]string{"system/Group.read", "system/Patient.read", "system/Coverage.r"},
		},
		{"the group scope is not repeated", []string{"Group"}, []string{"system/Group.read"}},
	} {
		if diff := cmp.Diff(tt.want, ecw.Scopes(tt.types)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if got := ecw.Scopes(nil); len(got) != 2 {
		t.Errorf("asking twice gives %v", got)
	}
}

func TestECWOffersTheTypesThatFHIRListsForIt(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(fhir.ECWTypes, Profiles()["ecw"].Types); diff != "" {
		t.Errorf("types (-fhir.ECWTypes +profile):\n%s", diff)
	}
}

func TestTheStandardProfileToleratesNothing(t *testing.T) {
	t.Parallel()
	p := Profiles()["standard"]
	if len(p.Tolerate) > 0 {
		t.Errorf("standard tolerates %v", p.Tolerate)
	}
	if got, want := p.Scopes([]string{"Patient"}), []string{"system/Patient.read"}; !slices.Equal(got, want) {
		t.Errorf("scopes = %v, want %v", got, want)
	}
	for _, level := range []string{LevelGroup, LevelPatient, LevelSystem} {
		if !p.HasLevel(level) {
			t.Errorf("standard has no level %s", level)
		}
	}
}

func TestEveryNamedToleranceIsKnown(t *testing.T) {
	t.Parallel()
	ecw := Profiles()["ecw"]
	for _, want := range []Tolerance{Duplicate200, AmpEscape} {
		if !ecw.Tolerates(want) {
			t.Errorf("ecw does not tolerate %s", want)
		}
	}
	if ecw.Tolerates(TokenFlagText) {
		t.Error("ecw tolerates what nobody has seen there")
	}
}
