package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

func TestABuiltInProfileCanBeWrittenAndReadBack(t *testing.T) {
	for name, p := range config.Profiles() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			text, err := p.YAML()
			if err != nil {
				t.Fatal(err)
			}
			write := func(file string, text []byte) {
				if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Mkdir(filepath.Join(dir, "profiles"), 0o700); err != nil {
				t.Fatal(err)
			}
			write("profiles/"+name+".yaml", text)
			write("bulkhead.yaml", []byte("profiles: profiles\ntenants:\n  - {id: t, open: true, profile: "+name+
				", level: group, group: g, types: [Patient], fhir_base_url: 'https://ehr.example/fhir', agreement: {reference: r, status: active, effective_from: 2026-01-01, types: ['*'], groups: ['*'], sinks: ['*']}}\n"))
			c, err := config.Load(filepath.Join(dir, "bulkhead.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(p, c.Profile(&c.Tenants[0]), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(config.Profile{}, "Extends"),
				cmp.Comparer(func(a, b config.Moment) bool { return a.Equal(b.Time) })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestATypeThatTheVendorDoesNotExportIsAMistake(t *testing.T) {
	text := "registrations: {e: {profile: ecw, client_id: c, key_file: k}}\ntenants:\n" +
		"  - {id: t, registration: e, group: g, types: [Patient, Appointment], fhir_base_url: 'https://ehr.example/fhir', agreement: {reference: r, status: active, effective_from: 2026-01-01, types: ['*'], groups: ['*'], sinks: ['*']}}\n"
	_, err := config.Parse("bulkhead.yaml", []byte(text))
	if err == nil || !strings.Contains(err.Error(), "Appointment") {
		t.Errorf("Parse = %v, want a mistake that names Appointment", err)
	}
}
