package cli

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/duckdbsink"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

type queryCommand struct {
	SQL  string `arg:"" name:"sql" help:"One statement of DuckDB's SQL; - reads it from standard input."`
	Sink string `placeholder:"NAME" help:"The DuckDB sink to read (default: the first by name)."`
	CSV  bool   `help:"Print CSV."`
}

// Run runs the statement. The tables cannot be changed by it.
func (c *queryCommand) Run(ctx context.Context, g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	statement := c.SQL
	if statement == "-" {
		text, err := io.ReadAll(io.LimitReader(g.streams.In, 1<<20))
		if err != nil {
			return problem.Wrap(err, problem.Usage, "the statement cannot be read from standard input", "Give it as an argument.")
		}
		statement = string(text)
	}
	tables, err := app.Tables(cfg, c.Sink)
	if err != nil {
		return err
	}
	if err := c.record(ctx, cfg, statement); err != nil {
		return err
	}
	rows, err := tables.Query(ctx, statement)
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

// record puts the statement on record in the chain of every practice whose
// rows it may have seen, before it runs. Its text may name a patient, so that
// only a keyed hash of it stands there. Without a ledger there was no export.
func (c *queryCommand) record(ctx context.Context, cfg *config.Config, statement string) (err error) {
	s, err := joinLedger(ctx, app.Ledger(cfg))
	if errors.Is(err, store.ErrNoLedger) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	tenants, err := s.Tenants(ctx)
	if err != nil {
		return err
	}
	chains := []string{audit.House}
	for _, t := range tenants {
		chains = append(chains, t.ID)
	}
	hash := ""
	if err := s.In(audit.House).Do(ctx, func(tx *store.Tx) (err error) { hash, err = tx.Keyed([]byte(statement)); return err }); err != nil {
		return err
	}
	return s.Record(ctx, audit.Event{Action: audit.TablesQueried, Object: c.Sink, Facts: map[string]any{"statement_hmac": hash}}, chains...)
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
