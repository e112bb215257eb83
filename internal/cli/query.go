package cli

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/duckdbsink"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

type queryCommand struct {
	SQL  string `arg:"" name:"sql" help:"One statement of DuckDB's SQL; - reads it from standard input."`
	Sink string `placeholder:"NAME" help:"The DuckDB sink to read (default: the first by name)."`
	CSV  bool   `help:"Print CSV."`

	Tenant     []string `placeholder:"ID" help:"See only the rows of these practices (default: all)."`
	Permitted  bool     `help:"Leave out practices whose agreement does not permit it, instead of refusing."`
	BreakGlass string   `placeholder:"REASON" help:"See the rows of practices whose agreement does not permit it. The reason is recorded for good with who asked, and must name no patient."`
}

// Run runs the statement. The tables cannot be changed by it.
func (c *queryCommand) Run(ctx context.Context, g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	statement, err := c.statement(g.streams.In)
	if err != nil {
		return err
	}
	tables, err := app.Tables(cfg, c.Sink)
	if err != nil {
		return err
	}
	if err := checkReason("--break-glass", c.BreakGlass); err != nil {
		return err
	}
	seen, all, err := c.practices(ctx, cfg, tables)
	if err != nil {
		return err
	}
	if err := c.record(ctx, cfg, statement, seen); err != nil {
		return err
	}
	run := tables.Query
	if !all {
		run = func(ctx context.Context, statement string, args ...any) (*duckdbsink.Rows, error) {
			return tables.QueryOf(ctx, seen, statement, args...)
		}
	}
	rows, err := run(ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // All has told of what went wrong
	switch {
	case g.JSON:
		return g.queryJSON(rows)
	case c.CSV:
		return g.queryCSV(rows)
	}
	return g.queryGrid(rows)
}

const longestStatement = 1 << 20 // bytes

// statement is what the argument says, or what stands in the input.
func (c *queryCommand) statement(in io.Reader) (string, error) {
	if c.SQL != "-" {
		return c.SQL, nil
	}
	text, err := io.ReadAll(io.LimitReader(in, longestStatement+1))
	if err != nil {
		return "", problem.Wrap(err, problem.Usage, "the statement cannot be read from standard input", "Give it as an argument.")
	}
	if len(text) > longestStatement {
		return "", problem.New(problem.Usage, "the statement on standard input is longer than a megabyte", "Put what makes it long into a view, and name that.")
	}
	return string(text), nil
}

func (g *Globals) queryJSON(rows *duckdbsink.Rows) error {
	columns := rows.Columns()
	for row, err := range rows.All() {
		if err != nil {
			return err
		}
		var b strings.Builder
		for i, name := range columns {
			key, err := json.Marshal(name)
			if err != nil {
				return err
			}
			value, err := json.Marshal(finite(row[i]))
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%s%s:%s", separator(i), key, value)
		}
		g.printf("{%s}\n", b.String())
	}
	return nil
}

// finite writes what JSON has no number for as text.
func finite(v any) any {
	if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return fmt.Sprint(f)
	}
	return v
}

func separator(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

func (g *Globals) queryCSV(rows *duckdbsink.Rows) error {
	w := csv.NewWriter(g.streams.Out)
	if err := w.Write(rows.Columns()); err != nil {
		return err
	}
	for row, err := range rows.All() {
		if err != nil {
			return err
		}
		if err := w.Write(texts(row, "")); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// gridRows is how many rows are set in columns; beyond it, more would have to
// be held than a person reads.
const gridRows = 1000

func (g *Globals) queryGrid(rows *duckdbsink.Rows) error {
	table := grid{header: rows.Columns()}
	for row, err := range rows.All() {
		if err != nil {
			return err
		}
		if len(table.rows) == gridRows {
			table.print(g)
			g.printf("… more than %d rows: narrow the statement, or use --csv or --json\n", gridRows)
			return nil
		}
		table.add(texts(row, "·")...)
	}
	table.print(g)
	return nil
}

func texts(row []any, null string) []string {
	cells := make([]string, len(row))
	for i, v := range row {
		switch v := v.(type) {
		case nil:
			cells[i] = null
		case []any, map[string]any:
			text, err := json.Marshal(v)
			if err != nil {
				text = []byte(err.Error())
			}
			cells[i] = string(text)
		default:
			cells[i] = fmt.Sprint(v)
		}
	}
	return cells
}
