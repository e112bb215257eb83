//go:build cgo

package merge

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

var tableName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,99}$`)

// Check refuses a delivery that does not keep its contract: names that cannot
// be tables, columns that are missing or there twice, tables there twice.
func Check(d sink.Delivery) error {
	if d.Tenant == "" || d.Export == "" {
		return fmt.Errorf("delivery without a tenant or an export")
	}
	seen := map[string]bool{}
	for _, t := range d.Tables {
		if !tableName.MatchString(t.Name) || seen[t.Name] {
			return fmt.Errorf("table name %q cannot be used, or is there twice", t.Name)
		}
		seen[t.Name] = true
		if err := checkColumns(t.Table); err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	return nil
}

func checkColumns(t table.Table) error {
	seen := map[string]bool{}
	for _, c := range t.Columns {
		name := strings.ToLower(c.Name) // DuckDB's names have no case
		if name == "" || seen[name] || SQLType(c.Type) == "" {
			return fmt.Errorf("column %q has no name or no type, or is there twice", c.Name)
		}
		seen[name] = true
	}
	for _, name := range []string{table.TenantID, table.ResourceKey, table.SourceFile, table.SourceLine} {
		if !seen[name] {
			return fmt.Errorf("no column %s", name)
		}
	}
	return nil
}

// CheckFiles compares the row counts in the footers of the staged files with
// those of the delivery, so that a damaged file is found before any work.
func (e *Engine) CheckFiles(ctx context.Context, d sink.Delivery) error {
	files := slices.Concat(d.Index, d.Deleted, d.Withheld)
	for _, t := range d.Tables {
		files = append(files, t.Files...)
	}
	for some := range slices.Chunk(files, 200) {
		paths := make([]string, len(some))
		want := int64(0)
		for i, f := range some {
			paths[i] = escapeGlob(f.Path)
			want += f.Rows
		}
		var got int64
		err := e.Scan(ctx, "SELECT CAST(coalesce(sum(num_rows), 0) AS BIGINT) FROM parquet_file_metadata(["+Literals(paths)+"])", &got)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil || got != want { // I4: the rows that were staged are the rows that are published
			return damaged(err, got, want)
		}
	}
	return nil
}

func damaged(err error, got, want int64) error {
	if err == nil {
		err = fmt.Errorf("%d rows there, %d expected", got, want)
	}
	return problem.Wrap(err, problem.StorageDamaged, "the staged files of the export are not what was staged",
		"Run the export again with --full; if this comes back, check the disk.")
}

// Columns adds to the columns that a table already has those that a delivery
// brings. A column never changes its type.
func Columns(name string, old, brought []table.Column) ([]table.Column, error) {
	all := slices.Clone(old)
	for _, c := range brought {
		i := slices.IndexFunc(all, func(o table.Column) bool { return strings.EqualFold(o.Name, c.Name) })
		switch {
		case i < 0:
			all = append(all, c)
		case all[i].Type != c.Type:
			return nil, problem.New(problem.SinkFailed,
				fmt.Sprintf("column %s of table %s was %s and would become %s", c.Name, name, all[i].Type, c.Type),
				"Give the column a new name in its view, or move the tables away and run a full export.")
		}
	}
	return all, nil
}
