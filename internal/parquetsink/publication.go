//go:build cgo

package parquetsink

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink/merge"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// copyOptions bound what a row group holds in memory, for wide and for long rows.
// In pages as short as these, higher levels of compression only take longer.
const copyOptions = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 30720, ROW_GROUP_SIZE_BYTES '16MB')"

// A publication is one export's way into a new snapshot.
type publication struct {
	*merge.Engine
	d    sink.Delivery
	home home
	old  note
}

// build makes the snapshot, durable and not yet visible.
func (p publication) build(ctx context.Context) (note, error) {
	if err := p.CheckFiles(ctx, p.d); err != nil {
		return note{}, err
	}
	x, err := p.Decide(ctx, p.d, p.oldRows(stateTable, merge.State))
	if err != nil {
		return note{}, err
	}
	links, err := p.Links(ctx, x, p.oldRows(stateTable, merge.State))
	if err != nil {
		return note{}, err
	}
	if err := p.home.root.Mkdir(snapshotPath(p.d.Export), 0o700); err != nil {
		return note{}, fmt.Errorf("make the snapshot: %w", err)
	}
	next := note{Export: p.d.Export, Previous: p.old.Export, Tables: maps.Clone(p.old.Tables), Receipts: maps.Clone(p.old.Receipts)}
	next.Receipts[p.d.Export] = sink.Receipt{Export: p.d.Export, PublishedAt: time.Now().UTC().Truncate(time.Microsecond), Types: x.Types, Links: links}
	brought := map[string]sink.Table{}
	for _, t := range p.d.Tables {
		brought[t.Name] = t
		if next.Tables[t.Name], err = widen(t.Table, p.old.Tables[t.Name]); err != nil {
			return note{}, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(next.Tables)) {
		if err := p.table(ctx, x, brought[name], name, next.Tables[name]); err != nil {
			return note{}, fmt.Errorf("write table %s: %w", name, err)
		}
	}
	if err := p.state(ctx, x); err != nil {
		return note{}, fmt.Errorf("write the state: %w", err)
	}
	if err := p.home.writeNote(next); err != nil {
		return note{}, err
	}
	return next, p.home.syncSnapshot(p.d.Export)
}

// widen adds what t brings to what is known about its table.
func widen(t table.Table, n noted) (noted, error) {
	columns, err := merge.Columns(t.Name, n.Columns, t.Columns)
	if err != nil {
		return n, err
	}
	types := slices.Clone(n.ResourceTypes)
	if !slices.Contains(types, t.ResourceType) {
		types = append(types, t.ResourceType)
	}
	return noted{ResourceTypes: types, Columns: columns}, nil
}

// table writes one table's file, or links to the old one when nothing changed.
func (p publication) table(ctx context.Context, x *merge.Decision, t sink.Table, name string, now noted) error {
	before, known := p.old.Tables[name]
	types := now.ResourceTypes
	removes, err := p.holds(ctx, known && slices.ContainsFunc(types, x.Removes), func() string {
		return "FROM " + p.oldRows(name, before.Columns) + " o SEMI JOIN (" + x.GoneKeys(types...) + ") g USING (resource_key)"
	})
	if err != nil {
		return err
	}
	adds := x.AddsAll(t)
	if !adds {
		adds, err = p.holds(ctx, x.Adds(t), func() string { return x.StagedRows(t, t.Columns) })
	}
	if err != nil {
		return err
	}
	if known && !removes && !adds && len(now.Columns) == len(before.Columns) {
		return p.link(name)
	}
	var parts []string
	if known && !(removes && len(types) == 1 && x.Emptied[types[0]]) {
		q := "SELECT " + merge.Select("o", now.Columns, before.Columns, p.d.Tenant) + " FROM " + p.oldRows(name, before.Columns) + " o"
		if removes {
			q += " ANTI JOIN (" + x.GoneKeys(types...) + ") g USING (resource_key)"
		}
		parts = append(parts, q)
	}
	if adds {
		parts = append(parts, x.StagedRows(t, now.Columns))
	}
	return p.copy(ctx, name, now.Columns, parts)
}

// holds says whether a query that is worth asking has a row.
func (p publication) holds(ctx context.Context, ask bool, query func() string) (bool, error) {
	if !ask {
		return false, nil
	}
	var one int
	err := p.Scan(ctx, "SELECT 1 FROM ("+query()+") LIMIT 1", &one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// state writes who won, for the next publication.
func (p publication) state(ctx context.Context, x *merge.Decision) error {
	_, err := p.home.root.Stat(filepath.Join(currentLink, stateTable+".parquet"))
	there := err == nil
	if there && x.Picked == 0 && !x.Removes("") {
		return p.link(stateTable)
	}
	parts := []string{x.FreshState()}
	if there {
		q := "SELECT " + merge.Select("o", merge.State, merge.State, p.d.Tenant) + " FROM " + p.oldRows(stateTable, merge.State) + " o"
		if x.Removes("") {
			q += " ANTI JOIN work.gone g ON g.resource_type = o.resource_type AND g.id = o.id"
		}
		parts = append(parts, q)
	}
	return p.copy(ctx, stateTable, merge.State, parts)
}

// copy writes the rows of several queries as one file of the new snapshot.
func (p publication) copy(ctx context.Context, name string, columns []table.Column, parts []string) error {
	if len(parts) == 0 {
		parts = []string{"FROM " + merge.Parquet(nil, columns)}
	}
	var q strings.Builder
	q.WriteString(parts[0])
	for _, part := range parts[1:] {
		q.WriteString(" UNION ALL " + part)
	}
	return p.Exec(ctx, "COPY ("+q.String()+") TO "+merge.Literal(p.home.path(p.fileOf(name)))+" "+copyOptions)
}

func (p publication) link(name string) error {
	from := filepath.Join(snapshotPath(p.old.Export), name+".parquet")
	if err := p.home.root.Link(from, p.fileOf(name)); err != nil {
		return fmt.Errorf("link the unchanged file: %w", err)
	}
	return nil
}

func (p publication) fileOf(name string) string {
	return filepath.Join(snapshotPath(p.d.Export), name+".parquet")
}

// oldRows is the relation of a table in the current snapshot.
func (p publication) oldRows(name string, columns []table.Column) string {
	if p.old.Export == "" {
		return merge.Parquet(nil, columns)
	}
	files := []sink.File{{Path: p.home.path(filepath.Join(snapshotPath(p.old.Export), name+".parquet"))}}
	if name == stateTable {
		return merge.OlderParquet(files, columns)
	}
	return merge.Parquet(files, columns)
}
