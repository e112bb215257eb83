package schedule

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const holding = `
registrations:
  ecw: {profile: ecw, client_id: c, key_file: k.pem, maintenance: ["sun 02:00-06:00 America/New_York"]}
tenants:
  - {id: lakeside, registration: ecw, fhir_base_url: "https://ehr.example/a", group: g, types: [Patient], time_zone: America/New_York, quiet: ["mon-fri 08:00-18:00"]}
  - {id: hillcrest, registration: ecw, fhir_base_url: "https://other.example/b", group: g, types: [Patient]}
`

func TestWhatHoldsWhat(t *testing.T) {
	cfg, err := config.Parse("/x/bulkhead.yaml", []byte(holding))
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		moment, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	night, noon, sunday := at("2026-01-06T03:00:00-05:00"), at("2026-01-06T12:00:00-05:00"), at("2026-01-04T03:00:00-05:00")
	paused := func(scope, object string, until time.Time) []store.Pause {
		return []store.Pause{{Scope: scope, Object: object, Until: until, By: "anna", Reason: "they move", At: night}}
	}
	dead := []store.Circuit{{Origin: "https://ehr.example", OpenedAt: night, ProbeAt: night.Add(time.Hour), LastError: "no answer"}}
	for _, c := range []struct {
		name     string
		pauses   []store.Pause
		circuits []store.Circuit
		tenant   string
		now      time.Time
		work     string // what holds back work, a request, and a kick-off
		ask      string
		start    string
		until    time.Time // of the kick-off's
	}{
		{name: "nothing", tenant: "lakeside", now: night},
		{name: "a quiet window", tenant: "lakeside", now: noon, start: store.HeldByQuiet, until: at("2026-01-06T18:00:00-05:00")},
		{name: "another's quiet window", tenant: "hillcrest", now: noon},
		{name: "maintenance", tenant: "hillcrest", now: sunday, ask: store.HeldByMaintenance, start: store.HeldByMaintenance, until: at("2026-01-04T06:00:00-05:00")},
		{name: "a circuit", circuits: dead, tenant: "lakeside", now: night, ask: store.HeldByCircuit, start: store.HeldByCircuit, until: night.Add(time.Hour)},
		{name: "a circuit that is to be tried", circuits: dead, tenant: "lakeside", now: night.Add(time.Hour)},
		{name: "another server's circuit", circuits: dead, tenant: "hillcrest", now: night},
		{name: "a pause", pauses: paused(store.PauseTenant, "lakeside", time.Time{}), tenant: "lakeside", now: noon, work: store.HeldByPause, ask: store.HeldByPause, start: store.HeldByPause},
		{name: "another's pause", pauses: paused(store.PauseTenant, "lakeside", time.Time{}), tenant: "hillcrest", now: night},
		{
			name: "a registration's", pauses: paused(store.PauseRegistration, "ecw", noon.Add(time.Hour)), tenant: "hillcrest", now: noon,
			work: store.HeldByPause, ask: store.HeldByPause, start: store.HeldByPause, until: noon.Add(time.Hour),
		},
		{name: "one that is over", pauses: paused(store.PauseAll, "", night), tenant: "hillcrest", now: night},
		{
			name: "the longer of two", pauses: append(paused(store.PauseAll, "", noon.Add(time.Hour)), paused(store.PauseTenant, "hillcrest", noon.Add(time.Minute))...), tenant: "hillcrest", now: noon,
			work: store.HeldByPause, ask: store.HeldByPause, start: store.HeldByPause, until: noon.Add(time.Hour),
		},
	} {
		g := NewGround(cfg, c.pauses, c.circuits)
		tenant, err := cfg.Tenant(c.tenant)
		if err != nil {
			t.Fatal(err)
		}
		for act, want := range map[Act]string{Work: c.work, Ask: c.ask, Start: c.start} {
			h, ok := g.Holds(tenant, act, c.now)
			if h.Cause != want || ok != (want != "") {
				t.Errorf("%s: act %d is held by %q, want %q", c.name, act, h.Cause, want)
			}
			if ok && (act == Start && !h.Until.Equal(c.until) || h.Says == "") {
				t.Errorf("%s: until %s, want %s; %q", c.name, h.Until, c.until, h.Says)
			}
		}
	}
	if h, _ := NewGround(cfg, paused(store.PauseAll, "", time.Time{}), nil).Holds(&cfg.Tenants[0], Work, noon); !strings.Contains(h.Says, "anna") || !strings.Contains(h.Says, "they move") {
		t.Errorf("a pause says %q", h.Says)
	}
}

func TestTimesInSentencesAreWrittenAsPeopleReadThem(t *testing.T) {
	t.Parallel()
	cfg, err := config.Parse("/x/bulkhead.yaml", []byte(holding))
	if err != nil {
		t.Fatal(err)
	}
	night := time.Date(2026, 1, 6, 3, 0, 0, 0, time.FixedZone("", -5*3600))
	pause := store.Pause{Scope: store.PauseAll, Until: night.Add(time.Hour), By: "anna", Reason: "they move", At: night}
	paused, _ := NewGround(cfg, []store.Pause{pause}, nil).Holds(&cfg.Tenants[0], Work, night)
	cut, _ := NewGround(cfg, nil, []store.Circuit{{Origin: "https://ehr.example", OpenedAt: night, ProbeAt: night.Add(time.Hour), LastError: "no answer"}}).Holds(&cfg.Tenants[0], Ask, night)
	past := Pausable(cfg, pause, night.Add(2*time.Hour))
	back := Backoff{Failures: 2, Code: "token_refused", Until: night}
	for want, got := range map[string]string{
		"everything is paused by anna since 2026-01-06 08:00 UTC: they move":                                                                               paused.Says,
		"https://ehr.example cannot be reached since 2026-01-06 08:00 UTC (no answer)":                                                                     cut.Says,
		"the pause would be over at 2026-01-06 09:00 UTC, which has passed":                                                                                problem.Of(past).Summary,
		"2 exports in a row failed, the last with token_refused: not before 2026-01-06 08:00 UTC, a completed export or a changed configuration ends this": back.Says(),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
