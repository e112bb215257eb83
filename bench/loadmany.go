package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const (
	targetFairness = 1.5
	targetManyMiB  = 400
	manyLines      = 300 // of each type, for each practice
)

// A crowd is what practices that were due at once took, in the order in which
// they were admitted.
type crowd struct {
	due     time.Time
	lives   []map[life.State]time.Time
	end     time.Time // when the last one completed
	cpu     time.Duration
	sandbox time.Duration
	peak    int64
	ledger  int64
	profile shares
}

// loadMany measures practices of equal size that are all due at one minute.
func loadMany(ctx context.Context, o options, c *corpus) (text string, err error) {
	before := load()
	b, err := makeBatch(filepath.Join(c.dir, "many"), []string{"Observation", "Encounter", "Claim"}, 3, manyLines)
	if err != nil {
		return "", err
	}
	e, err := startEHR(ctx, b.folder, o.load.practices)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, e.end(), discard(b.folder)) }()
	folder := filepath.Join(c.dir, "many-home")
	defer func() { err = errors.Join(err, discard(folder)) }()
	h, err := newHome(folder, b, e.bases, leap)
	if err != nil {
		return "", err
	}
	due := time.Now().Add(startsWithin).Truncate(time.Second)
	if err := h.putOff(ctx, len(e.bases), due); err != nil {
		return "", err
	}
	profile := filepath.Join(c.dir, "many.prof")
	p, err := start(ctx, []string{profileVariable + "=" + profile}, "attended", "--config", h.config, "run")
	if err != nil {
		return "", err
	}
	x, err := h.crowd(ctx, p, b.lines, due, len(e.bases))
	if err = errors.Join(err, p.end()); err != nil {
		return "", err
	}
	x.sandbox = e.at(x.end).cpu - e.at(due).cpu
	x.profile, err = sharesOf(ctx, profile)
	return tellMany(b, x) + fmt.Sprintf("\nLoad average %s before, %s after.\n", before, load()), err
}

// startsWithin is longer than a bulkhead takes until it looks at schedules.
const startsWithin = 6 * time.Second

// putOff writes into a new ledger that the schedules of so many practices are
// due at a moment: a bulkhead that finds them keeps to it.
func (h home) putOff(ctx context.Context, practices int, due time.Time) (err error) {
	ledger, err := store.Open(ctx, h.ledgerPath())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	var tenants []store.Tenant
	for n := range practices {
		tenants = append(tenants, store.Tenant{ID: practiceName(n), Name: practiceName(n)})
	}
	if err := ledger.PutTenants(ctx, tenants); err != nil {
		return err
	}
	for _, t := range tenants {
		if err := ledger.In(t.ID).PutSchedule(ctx, leapSpec, due, ""); err != nil {
			return err
		}
	}
	return nil
}

// crowd waits until every practice has completed its export of so many lines.
func (h home) crowd(ctx context.Context, p *process, lines int64, due time.Time, practices int) (x crowd, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, mostWaited, errors.New("the practices are not through in time"))
	defer cancel()
	ledger, err := h.ledger(ctx)
	if err != nil {
		return x, err
	}
	defer ledger.Close()
	if err := pause(ctx, time.Until(due.Add(startsWithin))); err != nil {
		return x, err
	}
	if _, begun, err := ledger.In(practiceName(0)).Latest(ctx); err != nil || !begun {
		return x, errors.Join(err, errors.New("the practices were due, and no export was asked for"))
	}
	x.due = due
	for n := range practices {
		in := ledger.In(practiceName(n))
		done, err := completed(ctx, in)
		if err != nil {
			return x, fmt.Errorf("%s: %w", practiceName(n), err)
		}
		files, err := in.Files(ctx, done.ID)
		if err != nil {
			return x, err
		}
		if got := delivered(files); got != lines {
			return x, fmt.Errorf("%s brought %d of %d lines", practiceName(n), got, lines)
		}
		timeline, err := in.Timeline(ctx, done.ID)
		if err != nil {
			return x, err
		}
		at := entered(timeline)
		x.lives = append(x.lives, at)
		if at[life.Completed].After(x.end) {
			x.end = at[life.Completed]
		}
	}
	slices.SortFunc(x.lives, func(a, b map[life.State]time.Time) int {
		return a[life.KickingOff].Compare(b[life.KickingOff])
	})
	x.cpu, x.peak, x.ledger = p.at(x.end).cpu-p.at(due).cpu, p.at(x.end).peak, h.ledgerSize()
	return x, nil
}

// completed waits until the practice's first export has completed.
func completed(ctx context.Context, in *store.Scope) (store.Export, error) {
	for {
		x, ok, err := in.Latest(ctx)
		switch {
		case err != nil:
			return x, err
		case ok && x.State == life.Completed:
			return x, nil
		case ok && (x.State.Over() || x.State == life.Failed):
			return x, fmt.Errorf("the export ended %s: %s (%s)", x.State, x.ProblemSummary, x.LastError)
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return x, err
		}
	}
}

// slots is how many exports run at once where nobody says otherwise.
const slots = 8

// full are the practices that were admitted while every slot was taken and
// others waited: neither those that found the machine idle nor those that had
// it to themselves at the end. Where there are too few they are all.
func (x crowd) full() crowd {
	if len(x.lives) > 3*slots {
		x.lives = x.lives[slots : len(x.lives)-slots]
	}
	return x
}

// times gives, in seconds, how long each practice took from one state, or from
// when it was due, to another.
func (x crowd) times(from, to life.State) []float64 {
	var list []float64
	for _, at := range x.lives {
		begin := x.due
		if from != "" {
			begin = at[from]
		}
		list = append(list, at[to].Sub(begin).Seconds())
	}
	return list
}

func tellMany(b batch, x crowd) string {
	wall, n := x.end.Sub(x.due).Seconds(), len(x.lives)
	var rows [][]string
	row := func(what string, list []float64) {
		rows = append(rows, []string{
			what, fmt.Sprintf("%.2f", slices.Min(list)), fmt.Sprintf("%.2f", median(list)), fmt.Sprintf("%.2f", slices.Max(list)),
			fmt.Sprintf("%.2f", slices.Max(list)/slices.Min(list)),
		})
	}
	fair := x.full().times(life.KickingOff, life.Completed)
	row("admitted to completed, while every slot is taken", fair)
	row("admitted to completed", x.times(life.KickingOff, life.Completed))
	row("admitted to staged", x.times(life.KickingOff, life.Publishing))
	row("staged to completed (sinks)", x.times(life.Publishing, life.Completed))
	row("due to admitted (waits for a slot)", x.times("", life.KickingOff))
	row("due to completed", x.times("", life.Completed))
	ratio := slices.Max(fair) / slices.Min(fair)
	return fmt.Sprintf("`bulkhead run` looks after %d practices of equal size, each with %d files and %d lines (%.2f MB), all due at one moment; limits are the default, the sandbox is a process of its own. "+
		"Fairness is the slowest over the fastest practice from when it was admitted to one of the %d slots until both sinks had it, of those admitted while all slots were taken: before, a practice waits in the order in which all became due, "+
		"and the first %d and the last %d have fewer beside them.\n\n", n, b.files, b.lines, mega(b.bytes), slots, slots, slots) +
		table([]string{"s", "fastest", "median", "slowest", "ratio"}, rows) +
		fmt.Sprintf("\nThe last completed %.1f s after all were due: %.2f practices/s, %.0f lines/s, %.2f MB/s. CPU %.1f s of bulkhead (%.2f s a practice), %.1f s of the sandbox. "+
			"Peak %.0f MiB: %s the target of %d MiB. Fairness %.2f: %s the target of %.1f. Ledger %.1f MB, %.1f kB a practice.\n",
			wall, float64(n)/wall, float64(b.lines)*float64(n)/wall, mega(b.bytes)*float64(n)/wall, x.cpu.Seconds(), x.cpu.Seconds()/float64(n), x.sandbox.Seconds(),
			mebi(x.peak), within(mebi(x.peak) < targetManyMiB), targetManyMiB, ratio, within(ratio < targetFairness), targetFairness, mega(x.ledger), float64(x.ledger)/1e3/float64(n)) +
		"\nCPU time of the whole run:\n\n" + table([]string{"spent on", "CPU s", "share"}, x.profile.withoutSize())
}
