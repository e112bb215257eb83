package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestATimeOfAnotherDayShowsItsDay(t *testing.T) {
	if got := clock(time.Time{}); got != "never" {
		t.Errorf("clock(zero) = %s", got)
	}
	then := time.Date(2020, 2, 3, 4, 5, 6, 0, time.Local)
	if got := clock(then); got != "2020-02-03 04:05" {
		t.Errorf("clock = %s", got)
	}
	if now := time.Now(); clock(now) != now.Local().Format(time.TimeOnly) {
		t.Errorf("clock(now) = %s", clock(now))
	}
}

func TestAGridSetsItsColumns(t *testing.T) {
	var out bytes.Buffer
	g := &Globals{streams: Streams{Out: &out}}
	table := grid{header: []string{"tenant", "n", "why"}, right: map[int]bool{1: true}}
	table.add("lakeside", "7", "")
	table.add("Española", "1,234", "kept")
	table.print(g)
	want := "tenant        n  why\nlakeside      7  \nEspañola  1,234  kept\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestWhatJSONHasNoNumberForBecomesText(t *testing.T) {
	zero := 0.0
	if got := finite(zero / zero); got != "NaN" {
		t.Errorf("finite(NaN) = %v", got)
	}
	if got := finite(1 / zero); got != "+Inf" {
		t.Errorf("finite(Inf) = %v", got)
	}
	if got := finite(1.5); got != 1.5 {
		t.Errorf("finite(1.5) = %v", got)
	}
}

func TestALineOfAnExportThatIsTriedAgainSaysHowOften(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"asking, retrying · 1 retry, the last because: refused": retrying("asking", 1, "refused"),
		"downloading, retrying · 3 stored; 1,200 retries":       retrying("downloading · 3 stored", 1200, ""),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
