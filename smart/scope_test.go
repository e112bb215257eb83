package smart

import (
	"slices"
	"testing"
)

func TestScopesOfBothSyntaxesCoverEachOther(t *testing.T) {
	t.Attr("shows", "BS-073 BS-082 BS-079")
	for _, c := range []struct {
		requested, granted, missing []string
	}{
		{[]string{"system/Patient.rs"}, []string{"system/Patient.read"}, nil},
		{[]string{"system/Patient.read"}, []string{"system/Patient.rs"}, nil},
		{[]string{"system/Patient.rs"}, []string{"system/Patient.r", "system/*.s"}, nil},
		{[]string{"system/Patient.rs"}, []string{"system/Patient.r"}, []string{"system/Patient.rs"}},
		{[]string{"system/Patient.r"}, []string{"system/*.cruds"}, nil},
		{[]string{"system/*.rs"}, []string{"system/Patient.rs"}, []string{"system/*.rs"}},
		{[]string{"system/Observation.rs"}, []string{"system/Observation.rs?category=x"}, []string{"system/Observation.rs"}},
		{[]string{"system/Observation.rs?category=x"}, []string{"system/Observation.rs"}, nil},
		{[]string{"system/Patient.rs"}, []string{"user/Patient.rs"}, []string{"system/Patient.rs"}},
		{[]string{"system/bulk-submit", "launch"}, []string{"system/bulk-submit"}, []string{"launch"}},
		{[]string{"system/Patient.rs"}, nil, []string{"system/Patient.rs"}},
	} {
		if got := Missing(c.requested, c.granted); !slices.Equal(got, c.missing) {
			t.Errorf("Missing(%v, %v) = %v, want %v", c.requested, c.granted, got, c.missing)
		}
	}
}

func TestParseScopeKeepsTheOrderOfLetters(t *testing.T) {
	t.Attr("shows", "BS-070 BS-071 BS-072 BS-082")
	for text, want := range map[string]Scope{
		"system/*.read":                  {"system", "*", "rs", ""},
		"system/Patient.*":               {"system", "Patient", "cruds", ""},
		"user/Patient.write":             {"user", "Patient", "cud", ""},
		"system/Observation.rs?code=a|b": {"system", "Observation", "rs", "code=a|b"},
	} {
		if got, err := ParseScope(text); err != nil || got != want {
			t.Errorf("ParseScope(%q) = %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "launch", "system/Patient.sr", "system/Patient.dus", "system/Patient.", "system/patient.rs", "system/Patient.read?x=1", "system/Patient.reads"} {
		if got, err := ParseScope(text); err == nil {
			t.Errorf("ParseScope(%q) = %+v", text, got)
		}
	}
}
