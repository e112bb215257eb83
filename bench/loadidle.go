package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

const (
	targetIdleShare = 3.0 // per cent of one processor
	targetIdleMiB   = 120
)

// loadIdle measures a bulkhead whose practices all have schedules and of which
// none is due: with a new ledger, and with one that knows many exports.
func loadIdle(ctx context.Context, o options, c *corpus) (text string, err error) {
	before := load()
	young, err := restOf(ctx, o, filepath.Join(c.dir, "idle"), 0)
	if err != nil {
		return "", err
	}
	old, err := restOf(ctx, o, filepath.Join(c.dir, "idle-old"), o.load.exports)
	if err != nil {
		return "", err
	}
	return tellIdle(o.load, young, old) + fmt.Sprintf("\nLoad average %s before, %s after.\n", before, load()), nil
}

// restOf measures one that has so many exports in its past; its state is made
// in a folder that is no more afterwards.
func restOf(ctx context.Context, o options, folder string, exports int) (x rest, err error) {
	defer func() { err = errors.Join(err, discard(folder)) }()
	var bases []string
	for n := range o.load.practices {
		bases = append(bases, "http://127.0.0.1:9/r4/"+practiceName(n)) // nobody is asked
	}
	h, err := newHome(folder, batch{types: []string{"Observation"}}, bases, leap)
	if err != nil {
		return x, err
	}
	if exports > 0 {
		if err := h.remember(ctx, o.load.practices, exports); err != nil {
			return x, err
		}
	}
	profile := filepath.Join(folder, "idle.prof")
	p, err := start(ctx, []string{profileVariable + "=" + profile}, "attended", "--config", h.config, "run")
	if err != nil {
		return x, err
	}
	x, err = h.idle(ctx, p, o.load)
	if err = errors.Join(err, p.end()); err != nil {
		return x, err
	}
	x.profile, err = sharesOf(ctx, profile)
	return x, err
}

// A rest is what a bulkhead took that had nothing to do.
type rest struct {
	wall, cpu time.Duration
	start     time.Duration // CPU time until it had settled
	resident  int64
	peak      int64
	ledger    int64
	profile   shares
}

// idle looks on for so long once the bulkhead has started and settled: the round
// through all that retention may take away, which comes a minute after the start
// and then daily, is over.
func (h home) idle(ctx context.Context, p *process, l loads) (x rest, err error) {
	ledger, err := h.ledger(ctx)
	if err != nil {
		return x, err
	}
	if err := errors.Join(ledger.Close(), pause(ctx, l.settles)); err != nil {
		return x, err
	}
	p.look()
	before := p.at(time.Now())
	if err := pause(ctx, l.idle); err != nil {
		return x, err
	}
	p.look()
	after := p.at(time.Now())
	return rest{
		wall: after.at.Sub(before.at), cpu: after.cpu - before.cpu, start: before.cpu,
		resident: after.resident, peak: after.peak, ledger: h.ledgerSize(),
	}, nil
}

// share is the part of one processor that it took, in per cent.
func (x rest) share() float64 { return 100 * x.cpu.Seconds() / x.wall.Seconds() }

func tellIdle(l loads, young, old rest) string {
	row := func(what, format string, of func(rest) float64, target string) []string {
		return []string{what, fmt.Sprintf(format, of(young)), fmt.Sprintf(format, of(old)), fmt.Sprintf("%.2f", of(old)/of(young)), target}
	}
	return fmt.Sprintf("`bulkhead run` with %d scheduled practices of which none is due, looked at for %.0f s, %.0f s after its start: once with a new ledger, once with one that knows %d exports, with four files and two rows of the record each.\n\n",
		l.practices, young.wall.Seconds(), l.settles.Seconds(), l.exports) +
		table([]string{"", "new ledger", "old ledger", "ratio", "target"}, [][]string{
			row("CPU, share of one processor", "%.2f %%", rest.share, fmt.Sprintf("%.0f %%: %s", targetIdleShare, within(young.share() < targetIdleShare && old.share() < targetIdleShare))),
			row("resident memory, MiB", "%.0f", func(x rest) float64 { return mebi(x.resident) }, "–"),
			row("peak of resident memory, the start included, MiB", "%.0f", func(x rest) float64 { return mebi(x.peak) }, fmt.Sprintf("%d: %s", targetIdleMiB, within(mebi(max(young.peak, old.peak)) < targetIdleMiB))),
			row("CPU s of the start and of the daily round of retention", "%.2f", func(x rest) float64 { return x.start.Seconds() }, "–"),
			row("ledger, MB", "%.2f", func(x rest) float64 { return mega(x.ledger) }, "–"),
		}) + "\nCPU time of the whole run with the old ledger, the start included:\n\n" + table([]string{"spent on", "CPU s", "share"}, old.profile.withoutSize())
}
