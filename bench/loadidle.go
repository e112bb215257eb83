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
	idleSettles     = 5 * time.Second // after the start, before it is looked at
)

// loadIdle measures a bulkhead whose practices all have schedules and of which
// none is due.
func loadIdle(ctx context.Context, o options, c *corpus) (text string, err error) {
	before := load()
	folder := filepath.Join(c.dir, "idle-home")
	defer func() { err = errors.Join(err, discard(folder)) }()
	var bases []string
	for n := range o.load.practices {
		bases = append(bases, "http://127.0.0.1:9/r4/"+practiceName(n)) // nobody is asked
	}
	h, err := newHome(folder, batch{types: []string{"Observation"}}, bases, leap)
	if err != nil {
		return "", err
	}
	profile := filepath.Join(c.dir, "idle.prof")
	p, err := start(ctx, []string{profileVariable + "=" + profile}, "attended", "--config", h.config, "run")
	if err != nil {
		return "", err
	}
	x, err := h.idle(ctx, p, o.load.idle)
	if err = errors.Join(err, p.end()); err != nil {
		return "", err
	}
	x.profile, err = sharesOf(ctx, profile)
	return x.tell(o.load.practices) + fmt.Sprintf("\nLoad average %s before, %s after.\n", before, load()), err
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

// idle looks on for so long once the bulkhead has started.
func (h home) idle(ctx context.Context, p *process, long time.Duration) (x rest, err error) {
	ledger, err := h.ledger(ctx)
	if err != nil {
		return x, err
	}
	if err := errors.Join(ledger.Close(), pause(ctx, idleSettles)); err != nil {
		return x, err
	}
	p.look()
	before := p.at(time.Now())
	if err := pause(ctx, long); err != nil {
		return x, err
	}
	p.look()
	after := p.at(time.Now())
	return rest{
		wall: after.at.Sub(before.at), cpu: after.cpu - before.cpu, start: before.cpu,
		resident: after.resident, peak: after.peak, ledger: h.ledgerSize(),
	}, nil
}

func (x rest) tell(practices int) string {
	share := 100 * x.cpu.Seconds() / x.wall.Seconds()
	return fmt.Sprintf("`bulkhead run` with %d scheduled practices of which none is due, looked at for %.0f s, %.0f s after its start.\n\n", practices, x.wall.Seconds(), idleSettles.Seconds()) +
		table([]string{"", "measured", "target"}, [][]string{
			{"CPU, share of one processor", fmt.Sprintf("%.2f %%", share), fmt.Sprintf("%.0f %%: %s", targetIdleShare, within(share < targetIdleShare))},
			{"resident memory, MiB", fmt.Sprintf("%.0f", mebi(x.resident)), "–"},
			{"peak of resident memory, the start included, MiB", fmt.Sprintf("%.0f", mebi(x.peak)), fmt.Sprintf("%d: %s", targetIdleMiB, within(mebi(x.peak) < targetIdleMiB))},
			{"CPU s of the start", fmt.Sprintf("%.2f", x.start.Seconds()), "–"},
			{"ledger, MB", fmt.Sprintf("%.2f", mega(x.ledger)), "–"},
		}) + "\nCPU time of the whole run, the start included:\n\n" + table([]string{"spent on", "CPU s", "share"}, x.profile.withoutSize())
}
