package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// The wall time from the start of the process to staged, as a multiple of
// curl's for the same file.
const (
	targetLarge = 1.6
	goalLarge   = 1.3
)

// loadLarge measures one practice with one very large file.
func loadLarge(ctx context.Context, o options, c *corpus) (text string, err error) {
	before := load()
	version, err := curlVersion(ctx)
	if err != nil {
		return "", err
	}
	b, err := makeLarge(filepath.Join(c.dir, "large"), "Observation", o.load.mega*1_000_000)
	if err != nil {
		return "", err
	}
	e, err := startEHR(ctx, b.folder, 1)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, e.end(), discard(b.folder)) }()
	f, err := curl(ctx, e, b, 1)
	if err != nil {
		return "", err
	}
	f.name = "curl to disk"
	fmt.Fprintf(o.out, "%-30s %7.2f s, CPU %6.2f s\n", f.name, f.wall.Seconds(), f.cpu.Seconds())
	d, err := e.export(ctx, b, exported{profile: filepath.Join(c.dir, "large.prof")})
	if err != nil {
		return "", err
	}
	fmt.Fprintf(o.out, "%-30s %7.2f s, CPU %6.2f s\n", d.name, d.wall.Seconds(), d.cpu.Seconds())
	delete(d.profile, sinkWork) // what had begun of publishing when the process was ended
	return tellLarge(b, f, d, version) + fmt.Sprintf("\nLoad average %s before, %s after.\n", before, load()), nil
}

func tellLarge(b batch, f fetching, d delivery, version string) string {
	ratio := d.wall.Seconds() / f.wall.Seconds()
	busy := (d.cpu + d.sandbox).Seconds() / float64(runtime.GOMAXPROCS(0))
	var rows [][]string
	for _, side := range []fetching{f, d.fetching} {
		peak := "–"
		if side.peak > 0 {
			peak = fmt.Sprintf("%.0f", mebi(side.peak))
		}
		rows = append(rows, []string{
			side.name, fmt.Sprintf("%.2f", side.wall.Seconds()), fmt.Sprintf("%.0f", mega(b.bytes)/side.wall.Seconds()),
			fmt.Sprintf("%.2f", side.cpu.Seconds()), fmt.Sprintf("%.2f", side.sandbox.Seconds()),
			fmt.Sprintf("%.2f", (side.cpu + side.sandbox).Seconds()), peak,
		})
	}
	return fmt.Sprintf("One Observation file of %.0f MB, %d lines, from a sandbox in a process of its own that lets the system copy the file; %s of the same file to disk in the same run. "+
		"The wall time of `bulkhead export` is from the start of the process until all rows are staged and durable, every line counted. One run of each side.\n\n", mega(b.bytes), b.lines, version) +
		table([]string{"side", "wall s", "MB/s", "CPU s", "sandbox's CPU s", "CPU s of both", "peak MiB"}, rows) +
		fmt.Sprintf("\nWall ratio **%.2f**: %s the target of %.1f (goal %.1f). The disk has curl's file, as it has bulkhead's rows, after %.2f s: a ratio of %.2f. CPU ratio without the sandbox's share %.2f. Download %.2f s, ingest after it %.2f s. "+
			"The CPU time of bulkhead and sandbox on %d processors that are never idle is %.2f s, a wall ratio of %.2f: what is above that waits for something, what is below needs less work.\n\nCPU time of bulkhead, without what had begun of publishing:\n\n",
			ratio, within(ratio <= targetLarge), targetLarge, goalLarge, f.durable.Seconds(), d.wall.Seconds()/f.durable.Seconds(), d.cpu.Seconds()/f.cpu.Seconds(), d.download.Seconds(), d.ingest.Seconds(),
			runtime.GOMAXPROCS(0), busy, busy/f.wall.Seconds()) +
		table([]string{"spent on", "CPU s", "share", "s a GB"}, d.profile.tell(b.bytes))
}

// discard removes a folder of prepared files: the next part needs the room.
func discard(folder string) error { return os.RemoveAll(folder) }
