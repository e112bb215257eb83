package config

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

const good = `
folder: state
limits: {exports: 3, requests_per_minute: 100}
tls: {ca_file: ca.pem}
views: views
validation: {us_core: 8.0.0}
registrations:
  vendor: {profile: ecw, client_id: abc, key_env: VENDOR_KEY}
sinks:
  lake: {kind: parquet, folder: lake}
tenants:
  - id: elm
    registration: vendor
    fhir_base_url: https://ehr.example.org/fhir/r4/ELM/
    group: 42
    since: 2026-03-01
    schedule: "30 2 * * *"
    time_zone: America/New_York
    full_every: 30d
    agreement: &baa
      reference: BAA-1
      status: active
      effective_from: 2026-01-01
      expires_at: 2027-01-01T00:00:00Z
      types: [Patient, Condition]
      groups: ["42"]
      sinks: [lake]
  - id: fir
    open: true
    fhir_base_url: http://localhost:8080/fhir
    allow_http: true
    level: system
    types: [Patient]
    requests_per_minute: 9
    validation: {us_core: none, on_error: quarantine}
    generic_tables: none
    agreement: {<<: *baa, reference: BAA-2}
`

var compare = cmp.Options{
	cmpopts.IgnoreUnexported(Config{}),
	cmp.Comparer(func(a, b Moment) bool { return a.Equal(b.Time) }),
	cmpopts.IgnoreTypes(Attachments{}, Alerts{}),
}

func TestAWholeConfigurationIsReadWithItsDefaults(t *testing.T) {
	t.Parallel()
	c, err := Parse("/etc/bulkhead/bulkhead.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	agreement := Agreement{
		Reference: "BAA-1", Kind: KindBAA, CoveredEntity: "elm", Status: AgreementActive,
		Notice: Duration(30 * 24 * time.Hour), Security: Security{BreachNotice: Duration(60 * 24 * time.Hour)},
		Disposal: DisposalDestroy, DisposalDeadline: Duration(30 * 24 * time.Hour), Retention: Retention{History: Duration(400 * 24 * time.Hour)},
		EffectiveFrom: Moment{Time: time.Date(2026, 1, 1, 0, 0, 0, 0, newYork)},
		ExpiresAt:     Moment{Time: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)},
		Types:         []string{"Patient", "Condition"}, Groups: []string{"42"}, Sinks: []string{"lake"},
	}
	second := agreement
	second.Reference, second.CoveredEntity = "BAA-2", "fir"
	second.EffectiveFrom = Moment{Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	judged := Validation{USCore: "8.0.0", OnError: DeliverErrors}
	var alerts Alerts
	alerts.fill("", 256<<20)
	want := &Config{
		Folder: "/etc/bulkhead/state", Validation: judged, Alerts: alerts, Metrics: Metrics{Tenants: 1000},
		Limits:        Limits{Exports: 3, DownloadsPerExport: 4, IngestWorkers: runtime.GOMAXPROCS(0), RequestsPerMinute: 100, LineBytes: 256 << 20, FileBytes: 1 << 40, FilesPerExport: 250_000, FreeBytes: 256 << 20, Retry: Retry{FirstWait: Duration(2 * time.Second), LongestWait: Duration(5 * time.Minute), Attempts: 8}},
		TLS:           TLS{CAFile: "/etc/bulkhead/ca.pem"},
		Views:         []string{"/etc/bulkhead/views"},
		Registrations: map[string]Registration{"vendor": {Profile: "ecw", ClientID: "abc", KeyEnv: "VENDOR_KEY", JWKSMaxAge: Duration(time.Hour)}},
		Sinks:         map[string]Sink{"lake": {Kind: Parquet, Folder: "/etc/bulkhead/lake"}},
		Tenants: []Tenant{{
			ID: "elm", Name: "elm", LegalName: "elm", Registration: "vendor", FHIRBaseURL: "https://ehr.example.org/fhir/r4/ELM",
			Level: LevelGroup, Group: "42", Types: []string{"Patient", "Condition"},
			Since:    Moment{Time: time.Date(2026, 3, 1, 0, 0, 0, 0, newYork)},
			Schedule: "30 2 * * *", TimeZone: "America/New_York", FullEvery: Cadence{Every: 30 * 24 * time.Hour},
			Validation: judged, GenericTables: []string{TableCoding, TableReference},
			Sinks: []string{"lake"}, Agreement: &agreement,
		}, {
			ID: "fir", Name: "fir", LegalName: "fir", Open: true, Profile: "standard", FHIRBaseURL: "http://localhost:8080/fhir",
			AllowHTTP: true, Level: LevelSystem, Types: []string{"Patient"}, TimeZone: "UTC",
			Validation: Validation{USCore: NoGuide, OnError: QuarantineErrors}, GenericTables: []string{NoTables},
			Sinks: []string{"lake"}, RequestsPerMinute: 9, Agreement: &second,
		}},
	}
	if diff := cmp.Diff(want, c, compare); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestATenantsLimitsComeFromTheNearestPlaceThatSaysOne(t *testing.T) {
	t.Parallel()
	c, err := Parse("bulkhead.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	elm, fir := &c.Tenants[0], &c.Tenants[1]
	if got := c.RequestsPerMinute(elm); got != 100 {
		t.Errorf("elm: %d requests per minute, want the configuration's 100", got)
	}
	if got := c.RequestsPerMinute(fir); got != 9 {
		t.Errorf("fir: %d requests per minute, want its own 9", got)
	}
	c.Limits.RequestsPerMinute = 0
	if got := c.RequestsPerMinute(elm); got != 250 {
		t.Errorf("elm: %d requests per minute, want the profile's 250", got)
	}
	c.Limits.DownloadsPerExport = 10
	if got := c.Downloads(elm); got != 4 {
		t.Errorf("elm: %d downloads at once, want the profile's 4", got)
	}
	if got := c.Downloads(fir); got != 10 {
		t.Errorf("fir: %d downloads at once, want the configuration's 10", got)
	}
}

func TestSinksAreDuckDBAndParquetWhenNoneIsGiven(t *testing.T) {
	t.Parallel()
	c, err := Parse("/srv/bulkhead.yaml", []byte("limits: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Sink{
		"tables":  {Kind: DuckDB, File: "/srv/bulkhead/tables.duckdb"},
		"parquet": {Kind: Parquet, Folder: "/srv/bulkhead/parquet"},
	}
	if diff := cmp.Diff(want, c.Sinks); diff != "" {
		t.Errorf("sinks (-want +got):\n%s", diff)
	}
}

func TestTheExampleConfigurationLoads(t *testing.T) {
	t.Parallel()
	c, err := Load(filepath.Join("..", "..", "docs", "examples", "bulkhead.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	tenant, err := c.Tenant("oak-street")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Profile(tenant).Name; got != "ecw" {
		t.Errorf("oak-street has the profile %s, want ecw", got)
	}
}

func TestIncludedFilesHoldOneTenantEachAndTellTheirOwnLines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const open = "open: true\nlevel: system\nfhir_base_url: https://ehr.example.org/fhir\n"
	write("bulkhead.yaml", "include: t-*.yaml\n")
	write("t-b.yaml", "id: b\n"+open)
	write("t-a.yaml", "id: a\n"+open)
	c, err := Load(filepath.Join(dir, "bulkhead.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Tenants) != 2 || c.Tenants[0].ID != "a" || c.Tenants[1].ID != "b" {
		t.Errorf("tenants = %+v, want a and b", c.Tenants)
	}

	write("t-b.yaml", "id: a\n"+open)
	_, err = Load(filepath.Join(dir, "bulkhead.yaml"))
	mistakes := mistakesOf(t, err)
	if len(mistakes) != 1 || mistakes[0].File != "t-b.yaml" || mistakes[0].Line != 1 {
		t.Errorf("mistakes = %v, want one at t-b.yaml:1", mistakes)
	}
}

func TestAMissingFileSaysSo(t *testing.T) {
	t.Parallel()
	_, err := Load(filepath.Join(t.TempDir(), "bulkhead.yaml"))
	if got := problem.Of(err).Code; got != problem.ConfigMissing {
		t.Errorf("code = %s, want %s", got, problem.ConfigMissing)
	}
}

func TestAnUnknownTenantIsToldWhichThereAre(t *testing.T) {
	t.Parallel()
	c, err := Parse("bulkhead.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Tenant("oak")
	p := problem.Of(err)
	if p.Code != problem.TenantUnknown || p.Remedy != "Use one of: elm, fir; or add it to the configuration under `tenants`." {
		t.Errorf("problem = %+v", p)
	}
}

// Of hundreds not all are told: the one that is like it, or where they stand.
func TestAnUnknownTenantOfManyIsToldWhichIsMeant(t *testing.T) {
	t.Parallel()
	c, err := Load(fleet(t, 40))
	if err != nil {
		t.Fatal(err)
	}
	misspelt := c.Tenants[7].ID + "x"
	for id, want := range map[string]string{
		misspelt: "Is " + c.Tenants[7].ID + " meant? Else add it to the configuration under `tenants`.",
		"zzzzzz": "See which 40 there are with bulkhead status, or add it to the configuration under `tenants`.",
	} {
		_, err := c.Tenant(id)
		if p := problem.Of(err); p.Remedy != want {
			t.Errorf("%s: %s", id, p.Remedy)
		}
	}
}

func TestAKeyIsReadFromItsFileOrVariableAndNeverPrinted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, []byte("canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONFIG_TEST_KEY", "canary")
	for _, r := range []Registration{{KeyFile: file}, {KeyEnv: "CONFIG_TEST_KEY"}} {
		key, err := r.Key()
		if err != nil {
			t.Fatal(err)
		}
		if key.Reveal() != "canary" || key.String() == "canary" {
			t.Errorf("key of %+v is wrong or printed", r)
		}
	}
	for _, r := range []Registration{{KeyFile: file + ".gone"}, {KeyEnv: "CONFIG_TEST_NO_KEY"}} {
		_, err := r.Key()
		if got := problem.Of(err).Code; got != problem.KeyMissing {
			t.Errorf("code = %s, want %s", got, problem.KeyMissing)
		}
	}
}

func mistakesOf(t *testing.T, err error) Mistakes {
	t.Helper()
	p := problem.Of(err)
	if p == nil || p.Code != problem.ConfigInvalid {
		t.Fatalf("error = %v, want %s", err, problem.ConfigInvalid)
	}
	mistakes, ok := errors.AsType[Mistakes](p)
	if !ok {
		t.Fatalf("cause = %T, want Mistakes", p.Err)
	}
	return mistakes
}

func TestAnAgreementThatPermitsAllTypesNamesNone(t *testing.T) {
	t.Parallel()
	const text = `
tenants:
  - id: oak
    open: true
    level: system
    fhir_base_url: https://ehr.example.org/fhir
    agreement: {reference: B, status: active, effective_from: 2026-01-01, types: "*", groups: "*", sinks: "*"}
`
	c, err := Parse("bulkhead.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Tenants[0].Types) > 0 {
		t.Errorf("types = %v, want none: the tenant must say which", c.Tenants[0].Types)
	}
}
