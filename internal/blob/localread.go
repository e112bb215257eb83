package blob

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"gocloud.dev/blob/driver"
)

// defaultPage is the page of a listing that asks for no size.
const defaultPage = 1000

// localReader reads a part of a file.
type localReader struct {
	io.Reader
	file  *os.File
	attrs driver.ReaderAttributes
}

// NewRangeReader opens a file at an offset.
func (b *localBucket) NewRangeReader(_ context.Context, key string, offset, length int64, opts *driver.ReaderOptions) (driver.Reader, error) {
	name := pathOf(key)
	st, err := b.stat(name)
	if err != nil {
		return nil, err
	}
	a, err := b.readSidecar(name)
	if err != nil {
		return nil, err
	}
	if opts.BeforeRead != nil {
		if err := opts.BeforeRead(b.As); err != nil {
			return nil, err
		}
	}
	f, err := b.root.Open(name)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r := &localReader{Reader: f, file: f, attrs: driver.ReaderAttributes{
		ContentType: a.ContentType, ModTime: st.ModTime(), Size: st.Size(),
	}}
	if length >= 0 {
		r.Reader = io.LimitReader(f, length)
	}
	return r, nil
}

// Close closes the file.
func (r *localReader) Close() error { return r.file.Close() }

// Attributes describes the file as it was opened.
func (r *localReader) Attributes() *driver.ReaderAttributes { return &r.attrs }

// As gives nothing.
func (r *localReader) As(any) bool { return false }

// ListPaged lists one page of keys in their order. It reads all folders under
// the prefix, which are as many as an export has tables.
func (b *localBucket) ListPaged(_ context.Context, opts *driver.ListOptions) (*driver.ListPage, error) {
	if opts.BeforeList != nil {
		if err := opts.BeforeList(b.As); err != nil {
			return nil, err
		}
	}
	size := opts.PageSize
	if size == 0 {
		size = defaultPage
	}
	found, err := b.keysUnder(opts.Prefix)
	if err != nil {
		return nil, err
	}
	page, last := &driver.ListPage{}, ""
	for _, o := range fold(found, opts.Prefix, opts.Delimiter) {
		if len(opts.PageToken) > 0 && o.Key <= string(opts.PageToken) {
			continue
		}
		if len(page.Objects) == size {
			page.NextPageToken = []byte(last)
			break
		}
		page.Objects = append(page.Objects, o)
		last = o.Key
	}
	return page, nil
}

// keysUnder returns all files whose key has the prefix, in the order of keys.
func (b *localBucket) keysUnder(prefix string) ([]*driver.ListObject, error) {
	var found []*driver.ListObject
	start := "."
	if i := strings.LastIndexByte(prefix, '/'); i > 0 {
		start = pathOf(prefix[:i])
	}
	if err := b.direct(start); err != nil {
		return nil, err
	}
	err := fs.WalkDir(b.root.FS(), start, func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // removed while we walk, or never there
		case err != nil:
			return err
		case d.IsDir() && name == tempFolder:
			return fs.SkipDir
		case d.IsDir(), strings.HasSuffix(name, sidecar), !strings.HasPrefix(keyOf(name), prefix):
			return nil
		}
		o, err := b.listed(name)
		if err == nil {
			found = append(found, o)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return sortByKey(found), err
}

func (b *localBucket) listed(name string) (*driver.ListObject, error) {
	st, err := b.stat(name)
	if err != nil {
		return nil, err
	}
	a, err := b.readSidecar(name)
	if err != nil {
		return nil, err
	}
	return &driver.ListObject{Key: keyOf(name), ModTime: st.ModTime(), Size: st.Size(), MD5: a.MD5}, nil
}

// fold puts what lies behind the delimiter together under one entry.
func fold(found []*driver.ListObject, prefix, delimiter string) []*driver.ListObject {
	if delimiter == "" {
		return found
	}
	folded := found[:0]
	for _, o := range found {
		i := strings.Index(o.Key[len(prefix):], delimiter)
		if i < 0 {
			folded = append(folded, o)
			continue
		}
		dir := o.Key[:len(prefix)+i+len(delimiter)]
		if n := len(folded); n == 0 || folded[n-1].Key != dir {
			folded = append(folded, &driver.ListObject{Key: dir, IsDir: true})
		}
	}
	return folded
}
