package scenario_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

const (
	perDay   = 4                     // exports of each practice
	together = 16                    // practices that are due at the same minute
	latest   = 90 * time.Minute      // after it was due an export has completed
	takes    = 90 * time.Second      // the server for an export
	outage   = 20 * time.Minute      // of every tenth server, in the morning
	settled  = 24*time.Hour + latest // when nothing of the day is left
)

// A day is what 24 hours of scheduled life came to; LOAD_DAY_RESULT names a
// file that takes it as JSON.
type day struct {
	Practices   int     `json:"practices"`
	Exports     int     `json:"exports"`
	Full        int     `json:"full"`
	Requests    int     `json:"requests"`     // that the servers answered
	LagMedian   float64 `json:"lag_median"`   // seconds from due to completed
	LagWorst    float64 `json:"lag_worst"`    // of the servers without an outage
	LagOutage   float64 `json:"lag_outage"`   // the worst of the others
	OldestData  float64 `json:"oldest_data"`  // hours: the greatest age of what a practice's tables show
	LedgerFirst int64   `json:"ledger_first"` // bytes, when every practice had its first export
	Ledger      int64   `json:"ledger"`       // bytes, at the end
	PerExport   int64   `json:"per_export"`   // bytes of ledger for each export after the first ones
	CPU         float64 `json:"cpu"`          // seconds of the process, servers and clock included
	Wall        float64 `json:"wall"`         // real seconds
}

// TestADayOfSchedulesIsKept lives 24 hours of LOAD_DAY_PRACTICES practices, 10
// without it: each is due four times, sixteen of them at the same minute.
func TestADayOfSchedulesIsKept(t *testing.T) {
	t.Attr("fault", "load: 24 h of schedules, many due at one minute, every tenth server down for 20 minutes -> each due export completes once, within 90 minutes")
	practices := 10
	if n, err := strconv.Atoi(os.Getenv("LOAD_DAY_PRACTICES")); err == nil {
		practices = n
	}
	spec := scheduledDay(practices)
	began, before := time.Now(), processTime(t)
	var d day
	scenario.Run(t, spec, func(w *scenario.World) { d = live(t, w, practices) })
	d.CPU, d.Wall = (processTime(t) - before).Seconds(), time.Since(began).Seconds()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", text)
	if path := os.Getenv("LOAD_DAY_RESULT"); path != "" {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// scheduledDay is a world of so many open practices with a schedule each.
func scheduledDay(practices int) scenario.Spec {
	var all []scenario.Tenant
	slots := (practices + together - 1) / together
	for n := range practices {
		minute := n % slots * 360 / slots // of the six hours between two exports
		all = append(all, scenario.Tenant{
			ID: fmt.Sprintf("practice-%03d", n), Open: true,
			Config: fmt.Sprintf("schedule: '%d %d-23/6 * * *'", minute%60, minute/60),
			Knobs: func(k *sandbox.Knobs) {
				k.Takes, k.RetryAfter = takes, 30*time.Second
				if n%10 == 9 {
					k.Faults = []sandbox.Fault{{Do: sandbox.ActionStatus, Status: 503, RetryAfter: "5m", Clock: sandbox.FromStart, From: 18 * time.Hour, For: outage}}
				}
			},
		})
	}
	return scenario.Spec{Tenant: all[0], More: all[1:], Kickoffs: 1 + int(outage/(5*time.Minute))}
}

// live lets the day pass and looks at what came of it.
func live(t *testing.T, w *scenario.World, practices int) (d day) {
	begin := time.Now()
	d.Practices = practices
	w.Pass(6*time.Hour + latest)
	d.LedgerFirst = ledgerSize(t, w)
	first := len(allExports(w, practices))
	w.Pass(settled - time.Since(begin))
	d.Ledger = ledgerSize(t, w)
	var lags []float64
	for n := range practices {
		id := fmt.Sprintf("practice-%03d", n)
		list := w.Exports(id)
		if want := dueTimes(n, practices, begin); len(list) != want {
			t.Errorf("%s had %d exports, was due %d times", id, len(list), want)
		}
		shown := time.Time{}
		for _, x := range list {
			w.Want(x, life.Completed)
			lag := x.EndedAt.Sub(x.RequestedAt)
			if lag > latest {
				t.Errorf("an export of %s took %s from when it was due", id, lag)
			}
			if n%10 == 9 {
				d.LagOutage = max(d.LagOutage, lag.Seconds())
			} else {
				d.LagWorst = max(d.LagWorst, lag.Seconds())
			}
			if !shown.IsZero() {
				d.OldestData = max(d.OldestData, x.EndedAt.Sub(shown).Hours())
			}
			if shown = instant(t, x.TransactionTime); x.Mode == "full" {
				d.Full++
			}
			d.Exports++
			lags = append(lags, lag.Seconds())
		}
		d.Requests += len(w.Requests(id))
	}
	slices.Sort(lags)
	d.LagMedian = lags[len(lags)/2]
	if d.Full != practices {
		t.Errorf("%d full exports, want one for each of %d practices", d.Full, practices)
	}
	if d.Exports > first {
		d.PerExport = (d.Ledger - d.LedgerFirst) / int64(d.Exports-first)
	}
	return d
}

func allExports(w *scenario.World, practices int) (all []*scenario.Export) {
	for n := range practices {
		all = append(all, w.Exports(fmt.Sprintf("practice-%03d", n))...)
	}
	return all
}

// dueTimes counts how often the n-th practice was due in the 24 hours.
func dueTimes(n, practices int, begin time.Time) (times int) {
	slots := (practices + together - 1) / together
	minute := n % slots * 360 / slots
	for at := begin.Truncate(24 * time.Hour).Add(time.Duration(minute) * time.Minute); at.Before(begin.Add(settled)); at = at.Add(24 / perDay * time.Hour) {
		if at.After(begin) {
			times++
		}
	}
	return times
}

func instant(t *testing.T, text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Error(err)
	}
	return at
}

func ledgerSize(t *testing.T, w *scenario.World) (size int64) {
	for _, name := range []string{"ledger.db", "ledger.db-wal"} {
		fi, err := os.Stat(filepath.Join(w.State(), name))
		if err != nil {
			t.Error(err)
			continue
		}
		size += fi.Size()
	}
	return size
}

// processTime is the CPU time of this process so far.
func processTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Error(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
