package app_test

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const twoVendors = `
limits: {requests_per_minute: 100}
registrations:
  oak: {profile: ecw, client_id: abc, key_env: OAK_KEY}
  elm: {profile: ecw, client_id: def, key_env: ELM_KEY}
sinks: {lake: {kind: parquet, folder: /lake}}
tenants:
  - &t
    id: lakeside
    registration: oak
    fhir_base_url: https://ehr.example.org/fhir/r4/LAKE
    group: "42"
    types: [Patient]
    agreement: {reference: BAA-1, status: active, effective_from: 2026-01-01, types: ["*"], groups: ["*"], sinks: ["*"]}
  - {<<: *t, id: hillcrest, registration: elm, fhir_base_url: "https://ehr.example.org/fhir/r4/HILL"}
`

func TestOnlyWhatIsAPracticesOwnCountsAsItsNewConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		text := twoVendors
		apply := func(old, next string) (now time.Time) {
			<-time.After(time.Hour)
			text = strings.Replace(text, old, next, 1)
			c, err := config.Parse("/etc/bulkhead/bulkhead.yaml", []byte(text))
			if err == nil {
				_, err = app.Record(t.Context(), s, c, "test")
			}
			if err != nil {
				t.Fatal(err)
			}
			return time.Now()
		}
		want := func(what string, lakeside, hillcrest time.Time) {
			t.Helper()
			for tenant, at := range map[string]time.Time{"lakeside": lakeside, "hillcrest": hillcrest} {
				if got, err := s.In(tenant).ConfiguredAt(t.Context()); err != nil || !got.Equal(at) {
					t.Errorf("%s: %s was configured at %s, %v, want %s", what, tenant, got, err, at)
				}
			}
		}
		begin := apply("", "")
		want("at first", begin, begin)
		apply("requests_per_minute: 100", "requests_per_minute: 90")
		want("after a change of what all share", begin, begin)
		one := apply("client_id: def", "client_id: ghi")
		want("after one of a registration", begin, one)
		two := apply("folder: /lake", "folder: /new")
		want("after one of their sink", two, two)
		three := apply(`"https://ehr.example.org/fhir/r4/HILL"`, `"https://ehr.example.org/fhir/r4/HILLS"`)
		want("after one of a practice", two, three)
	})
}
