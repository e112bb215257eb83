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
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/bulkhead-fhir/bulkhead/internal/atrest"
)

// A Scope reaches the files of one tenant and of no other (I7).
type Scope struct {
	store  *Store
	tenant string
}

// Tenant returns the id of the scope's tenant.
func (s *Scope) Tenant() string { return s.tenant }

// An Entry is a stored file.
type Entry struct {
	Key       Key
	Size      int64 // bytes of its content; 0 in a List, which opens nothing
	Stored    int64 // bytes that it takes
	Encrypted bool  // false in a List, too
	Modified  time.Time
}

// Create starts a file. It becomes visible, whole and durable, when Commit of
// the writer returns nil, and takes the place of an earlier file of that key.
// A context that ends before makes Commit fail. The caller must end with Close.
func (s *Scope) Create(ctx context.Context, k Key) (*Writer, error) {
	name, err := s.own(k)
	if err != nil {
		return nil, fmt.Errorf("create file: %w", err)
	}
	return newWriter(ctx, s.store.bucket, name, s.sealing(ctx, name))
}

// Open reads a file from its start. A file that is not there is fs.ErrNotExist.
// Problems, of one that is encrypted: those of atrest.Keys.
func (s *Scope) Open(ctx context.Context, k Key) (io.ReadCloser, error) {
	name, err := s.own(k)
	if err != nil {
		return nil, fmt.Errorf("open file: %w", err)
	}
	r, err := s.store.bucket.NewRangeReader(ctx, name, 0, -1, nil)
	if err != nil {
		return nil, explain(missing(err), "open file")
	}
	return s.content(ctx, name, r)
}

// Stat describes a file. A file that is not there is fs.ErrNotExist. It needs no
// key, also when the file is encrypted.
func (s *Scope) Stat(ctx context.Context, k Key) (Entry, error) {
	name, err := s.own(k)
	if err != nil {
		return Entry{}, fmt.Errorf("stat file: %w", err)
	}
	a, err := s.store.bucket.Attributes(ctx, name)
	if err != nil {
		return Entry{}, explain(missing(err), "stat file")
	}
	kind, err := s.kind(ctx, name, a.Size)
	if err != nil {
		return Entry{}, err
	}
	return Entry{
		Key: k, Size: atrest.ContentSize(kind, a.Size), Stored: a.Size, Encrypted: kind == atrest.Encrypted, Modified: a.ModTime,
	}, nil
}

// List walks the files of one export in one area, in the order of their keys.
// An error ends the walk.
func (s *Scope) List(ctx context.Context, a Area, export string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if !exportID.MatchString(export) {
			yield(Entry{}, fmt.Errorf("list export: %w", ErrName))
			return
		}
		s.walk(ctx, string(s.key(a, export, "")), yield)
	}
}

func (s *Scope) walk(ctx context.Context, prefix string, yield func(Entry, error) bool) {
	it := s.store.bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			yield(Entry{}, explain(err, "list files"))
			return
		}
		if !yield(Entry{Key: Key(o.Key), Stored: o.Size, Modified: o.ModTime}, nil) {
			return
		}
	}
}

// Delete removes a file. One that is not there is no error.
func (s *Scope) Delete(ctx context.Context, k Key) error {
	name, err := s.own(k)
	if err != nil {
		return fmt.Errorf("delete file: %w", err)
	}
	if err := missing(s.store.bucket.Delete(ctx, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return explain(err, "delete file")
	}
	return nil
}

// DeleteExport removes all files of one export in one area.
func (s *Scope) DeleteExport(ctx context.Context, a Area, export string) error {
	return s.deleteWhere(ctx, a, export, func(Key) bool { return true })
}

// DeleteFiles removes what output files gave: all parts that have a name of
// theirs in the staged area, or the one file of each in the others.
func (s *Scope) DeleteFiles(ctx context.Context, a Area, export string, files ...string) error {
	wanted := map[string]bool{}
	for _, file := range files {
		if !fileName.MatchString(file) {
			return fmt.Errorf("delete output file: %w", ErrName)
		}
		wanted[file] = true
	}
	return s.deleteWhere(ctx, a, export, func(k Key) bool { return wanted[fileOf(a, k)] })
}

func (s *Scope) deleteWhere(ctx context.Context, a Area, export string, want func(Key) bool) error {
	var keys []Key
	for e, err := range s.List(ctx, a, export) {
		if err != nil {
			return err
		}
		if want(e.Key) {
			keys = append(keys, e.Key)
		}
	}
	for _, k := range keys {
		if err := s.Delete(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// fileOf gives the output file whose name k has: k ends in "<file>.<ext>", or in
// "<file>-<part>.<ext>" in the staged area.
func fileOf(a Area, k Key) string {
	file, _, _ := strings.Cut(path.Base(string(k)), ".")
	if a == Staged {
		file = file[:max(strings.LastIndexByte(file, '-'), 0)]
	}
	return file
}

// LocalPath returns a path at which the file can be read until release is
// called. For a local store it is the file itself and must not be changed; for
// any other it is a copy, which release removes. What was encrypted has a path
// without a name in any folder, which ends with the process, however that ends,
// and which is for this process only.
func (s *Scope) LocalPath(ctx context.Context, k Key) (path string, release func(), err error) {
	name, err := s.own(k)
	if err != nil {
		return "", nil, fmt.Errorf("find file: %w", err)
	}
	e, err := s.Stat(ctx, k)
	switch {
	case err != nil:
		return "", nil, err
	case e.Encrypted, s.store.local != nil && e.Size != e.Stored:
		return s.nameless(ctx, e)
	case s.store.local == nil:
		return s.copyToSpool(ctx, k)
	}
	return filepath.Join(s.store.local.dir, pathOf(name)), func() {}, nil
}

func (s *Scope) copyToSpool(ctx context.Context, k Key) (path string, release func(), err error) {
	r, err := s.Open(ctx, k)
	if err != nil {
		return "", nil, err
	}
	defer r.Close()
	f, err := os.CreateTemp(s.store.spool, "bulkhead-*"+filepath.Ext(string(k)))
	if err != nil {
		return "", nil, explain(err, "copy file")
	}
	remove := func() { os.Remove(f.Name()) }
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err != nil {
		remove()
		return "", nil, explain(err, "copy file")
	}
	return f.Name(), remove, nil
}

// missing makes the answer of any bucket for an absent file fs.ErrNotExist.
func missing(err error) error {
	if err != nil && gcerrors.Code(err) == gcerrors.NotFound {
		return fs.ErrNotExist
	}
	return err
}
