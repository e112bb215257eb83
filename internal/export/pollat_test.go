package export

import (
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// A server that asks for years by mistake is asked again after the longest
// wait that its profile believes; every other wait is kept to.
func TestAWaitThatNobodyMeansIsCapped(t *testing.T) {
	t.Attr("shows", "P3")
	cfg, err := config.Parse("bulkhead.yaml", []byte("tenants: [{id: elm, open: true, level: system, types: [Patient], fhir_base_url: 'https://ehr.example.org/fhir'}]"))
	if err != nil {
		t.Fatal(err)
	}
	s := &Steps{Config: cfg}
	tenant := &cfg.Tenants[0]
	rule := cfg.Profile(tenant).Poll
	answered := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		told bulkdata.RetryAfter
		want time.Duration
	}{
		{bulkdata.RetryAfter{Given: true, Wait: 0}, rule.Floor.Std()},
		{bulkdata.RetryAfter{Given: true, Wait: 5 * time.Hour}, 5 * time.Hour},
		{bulkdata.RetryAfter{Given: true, Wait: 24 * 365 * time.Hour}, rule.RetryAfterCap.Std()},
	} {
		if got := s.pollAt(tenant, tt.told, answered, 0).Sub(answered); got != tt.want {
			t.Errorf("told %+v, the next poll is after %v, want %v", tt.told, got, tt.want)
		}
		if got, want := s.pageAt(tenant, tt.told, answered).Sub(answered), max(betweenPages, min(tt.told.Wait, tt.want)); got != want {
			t.Errorf("told %+v, the next page is asked for after %v, want %v", tt.told, got, want)
		}
	}
}

// Where the server does not say when, polls become rarer until they are as
// rare as the profile has it.
func TestOurOwnPaceGrows(t *testing.T) {
	t.Attr("shows", "P1")
	cfg, err := config.Parse("bulkhead.yaml", []byte("tenants: [{id: elm, open: true, level: system, types: [Patient], fhir_base_url: 'https://ehr.example.org/fhir'}]"))
	if err != nil {
		t.Fatal(err)
	}
	rule := cfg.Profile(&cfg.Tenants[0]).Poll
	before := ownPace(rule, 0)
	if first := rule.Default.Std(); before < first || before > first*11/10 {
		t.Errorf("the first wait is %v", before)
	}
	for polls := range int64(200) {
		wait := ownPace(rule, polls+1)
		if most := rule.Ceiling.Std(); wait > most*11/10 || (wait <= before*9/10 && before < most/2) || (polls > 100 && wait < most*9/10) {
			t.Errorf("%v after %v, at most %v", wait, before, most)
		}
		before = wait
	}
}
