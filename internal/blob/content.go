package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/bulkhead-fhir/bulkhead/internal/atrest"
)

const (
	// Decrypted files of up to memoryFile bytes are held in memory while a sink
	// reads them, memoryAll bytes at once; what is more lies, without a name, on
	// the disk of the store.
	memoryFile = 64 << 20
	memoryAll  = 256 << 20
)

// sealing says how a file of that name is written.
func (s *Scope) sealing(ctx context.Context, name string) func(io.Writer) (io.WriteCloser, error) {
	return func(w io.Writer) (io.WriteCloser, error) {
		if !s.store.keys.On() {
			return atrest.Escape(w), nil
		}
		return s.store.keys.Encrypt(ctx, s.tenant, name, w)
	}
}

// kind looks how a file of that stored size is stored.
func (s *Scope) kind(ctx context.Context, name string, size int64) (atrest.Kind, error) {
	if size < int64(atrest.HeaderSize) {
		return atrest.Plain, nil
	}
	head, err := s.head(ctx, name)
	return atrest.KindOf(head), err
}

// head reads what a file begins with.
func (s *Scope) head(ctx context.Context, name string) ([]byte, error) {
	r, err := s.store.bucket.NewRangeReader(ctx, name, 0, int64(atrest.HeaderSize), nil)
	if err != nil {
		return nil, explain(missing(err), "open file")
	}
	head, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, explain(err, "read file")
	}
	return head, nil
}

// Seal encrypts a file that is not encrypted, or was by an older key, and
// reports whether it was needed. The file is there all the time, as it was or
// encrypted anew. Nobody may write or delete it meanwhile.
func (s *Scope) Seal(ctx context.Context, k Key) (bool, error) {
	name, err := s.own(k)
	if err != nil {
		return false, fmt.Errorf("encrypt file: %w", err)
	}
	head, err := s.head(ctx, name)
	if err != nil {
		return false, err
	}
	if newest, err := s.store.keys.Newest(ctx, s.tenant, head); newest || err != nil {
		return false, err
	}
	from, err := s.Open(ctx, k)
	if err != nil {
		return false, err
	}
	defer from.Close() //nolint:errcheck // it was only read
	to, err := s.Create(ctx, k)
	if err != nil {
		return false, err
	}
	defer to.Close() //nolint:errcheck // Commit says what matters
	if _, err := io.Copy(to, from); err != nil {
		return false, explain(err, "encrypt file")
	}
	return true, to.Commit()
}

// content gives what is in a stored file. It closes stored, at its own Close or
// with an error.
func (s *Scope) content(ctx context.Context, name string, stored io.ReadCloser) (io.ReadCloser, error) {
	head := make([]byte, atrest.HeaderSize)
	n, err := io.ReadFull(stored, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.Join(explain(err, "read file"), stored.Close())
	}
	c := &content{Closer: stored}
	switch atrest.KindOf(head[:n]) {
	case atrest.Plain:
		c.Reader = io.MultiReader(bytes.NewReader(head[:n]), stored)
	case atrest.Escaped:
		c.Reader = stored
	case atrest.Cut:
		return nil, errors.Join(atrest.Damaged(s.tenant), stored.Close())
	case atrest.Encrypted:
		if c.Reader, err = s.store.keys.Decrypt(ctx, s.tenant, name, head, stored); err != nil {
			return nil, errors.Join(err, stored.Close())
		}
	}
	return c, nil
}

type content struct {
	io.Reader
	io.Closer
}

// nameless puts the content of a file where this process can read it by a path
// and nobody finds it: in memory, or in a file that has lost its name.
func (s *Scope) nameless(ctx context.Context, e Entry) (path string, release func(), err error) {
	r, err := s.Open(ctx, e.Key)
	if err != nil {
		return "", nil, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	f, release, err := s.store.volatile(e.Size)
	if err != nil {
		return "", nil, explain(err, "decrypt file")
	}
	if _, err := io.Copy(f, r); err != nil {
		release()
		return "", nil, explain(err, "decrypt file")
	}
	path = fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if _, err := os.Stat(path); err != nil {
		release()
		return "", nil, noPath(err)
	}
	return path, release, nil
}

// volatile makes a file that ends with release, or with the process.
func (s *Store) volatile(size int64) (f *os.File, release func(), err error) {
	if size <= memoryFile && s.held.Add(size) <= memoryAll {
		if f, err = memory(); err != nil {
			s.held.Add(-size)
			return nil, nil, err
		}
		return f, func() { f.Close(); s.held.Add(-size) }, nil
	}
	if size <= memoryFile {
		s.held.Add(-size)
	}
	if f, err = s.unnamed(); err != nil {
		return nil, nil, err
	}
	return f, func() { f.Close() }, nil
}

// unnamed makes a file on the disk of the store that loses its name before
// anything is written to it.
func (s *Store) unnamed() (*os.File, error) {
	if s.local == nil {
		f, err := os.CreateTemp(s.spool, "bulkhead-*")
		if err != nil {
			return nil, err
		}
		return f, os.Remove(f.Name())
	}
	name, f, err := s.local.createTemp(Staged)
	if err != nil {
		return nil, err
	}
	if err := s.local.root.Remove(name); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
