package config

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestAWindowIsReadAndWrittenAlike(t *testing.T) {
	for text, want := range map[string]Window{
		"08:00-18:00":                               {Days: 127, From: 480, To: 1080},
		"daily 22:30-04:00":                         {Days: 127, From: 1350, To: 240},
		"mon-fri 08:00-18:00":                       {Days: 0b0111110, From: 480, To: 1080},
		"fri-mon 00:00-24:00":                       {Days: 0b1100011, From: 0, To: 1440},
		"Sat,sun 01:00-02:00 US/Eastern":            {Days: 0b1000001, From: 60, To: 120, Zone: "US/Eastern"},
		"2026-01-31T22:00:00Z/2026-02-01T04:00:00Z": {Begin: time.Date(2026, 1, 31, 22, 0, 0, 0, time.UTC), End: time.Date(2026, 2, 1, 4, 0, 0, 0, time.UTC)},
	} {
		var w, again Window
		if err := w.UnmarshalText([]byte(text)); err != nil || w != want {
			t.Errorf("%q = %+v, %v, want %+v", text, w, err, want)
			continue
		}
		if err := again.UnmarshalText([]byte(w.String())); err != nil || again != w {
			t.Errorf("%q is written as %q, and read as %+v, %v", text, w, again, err)
		}
	}
}

func TestAWindowThatCannotBeIsAMistake(t *testing.T) {
	for _, text := range []string{
		"", "08:00", "8-18", "mon", "mon 08:00", "mon 08:00-08:00", "mon 24:00-01:00", "moon 08:00-09:00", "mon 08:00-09:00 Nowhere/Land",
		"mon 08:00-09:00 Local", "mon 08:00-09:00 UTC UTC", "25:00-26:00", "08:60-09:00", "2026-01-31T22:00:00Z/x", "2026-01-31T22:00:00Z/2026-01-31T21:00:00Z",
	} {
		var w Window
		if err := w.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q = %+v, want a mistake", text, w)
		}
	}
}

func TestEveryWindowComesBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := Window{
			Days: uint8(rapid.IntRange(1, 127).Draw(t, "days")), From: rapid.IntRange(0, 1439).Draw(t, "from"), To: rapid.IntRange(0, 1440).Draw(t, "to"),
			Zone: rapid.SampledFrom([]string{"", "UTC", "America/New_York", "Australia/Lord_Howe"}).Draw(t, "zone"),
		}
		if w.From == w.To {
			w.To++
		}
		var back Window
		if err := back.UnmarshalText([]byte(w.String())); err != nil || back != w {
			t.Fatalf("%+v is written as %q, and read as %+v, %v", w, w, back, err)
		}
	})
}

const scheduled = `
scheduling: {spread: 2h, catch_up_within: 12h}
registrations:
  ecw: {profile: ecw, client_id: c, key_file: k.pem, maintenance: ["sun 02:00-06:00 America/New_York"]}
tenants:
  - id: lakeside
    registration: ecw
    fhir_base_url: https://ehr.example/fhir
    group: g
    types: [Patient]
    quiet: mon-fri 08:00-18:00
    priority: low
    spread: 30m
  - {id: hillcrest, registration: ecw, fhir_base_url: "https://ehr2.example/fhir", group: g, types: [Patient], catch_up: none}
`

func TestAPracticeInheritsHowSchedulesAreKept(t *testing.T) {
	c, err := Parse("/x/bulkhead.yaml", []byte(scheduled))
	if err != nil {
		t.Fatal(err)
	}
	own, other := &c.Tenants[0], &c.Tenants[1]
	if c.Spread(own) != 30*time.Minute || c.Spread(other) != 2*time.Hour {
		t.Errorf("spread %s and %s", c.Spread(own), c.Spread(other))
	}
	if ok, within := c.CatchUp(own); !ok || within != 12*time.Hour {
		t.Errorf("catch up: %v within %s", ok, within)
	}
	if ok, _ := c.CatchUp(other); ok {
		t.Error("one that wants no catching up has it")
	}
	if w := c.Maintenance(other); len(w) != 1 || w[0].Zone != "America/New_York" || len(own.Quiet) != 1 {
		t.Errorf("maintenance %v, quiet %v", w, own.Quiet)
	}
}

func TestWindowsThatLeaveNoTimeAreAMistake(t *testing.T) {
	always := strings.Replace(scheduled, "quiet: mon-fri 08:00-18:00", `quiet: ["mon-fri 06:00-24:00", "daily 23:00-06:00", "sat,sun 05:00-23:30"]`, 1)
	if _, err := Parse("/x/bulkhead.yaml", []byte(always)); err == nil || !strings.Contains(err.Error(), "nothing would ever start") {
		t.Errorf("windows over the whole week: %v", err)
	}
}
