package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// views are pairs: a ViewDefinition, and the query that gives the same rows.
//
//go:embed views
var viewFiles embed.FS

// A pair is one measurement of both sides.
type pair struct{ ours, theirs spending }

// An arena is a contest with its files.
type arena struct {
	contest
	file, viewPath     string
	query              string
	ourFile, theirFile string
	columns            []string
	numeric            map[string]bool
}

// flattening measures every contest in pairs, ours first and DuckDB first in
// turns, after a pair whose outputs are compared.
func flattening(ctx context.Context, o options, c *corpus) (string, error) {
	before := load()
	var rows [][]string
	for _, contest := range contests {
		a, err := contest.prepare(c, o.scale)
		if err != nil {
			return "", err
		}
		count, err := a.compare(ctx)
		if err != nil {
			return "", fmt.Errorf("%s: %w", contest.input.story, err)
		}
		var pairs []pair
		for round := range o.pairs {
			p, err := a.run(ctx, round%2 == 1)
			if err != nil {
				return "", err
			}
			pairs = append(pairs, p)
		}
		row, err := a.row(pairs, count)
		if err != nil {
			return "", err
		}
		rows = append(rows, row)
		fmt.Fprintln(o.out, strings.Join(row, " | "))
	}
	engine, err := spend(ctx, 1, "query", "SELECT version()")
	if err != nil {
		return "", err
	}
	return tellFlattening(rows, strings.TrimSpace(engine.said), o, before), nil
}

func (c contest) prepare(files *corpus, scale float64) (*arena, error) {
	a := &arena{contest: c, numeric: map[string]bool{}}
	var err error
	if a.file, err = c.input.path(files, scale); err != nil {
		return nil, fmt.Errorf("make %s: %w", c.input.story, err)
	}
	text, err := viewFiles.ReadFile("views/" + c.view + ".json")
	if err != nil {
		return nil, err
	}
	query, err := viewFiles.ReadFile("views/" + c.view + ".sql")
	if err != nil {
		return nil, err
	}
	a.query = strings.ReplaceAll(string(query), "'{{file}}'", quoted(a.file))
	v, err := sqlonfhir.Parse(text)
	if err != nil {
		return nil, err
	}
	for _, column := range v.Columns() {
		a.columns = append(a.columns, column.Name)
		a.numeric[column.Name] = column.Type == "decimal"
	}
	a.viewPath = filepath.Join(files.dir, c.view+".json")
	a.ourFile, a.theirFile = filepath.Join(files.dir, "ours.parquet"), filepath.Join(files.dir, "theirs.parquet")
	return a, os.WriteFile(a.viewPath, text, 0o600)
}

func (a *arena) ours(ctx context.Context) (spending, error) {
	s, err := spend(ctx, a.workers, "bulkhead", "flatten", "-w", a.viewPath, "--format", "parquet", "-o", a.ourFile, a.file)
	if err != nil {
		return s, fmt.Errorf("bulkhead flatten: %w", err)
	}
	return s, nil
}

func (a *arena) theirs(ctx context.Context) (spending, error) {
	s, err := spend(ctx, a.workers, "duckdb", strconv.Itoa(a.workers), copyStatement(a.query, a.theirFile))
	if err != nil {
		return s, fmt.Errorf("DuckDB: %w", err)
	}
	return s, nil
}

// run measures both sides once.
func (a *arena) run(ctx context.Context, theirsFirst bool) (p pair, err error) {
	if theirsFirst {
		if p.theirs, err = a.theirs(ctx); err == nil {
			p.ours, err = a.ours(ctx)
		}
		return p, err
	}
	if p.ours, err = a.ours(ctx); err == nil {
		p.theirs, err = a.theirs(ctx)
	}
	return p, err
}

// compare runs both sides, and gives the number of rows when they are the same
// on both.
func (a *arena) compare(ctx context.Context) (rows int64, err error) {
	if _, err := a.run(ctx, false); err != nil {
		return 0, err
	}
	differ, err := ask(ctx, differences(a.ourFile, a.theirFile, a.columns, a.numeric))
	if err != nil {
		return 0, fmt.Errorf("compare the outputs: %w", err)
	}
	if differ != 0 {
		return 0, fmt.Errorf("%d rows are on one side only", differ)
	}
	rows, err = ask(ctx, "SELECT count(*) FROM read_parquet("+quoted(a.ourFile)+")")
	if err == nil && rows == 0 {
		err = errors.New("there are no rows to compare")
	}
	return rows, err
}

// ask gives the number that a query gives, in a process of its own.
func ask(ctx context.Context, query string) (int64, error) {
	s, err := spend(ctx, 2, "query", query)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(s.said), 10, 64)
}

func (a *arena) row(pairs []pair, rows int64) ([]string, error) {
	var cpu, theirCPU, wall, ratio, peak, theirPeak []float64
	for _, p := range pairs {
		cpu, theirCPU = append(cpu, p.ours.cpu.Seconds()), append(theirCPU, p.theirs.cpu.Seconds())
		ratio = append(ratio, p.ours.cpu.Seconds()/p.theirs.cpu.Seconds())
		wall = append(wall, p.ours.wall.Seconds()/p.theirs.wall.Seconds())
		peak, theirPeak = append(peak, mebi(p.ours.peak)), append(theirPeak, mebi(p.theirs.peak))
	}
	size, err := sizes(a.file, a.ourFile, a.theirFile)
	return []string{
		a.input.story, strconv.Itoa(a.workers), fmt.Sprintf("%.0f", size[0]), strconv.FormatInt(rows, 10),
		spread(cpu, "%.2f"), spread(theirCPU, "%.2f"), strong(spread(ratio, "%.2f")), verdict(median(ratio), a.target, a.goal),
		spread(wall, "%.2f"), fmt.Sprintf("%.0f / %.0f", median(peak), median(theirPeak)), fmt.Sprintf("%.1f / %.1f", size[1], size[2]),
	}, err
}

// strong sets the median of a spread in bold.
func strong(spread string) string {
	median, rest, _ := strings.Cut(spread, " ")
	return "**" + median + "** " + rest
}

func mebi(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// sizes gives the sizes of files in MB.
func sizes(paths ...string) ([]float64, error) {
	list := make([]float64, len(paths))
	for i, p := range paths {
		fi, err := os.Stat(p)
		if err != nil {
			return list, err
		}
		list[i] = mega(fi.Size())
	}
	return list, nil
}

// verdict says where a value stands that should be at most the target, and
// better at most the goal; 0 stands for neither.
func verdict(value, target, goal float64) string {
	bounds := ""
	if target > 0 {
		bounds = fmt.Sprintf("%.3g", target)
	}
	if goal > 0 {
		bounds += fmt.Sprintf(" (%.3g)", goal)
	}
	switch {
	case goal > 0 && value <= goal:
		return bounds + " goal reached"
	case target > 0 && value <= target:
		return bounds + " met"
	case target > 0:
		return bounds + " **missed**"
	}
	return strings.TrimSpace(bounds + " –")
}

func tellFlattening(rows [][]string, version string, o options, before string) string {
	return fmt.Sprintf("`bulkhead flatten --format parquet` against `COPY (SELECT … FROM read_ndjson(…, columns={explicit structs})) TO … (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)` of DuckDB "+version+", "+
		"each in a process of its own, the same columns (`bench/views`: a view and its query). CPU is user and system time of the whole process, start-up included. "+
		"Medians of %d pairs, in turns (least – greatest); the ratio is that of each pair. Before the first pair the two outputs are compared by EXCEPT ALL both ways: no row differs. "+
		"DuckDB loses the digits of decimals (1.50 becomes 1.5), so decimals are compared as DOUBLE; ours keep the digits as text. "+
		"Lines are invented by `bench/lines` in the shape of machine-made exports, every id and time new; those of the practice are the sandbox's, of other shape. "+
		"Targets are ratios of CPU, goals in parentheses.\n\n", o.pairs) +
		table([]string{"lines", "workers", "MB", "rows", "CPU s", "DuckDB CPU s", "CPU ratio", "target (goal)", "wall ratio", "peak MiB, ours / DuckDB", "Parquet MB, ours / DuckDB"}, rows) +
		fmt.Sprintf("\nLoad average %s before, %s after.\n", before, load())
}
