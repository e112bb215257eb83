//go:build cgo

package parquetsink

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// Names in a tenant's folder and in a snapshot.
const (
	currentLink = "current"
	nextLink    = "current.next"
	snapshots   = "snapshots"
	noteFile    = "_bulkhead.json"
	stateTable  = "_bulkhead_resource"
)

// A note is a snapshot's table of contents, and the memory of what was published.
type note struct {
	Export   string                  `json:"export"` // whose publication made the snapshot
	Previous string                  `json:"previous,omitempty"`
	Tables   map[string]noted        `json:"tables"`
	Receipts map[string]sink.Receipt `json:"receipts"` // by export
}

// noted is what a snapshot knows about a table of it.
type noted struct {
	ResourceTypes []string       `json:"resource_types"` // whose rows it ever took; empty for all
	Columns       []table.Column `json:"columns"`
}

func snapshotPath(export string) string { return filepath.Join(snapshots, export) }

// A home is one tenant's folder. No name in it leads outside.
type home struct {
	dir  string
	root *os.Root
}

// openHome makes a tenant's folder when it is not there. The sink's own must be:
// where it has vanished, another in its place would hide what it holds.
func openHome(dir string) (home, error) {
	for _, name := range []string{dir, filepath.Join(dir, snapshots)} {
		if err := os.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return home{}, fmt.Errorf("make the tenant's folder: %w", err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return home{}, fmt.Errorf("open the tenant's folder: %w", err)
	}
	return home{dir, root}, nil
}

func (h home) close() { h.root.Close() }

func (h home) path(name string) string { return filepath.Join(h.dir, name) }

// current reads the note of the current snapshot; before the first publication
// it is empty.
func (h home) current() (note, error) {
	n := note{Tables: map[string]noted{}, Receipts: map[string]sink.Receipt{}}
	text, err := h.root.ReadFile(filepath.Join(currentLink, noteFile))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := h.root.Lstat(currentLink); errors.Is(err, fs.ErrNotExist) {
			return n, nil
		}
	}
	if err == nil {
		err = json.Unmarshal(text, &n)
	}
	if err != nil {
		return n, problem.Wrap(err, problem.StorageDamaged, "the current Parquet snapshot cannot be read",
			"Move the tenant's Parquet folder away and run the export with --full.")
	}
	return n, nil
}

// sweep removes what a crash left, and every snapshot but the current and the
// one before. It is safe while others read.
func (h home) sweep(n note) error {
	if err := h.root.Remove(nextLink); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("sweep the tenant's folder: %w", err)
	}
	list, err := os.ReadDir(h.path(snapshots))
	if err != nil {
		return fmt.Errorf("sweep the tenant's folder: %w", err)
	}
	for _, entry := range list {
		if entry.Name() == n.Export || entry.Name() == n.Previous {
			continue
		}
		if err := h.root.RemoveAll(snapshotPath(entry.Name())); err != nil {
			return fmt.Errorf("sweep the tenant's folder: %w", err)
		}
	}
	return nil
}

// commit makes the snapshot of n the current one. Until the rename nothing has
// happened; after it the export is published.
func (h home) commit(n note, reach func(moment string) error) error {
	if err := reach("built"); err != nil {
		return err
	}
	if err := h.root.Symlink(snapshotPath(n.Export), nextLink); err != nil {
		return fmt.Errorf("commit the snapshot: %w", err)
	}
	if err := reach("linked"); err != nil {
		return err
	}
	if err := h.root.Rename(nextLink, currentLink); err != nil { // I5: the one moment
		return fmt.Errorf("commit the snapshot: %w", err)
	}
	if err := reach("renamed"); err != nil {
		return err
	}
	if err := h.settle(n); err != nil {
		return err
	}
	return reach("settled")
}

// settle makes the snapshot that is current durable, and sweeps: readers may
// still be in the one before it; nobody is in older ones.
func (h home) settle(n note) error {
	if err := h.sync("."); err != nil {
		return fmt.Errorf("settle the snapshot: %w", err)
	}
	return h.sweep(n)
}

// writeNote writes n into its snapshot.
func (h home) writeNote(n note) error {
	text, err := json.MarshalIndent(n, "", "\t")
	if err != nil {
		return fmt.Errorf("write the note: %w", err)
	}
	if err := h.root.WriteFile(filepath.Join(snapshotPath(n.Export), noteFile), text, 0o600); err != nil {
		return fmt.Errorf("write the note: %w", err)
	}
	return nil
}

// syncSnapshot makes the files of a snapshot and their names durable.
func (h home) syncSnapshot(export string) error {
	list, err := os.ReadDir(h.path(snapshotPath(export)))
	if err != nil {
		return fmt.Errorf("sync the snapshot: %w", err)
	}
	for _, entry := range list {
		name := filepath.Join(snapshotPath(export), entry.Name())
		if err := errors.Join(h.root.Chmod(name, 0o600), h.sync(name)); err != nil {
			return fmt.Errorf("sync the snapshot: %w", err)
		}
	}
	for _, dir := range []string{snapshotPath(export), snapshots, "."} {
		if err := h.sync(dir); err != nil {
			return fmt.Errorf("sync the snapshot: %w", err)
		}
	}
	return nil
}

func (h home) sync(name string) error {
	f, err := h.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
