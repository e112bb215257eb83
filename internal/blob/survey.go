package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gocloud.dev/blob"
)

// Areas lists every area.
var Areas = []Area{Raw, Staged, Quarantine, Attachments, Logs}

// LookLocal opens the store in the folder dir to read it. Unlike OpenLocal it
// makes nothing and removes nothing; what is being written by another process
// stays. A folder that is not there is fs.ErrNotExist.
func LookLocal(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open storage: %w", err)
	}
	lock, err := root.Open(tempFolder + "/lock")
	if errors.Is(err, fs.ErrNotExist) {
		lock, err = root.Open(".") // nobody has ever written here
	}
	if err == nil {
		err = lockShared(lock)
	}
	if err != nil {
		return nil, errors.Join(explain(err, "open storage"), root.Close())
	}
	b := &localBucket{dir: dir, root: root, lock: lock, durable: map[string]bool{".": true}}
	return &Store{bucket: blob.NewBucket(b), local: b}, nil
}

// A Place is where the files of one export in one area are.
type Place struct {
	Area           Area
	Tenant, Export string
}

// Places gives where there are files, whoever they belong to. An error ends
// the walk.
func (s *Store) Places(ctx context.Context) iter.Seq2[Place, error] {
	return func(yield func(Place, error) bool) {
		for _, area := range Areas {
			for tenant, err := range s.folders(ctx, string(area)+"/") {
				if err != nil {
					yield(Place{}, err)
					return
				}
				for export, err := range s.folders(ctx, string(area)+"/"+tenant+"/") {
					if !yield(Place{area, tenant, export}, err) || err != nil {
						return
					}
				}
			}
		}
	}
}

// folders gives the names below a prefix that have something below themselves.
func (s *Store) folders(ctx context.Context, prefix string) iter.Seq2[string, error] {
	if s.local != nil {
		return s.local.folders(prefix)
	}
	return func(yield func(string, error) bool) {
		it := s.bucket.List(&blob.ListOptions{Prefix: prefix, Delimiter: "/"})
		for {
			o, err := it.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield("", explain(err, "list files"))
				return
			}
			if o.IsDir && !yield(path.Base(o.Key), nil) {
				return
			}
		}
	}
}

func (b *localBucket) folders(prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		entries, err := fs.ReadDir(b.root.FS(), path.Clean(prefix))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield("", explain(err, "list files"))
			return
		}
		for _, e := range entries {
			if e.IsDir() && !yield(e.Name(), nil) {
				return
			}
		}
	}
}

// A Temp is a file that is being written, or that a crash left half-written.
type Temp struct {
	Name     string
	Size     int64
	Modified time.Time
}

// Temps gives the temporary files of a local store; other stores have none.
func (s *Store) Temps() ([]Temp, error) {
	if s.local == nil {
		return nil, nil
	}
	entries, err := fs.ReadDir(s.local.root.FS(), tempFolder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, explain(err, "list temporary files")
	}
	var temps []Temp
	for _, e := range entries {
		st, err := e.Info()
		if err != nil || path.Ext(e.Name()) != ".tmp" {
			continue // it has its name by now, or is the lock
		}
		temps = append(temps, Temp{e.Name(), st.Size(), st.ModTime()})
	}
	return temps, nil
}

// RemoveTemp removes a temporary file that nobody writes any more. One that is
// not there is no error.
func (s *Store) RemoveTemp(name string) error {
	if s.local == nil || path.Base(name) != name || path.Ext(name) != ".tmp" {
		return fmt.Errorf("remove temporary file: %w", ErrName)
	}
	if err := s.local.root.Remove(tempFolder + "/" + name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return explain(err, "remove temporary file")
	}
	return nil
}

// Named reports whether the ids of a place are of the form we make, so that
// its files can be reached by a scope.
func (p Place) Named() bool {
	return tenantID.MatchString(p.Tenant) && exportID.MatchString(p.Export) && slices.Contains(Areas, p.Area)
}

// String gives the place as a folder of the store.
func (p Place) String() string {
	return strings.Join([]string{string(p.Area), p.Tenant, p.Export}, "/")
}
