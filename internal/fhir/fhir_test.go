package fhir

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestInstantsAreReadStrictlyAndWrittenNeverLater(t *testing.T) {
	for _, bad := range []string{"", "2026", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00Z", "2026-13-01T00:00:00Z", "2026-01-01 00:00:00Z", "x2026-01-01T00:00:00Z"} {
		if got, err := ParseInstant(bad); err == nil {
			t.Errorf("ParseInstant(%q) = %s", bad, got)
		}
	}
	at, err := ParseInstant("2026-03-01T23:30:00.1239-05:00")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := FormatInstant(at), "2026-03-02T04:30:00.123Z"; got != want {
		t.Errorf("FormatInstant = %s, want %s", got, want)
	}
	if back, _ := ParseInstant(FormatInstant(at)); back.After(at) || at.Sub(back) > time.Millisecond {
		t.Errorf("%s became %s", at, back)
	}
}

func TestNamesOfTypesAndTables(t *testing.T) {
	for name, want := range map[string]bool{"Patient": true, "patient": false, "../Patient": false, "": false, "P": false, "Patient1": false} {
		if IsTypeName(name) != want {
			t.Errorf("IsTypeName(%q) = %v", name, !want)
		}
	}
	if got := SnakeCase("DiagnosticReport"); got != "diagnostic_report" {
		t.Errorf("SnakeCase = %s", got)
	}
	if diff := cmp.Diff([]string{"Condition", "Patient"}, TypeSet([]string{"Patient", "Condition", "Patient"})); diff != "" {
		t.Error(diff)
	}
	if Key("Patient", "123") != "Patient/123" {
		t.Error("Key")
	}
}
