package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// stale is how old something temporary is when nobody works on it any more.
const stale = time.Hour

// certificates is the folder in which disposals keep theirs.
const certificates = "certificates"

// temporary looks for what a crash left half-written.
func (x *Examination) temporary(context.Context) (found []Finding, err error) {
	var list []string
	var repairs []func() error
	if x.Files != nil {
		temps, err := x.Files.Temps()
		if err != nil {
			return nil, err
		}
		for _, t := range temps {
			if x.Now.Sub(t.Modified) > stale {
				list = append(list, "files/.tmp/"+t.Name)
				repairs = append(repairs, func() error { return x.Files.RemoveTemp(t.Name) })
			}
		}
	}
	for _, folder := range append([]string{x.Folder, filepath.Join(x.Folder, certificates)}, x.Places...) {
		left, err := x.staleIn(folder)
		if err != nil {
			return nil, err
		}
		for _, path := range left {
			if !slices.Contains(list, path) {
				list = append(list, path)
				repairs = append(repairs, func() error { return os.RemoveAll(path) })
			}
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	return []Finding{newFinding(Temporary, "%s left from a crash: %s", count(len(list), "temporary file is", "temporary files are"), names(list)).
		as(Leftover).about(list...).curedBy(func(context.Context, *mending) (string, error) {
		for _, remove := range repairs {
			if err := remove(); err != nil {
				return "", err
			}
		}
		return "removed " + count(len(list), "temporary file", "temporary files"), nil
	})}, nil
}

// staleIn gives what rehearsals, queries, backups of the ledger and the writing
// of certificates left in a folder when they were killed.
func (x *Examination) staleIn(folder string) (paths []string, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("look for temporary files: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		ours := strings.HasPrefix(name, "bulkhead-query-") || strings.HasPrefix(name, "bulkhead-look-") || strings.HasSuffix(name, store.TempEnding) ||
			folder == x.Folder && strings.HasPrefix(name, "rehearsal-") || filepath.Base(folder) == certificates && strings.HasPrefix(name, ".certificate-")
		st, err := e.Info()
		if ours && err == nil && x.Now.Sub(st.ModTime()) > stale {
			paths = append(paths, filepath.Join(folder, name))
		}
	}
	return paths, nil
}

// orphans looks for files of exports that the ledger does not know.
func (x *Examination) orphans(ctx context.Context) (found []Finding, err error) {
	if x.Files == nil {
		if _, err := os.Stat(filepath.Join(x.Folder, "files")); err == nil {
			return nil, nil
		}
		return []Finding{newFinding(Storage, "the folder of raw, staged and quarantined files is not there")}, nil
	}
	known := map[string]bool{}
	for _, t := range x.tenants {
		exports, err := x.Ledger.In(t.ID).AllExports(ctx)
		if err != nil {
			return nil, err
		}
		for _, e := range exports {
			known[t.ID+"/"+e.ID] = true
		}
	}
	of := map[[2]string][]string{}
	for p, err := range x.Files.Places(ctx) {
		if err != nil {
			return nil, err
		}
		if known[p.Tenant+"/"+p.Export] {
			continue
		}
		if empty, err := x.empty(ctx, p); err != nil || empty {
			if err != nil {
				return nil, err
			}
			continue
		}
		of[[2]string{p.Tenant, p.Export}] = append(of[[2]string{p.Tenant, p.Export}], p.String())
	}
	for at, folders := range of {
		found = append(found, newFinding(Orphans, "there are files of an export that the ledger does not know: %s", names(folders)).of(at[0], at[1]).as(Leftover).about(folders...))
	}
	slices.SortFunc(found, func(a, b Finding) int { return strings.Compare(a.Tenant+a.Export, b.Tenant+b.Export) })
	return found, nil
}

// empty reports whether there is no file in a place: a folder may outlive them.
func (x *Examination) empty(ctx context.Context, p blob.Place) (bool, error) {
	if !p.Named() {
		return false, nil
	}
	scope, err := x.Files.Tenant(p.Tenant)
	if err != nil {
		return false, err
	}
	for _, err := range scope.List(ctx, p.Area, p.Export) {
		return false, err
	}
	return true, nil
}

// disk looks how much is free.
func (x *Examination) disk(context.Context) ([]Finding, error) {
	free, err := blob.Free(x.Folder)
	if err != nil {
		return nil, err
	}
	x.looked.FreeDisk = free
	if free >= x.Room {
		return nil, nil
	}
	return []Finding{newFinding(Disk, "only %d MB are free on the disk of the state folder", free/1_000_000)}, nil
}
