package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fleet writes a configuration of n practices, each in a file of its own.
func fleet(tb testing.TB, n int) string {
	tb.Helper()
	dir := tb.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "tenants"), 0o700); err != nil {
		tb.Fatal(err)
	}
	write("bulkhead.yaml", `folder: state
registrations:
  vendor: {profile: ecw, client_id: abc, key_env: VENDOR_KEY}
sinks:
  tables: {kind: duckdb, file: tables.duckdb}
  lake: {kind: parquet, folder: lake}
include: tenants/*.yaml
`)
	for i := range n {
		write(fmt.Sprintf("tenants/p%03d.yaml", i), fmt.Sprintf(`# Practice %[1]d
id: practice-%03[1]d
name: Practice %[1]d
legal_name: Practice %[1]d Family Medicine PLLC
npi: "1234567893"
contacts:
  - {who: practice, name: Front desk, email: desk%[1]d@practice.example, phone: 555 0100}
  - {who: us, name: On call, email: oncall@us.example}
registration: vendor
fhir_base_url: https://fhir4.example.org/fhir/r4/P%04[1]d
group: group-%[1]d
types: [Patient, Encounter, Condition, Observation, MedicationRequest]
schedule: "%[2]d 2 * * *"
time_zone: America/New_York
full_every: 30d
agreement:
  reference: BAA-2026-%03[1]d
  document: {sha256: %064[1]d, version: v2, signed_at: 2025-12-01, reviewer: C. Counsel, reviewed_at: 2025-12-05}
  status: active
  effective_from: 2026-01-01
  expires_at: 2028-01-01
  auto_renew: true
  notice: 60d
  purposes: {quality: clause 2.1, care-management: clause 2.2}
  types: [Patient, Encounter, Condition, Observation, MedicationRequest]
  groups: [group-%[1]d]
  sinks: [tables, lake]
  retention: {raw: 90d, staged: 7d, quarantine: 180d}
`, i, i%60))
	}
	return filepath.Join(dir, "bulkhead.yaml")
}

func TestEachOfManyPracticesIsFound(t *testing.T) {
	t.Parallel()
	c, err := Load(fleet(t, 40))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		id := fmt.Sprintf("practice-%03d", i)
		tenant, err := c.Tenant(id)
		if err != nil || tenant.ID != id || !strings.HasSuffix(tenant.FHIRBaseURL, fmt.Sprintf("P%04d", i)) {
			t.Errorf("%s = %+v, %v", id, tenant, err)
		}
	}
	c.Tenants = c.Tenants[:3] // as a test might
	if _, err := c.Tenant("practice-030"); err == nil {
		t.Error("a practice that is gone is found")
	}
	if _, err := c.Tenant("practice-002"); err != nil {
		t.Error(err)
	}
}

// A configuration of 500 practices is checked and compared well within the two
// seconds that a person waits.
func BenchmarkFiveHundredPractices(b *testing.B) {
	path := fleet(b, 500)
	c, err := Load(path)
	if err != nil {
		b.Fatal(err)
	}
	next := *c
	next.Tenants = append([]Tenant{}, c.Tenants...)
	for i := range next.Tenants {
		next.Tenants[i].Schedule = "0 5 * * *"
	}
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if _, err := Load(path); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("compare", func(b *testing.B) {
		for b.Loop() {
			if got := Compare(c, &next).Count(Changed); got != 500 {
				b.Fatalf("%d practices changed", got)
			}
		}
	})
	b.Run("tenant", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Tenant("practice-499"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
