package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
)

// largeObservations is the file that shows whether memory depends on the file.
var largeObservations = input{"Observation", 5000, "Observation"}

// peaks are the most MiB that flatten may hold of a large file, by workers.
var peaks = []struct {
	workers int
	most    float64
}{{1, 160}, {2, 240}}

// largeFile measures the peak of resident memory of flatten on one large file,
// and DuckDB's beside it.
func largeFile(ctx context.Context, o options, c *corpus) (string, error) {
	before := load()
	var rows [][]string
	size := 0.0
	for _, limit := range peaks {
		a, err := contest{input: largeObservations, view: "observation22", workers: limit.workers}.prepare(c, o.scale)
		if err != nil {
			return "", err
		}
		p, err := a.run(ctx, false)
		if err != nil {
			return "", err
		}
		n, err := ask(ctx, "SELECT count(*) FROM read_parquet("+quoted(a.ourFile)+")")
		if err != nil {
			return "", err
		}
		list, err := sizes(a.file, a.ourFile, a.theirFile)
		if err != nil {
			return "", err
		}
		size = list[0]
		ours, theirs := mebi(p.ours.peak), mebi(p.theirs.peak)
		rows = append(rows, []string{
			strconv.Itoa(limit.workers), strconv.FormatInt(n, 10), fmt.Sprintf("%.0f", ours), verdict(ours, limit.most, 0),
			fmt.Sprintf("%.0f", theirs), fmt.Sprintf("%.2f", ours/theirs),
			fmt.Sprintf("%.1f / %.1f", p.ours.cpu.Seconds(), p.theirs.cpu.Seconds()), fmt.Sprintf("%.2f", p.ours.cpu.Seconds()/p.theirs.cpu.Seconds()),
			fmt.Sprintf("%.1f / %.1f", p.ours.wall.Seconds(), p.theirs.wall.Seconds()), fmt.Sprintf("%.0f / %.0f", list[1], list[2]),
		})
		fmt.Fprintln(o.out, rows[len(rows)-1])
	}
	if err := os.Remove(c.linesPath(largeObservations.kind)); err != nil {
		return "", err
	}
	return fmt.Sprintf("One Observation file of %.0f MB from `bench/lines`, the same view and statement as above, one pair for each number of workers. "+
		"The peak is VmHWM of a whole process; bulkhead's is that of the bench's own binary, which holds some 20 MiB of code more than the command.\n\n", size) +
		table([]string{"workers", "rows", "peak MiB", "at most", "DuckDB MiB", "ratio", "CPU s, ours / DuckDB", "CPU ratio", "wall s", "Parquet MB"}, rows) +
		fmt.Sprintf("\nLoad average %s before, %s after.\n", before, load()), nil
}
