//go:build cgo

package parquetsink

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
)

// idle reports whether the delivery leaves every table as it is: no line, no
// deletion, nothing of which it is the whole truth, no table or column that is
// not there. Most nights of a small practice are such.
func (p publication) idle() bool {
	d := p.d
	if p.old.Export == "" || len(d.Index)+len(d.Deleted)+len(d.Withheld)+len(d.Later)+len(d.LaterDeleted)+len(d.LaterWithheld)+len(d.Replace) > 0 {
		return false
	}
	return !slices.ContainsFunc(d.Tables, func(t sink.Table) bool {
		before, known := p.old.Tables[t.Name]
		now, err := widen(t.Table, before)
		return err != nil || !known || len(t.Files) > 0 || len(now.Columns) != len(before.Columns) || len(now.ResourceTypes) != len(before.ResourceTypes)
	})
}

// carry makes the snapshot of an idle delivery: the files that are there, under
// its name. It is durable and not yet visible.
func (p publication) carry() (note, error) {
	if err := p.home.root.Mkdir(snapshotPath(p.d.Export), 0o700); err != nil {
		return note{}, fmt.Errorf("make the snapshot: %w", err)
	}
	next := note{Export: p.d.Export, Previous: p.old.Export, Tables: maps.Clone(p.old.Tables), Receipts: maps.Clone(p.old.Receipts)}
	next.Receipts[p.d.Export] = sink.Receipt{Export: p.d.Export, PublishedAt: time.Now().UTC().Truncate(time.Microsecond)}
	names := slices.Sorted(maps.Keys(next.Tables))
	_, err := p.home.root.Stat(filepath.Join(snapshotPath(p.old.Export), stateTable+".parquet"))
	if err == nil {
		names = append(names, stateTable)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return note{}, fmt.Errorf("find the state: %w", err)
	}
	for _, name := range names {
		if err := p.link(name); err != nil {
			return note{}, fmt.Errorf("keep table %s: %w", name, err)
		}
	}
	if err := p.home.writeNote(next); err != nil {
		return note{}, err
	}
	return next, p.home.syncSnapshot(p.d.Export)
}
