//go:build cgo

package duckdbsink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
)

// Holdings says what the file has of each tenant, and with deep compares its
// tables with its own record of resources. It only reads; before the first
// publication there is nothing. Its errors are those of Query.
func (s *Sink) Holdings(ctx context.Context, deep bool) (map[string]sink.Holding, error) {
	if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	l := look{Sink: s, of: map[string]sink.Holding{}}
	err := l.each(ctx, "SELECT tenant_id, export, receipt FROM _bulkhead_publication", func(row []any) error {
		var r sink.Receipt
		if err := json.Unmarshal(fmt.Append(nil, row[2]), &r); err != nil {
			return fmt.Errorf("read a receipt: %w", err)
		}
		l.tenant(row[0], func(h *sink.Holding) { h.Receipts[fmt.Sprint(row[1])] = r })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return l.of, l.tables(ctx, deep)
}

// look is a look at one file.
type look struct {
	*Sink
	of map[string]sink.Holding
}

func (l *look) each(ctx context.Context, query string, row func([]any) error) error {
	rows, err := l.Query(ctx, query)
	if err != nil {
		return err
	}
	for values, err := range rows.All() {
		if err == nil {
			err = row(values)
		}
		if err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return rows.Close()
}

func (l *look) tenant(id any, change func(*sink.Holding)) {
	name := fmt.Sprint(id)
	h, ok := l.of[name]
	if !ok {
		h = sink.Holding{Receipts: map[string]sink.Receipt{}}
	}
	change(&h)
	l.of[name] = h
}

// tables looks at the tables that took rows.
func (l *look) tables(ctx context.Context, deep bool) error {
	var names []string
	err := l.each(ctx, `SELECT DISTINCT c.table_name, t.table_name IS NOT NULL FROM _bulkhead_table c
		LEFT JOIN duckdb_tables() t ON t.table_name = c.table_name AND t.database_name = current_database() ORDER BY 1`, func(row []any) error {
		name := fmt.Sprint(row[0])
		if row[1] == true {
			names = append(names, name)
			return nil
		}
		for tenant := range l.of {
			l.tenant(tenant, func(h *sink.Holding) { h.Lost = append(h.Lost, name) })
		}
		return nil
	})
	if err != nil || !deep {
		return err
	}
	err = l.each(ctx, "SELECT tenant_id, resource_type, count(*) FROM _bulkhead_resource GROUP BY ALL", func(row []any) error {
		l.tenant(row[0], func(h *sink.Holding) {
			if h.Resources == nil {
				h.Resources = map[string]int64{}
			}
			h.Resources[fmt.Sprint(row[1])], _ = row[2].(int64)
		})
		return nil
	})
	for _, name := range names {
		if err != nil {
			return err
		}
		err = l.each(ctx, `SELECT t.tenant_id, count(*) FROM "`+strings.ReplaceAll(name, `"`, `""`)+`" t
			ANTI JOIN (SELECT tenant_id, resource_type || '/' || id AS resource_key FROM _bulkhead_resource) r USING (tenant_id, resource_key)
			GROUP BY ALL`, func(row []any) error {
			l.tenant(row[0], func(h *sink.Holding) {
				n, _ := row[1].(int64)
				h.Loose += n
			})
			return nil
		})
	}
	return err
}
