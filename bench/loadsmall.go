package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// targetSmall is how many small files in a second must be staged.
const targetSmall = 150

// parallelFiles is how many files of an export are downloaded at once where
// nobody says otherwise.
const parallelFiles = 4

// loadSmall measures one practice with very many small files.
func loadSmall(ctx context.Context, o options, c *corpus) (text string, err error) {
	before := load()
	version, err := curlVersion(ctx)
	if err != nil {
		return "", err
	}
	b, err := makeBatch(filepath.Join(c.dir, "small"), []string{"Observation", "Encounter", "Claim"}, o.load.files, o.load.lines)
	if err != nil {
		return "", err
	}
	e, err := startEHR(ctx, b.folder, 1)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, e.end(), discard(b.folder)) }()
	var rivals []fetching
	for _, parallel := range []int{1, parallelFiles} {
		f, err := curl(ctx, e, b, parallel)
		if err != nil {
			return "", err
		}
		rivals = append(rivals, f)
		fmt.Fprintf(o.out, "%-30s %7.2f s, CPU %6.2f s\n", f.name, f.wall.Seconds(), f.cpu.Seconds())
	}
	d, err := e.export(ctx, b, exported{whole: true, profile: filepath.Join(c.dir, "small.prof")})
	if err != nil {
		return "", err
	}
	fmt.Fprintf(o.out, "%-30s %7.2f s, CPU %6.2f s\n", d.name, d.wall.Seconds(), d.cpu.Seconds())
	return tellSmall(b, rivals, d, version) + fmt.Sprintf("\nLoad average %s before, %s after.\n", before, load()), nil
}

func tellSmall(b batch, rivals []fetching, d delivery, version string) string {
	perSecond := func(t time.Duration) float64 { return float64(b.files) / t.Seconds() }
	var rows [][]string
	row := func(f fetching, wall time.Duration, peak string) {
		rows = append(rows, []string{
			f.name, fmt.Sprintf("%.2f", wall.Seconds()), fmt.Sprintf("%.0f", perSecond(wall)), fmt.Sprintf("%.2f", f.cpu.Seconds()),
			fmt.Sprintf("%.2f", f.sandbox.Seconds()), fmt.Sprintf("%.2f", 1000*f.cpu.Seconds()/float64(b.files)), peak,
		})
	}
	for _, f := range rivals {
		row(f, f.wall, "–")
	}
	row(d.fetching, d.staged(), fmt.Sprintf("%.0f", mebi(d.peak)))
	rate := perSecond(d.staged())
	return fmt.Sprintf("One practice with %d files of %d lines, %.0f MB of %d types, from a sandbox without limits in a process of its own; %s to disk with one connection kept, and with %d, in the same run. "+
		"`bulkhead export` downloads %d files at once; its wall time is from the manifest until the last file is staged, every line counted. One run of each side.\n\n",
		b.files, b.lines/int64(b.files), mega(b.bytes), len(b.types), version, parallelFiles, parallelFiles) +
		table([]string{"side", "wall s", "files/s", "CPU s", "sandbox's CPU s", "CPU ms a file", "peak MiB"}, rows) +
		fmt.Sprintf("\nBulkhead, in turn: download %.2f s (with ingest beside it), ingest of what was left %.2f s, publish to DuckDB and Parquet %.2f s; from the start of the process to staged %.2f s. "+
			"Peak of the whole run %.0f MiB; ledger %.1f MB, %.1f kB a file. %.0f files/s to staged: %s the target of %d.\n\nCPU time of the whole run, sinks included:\n\n",
			d.download.Seconds(), d.ingest.Seconds(), d.publish.Seconds(), d.wall.Seconds(), mebi(d.peakAll), mega(d.ledger), float64(d.ledger)/1e3/float64(b.files), rate, within(rate >= targetSmall), targetSmall) +
		table([]string{"spent on", "CPU s", "share", "s a GB"}, d.profile.tell(b.bytes))
}

// within tells whether a target is met.
func within(met bool) string {
	if met {
		return "within"
	}
	return "**outside**"
}
