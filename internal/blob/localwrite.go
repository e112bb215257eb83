package blob

import (
	"context"
	"crypto/md5" // the portable bucket's integrity check, not a secret
	"crypto/rand"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"gocloud.dev/blob/driver"
)

// attributes is what a sidecar holds.
type attributes struct {
	CacheControl       string            `json:"cacheControl,omitempty"`
	ContentDisposition string            `json:"contentDisposition,omitempty"`
	ContentEncoding    string            `json:"contentEncoding,omitempty"`
	ContentLanguage    string            `json:"contentLanguage,omitempty"`
	ContentType        string            `json:"contentType,omitempty"`
	Metadata           map[string]string `json:"metadata,omitempty"`
	MD5                []byte            `json:"md5,omitempty"`
}

func (a *attributes) plain() bool {
	return a.CacheControl == "" && a.ContentDisposition == "" && a.ContentEncoding == "" &&
		a.ContentLanguage == "" && a.ContentType == defaultContentType && len(a.Metadata) == 0
}

// localWriter writes to a temporary file that Close renames.
type localWriter struct {
	b     *localBucket
	ctx   context.Context
	name  string
	temp  string
	file  *os.File
	attrs attributes
	sum   hash.Hash // nil for a file without a sidecar
	fresh bool      // only when no file of the name exists
}

// NewTypedWriter starts a temporary file; its Close commits it under key.
func (b *localBucket) NewTypedWriter(ctx context.Context, key, contentType string, opts *driver.WriterOptions) (driver.Writer, error) {
	if opts.BeforeWrite != nil {
		if err := opts.BeforeWrite(b.As); err != nil {
			return nil, err
		}
	}
	if contentType == "" {
		contentType = defaultContentType
	}
	w := &localWriter{b: b, ctx: ctx, name: pathOf(key), fresh: opts.IfNotExist, attrs: attributes{
		CacheControl: opts.CacheControl, ContentDisposition: opts.ContentDisposition,
		ContentEncoding: opts.ContentEncoding, ContentLanguage: opts.ContentLanguage,
		ContentType: contentType, Metadata: opts.Metadata,
	}}
	if !w.attrs.plain() {
		w.sum = md5.New()
	}
	var err error
	w.temp, w.file, err = b.createTemp(areaOf(w.name))
	return w, err
}

func (b *localBucket) createTemp(of Area) (string, *os.File, error) {
	if err := b.at(of, "before create"); err != nil {
		return "", nil, err
	}
	name := tempFolder + "/" + rand.Text() + ".tmp"
	f, err := b.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	return name, f, err
}

// Write appends to the temporary file.
func (w *localWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	if err := w.b.at(areaOf(w.name), "before write"); err != nil {
		return 0, err
	}
	if w.sum != nil {
		w.sum.Write(p)
	}
	return w.file.Write(p)
}

// Close commits the file, or removes it when the context has ended. Order: the
// bytes are on the disk before the name, and the name before Close returns.
func (w *localWriter) Close() error {
	err := w.ctx.Err()
	if err == nil {
		err = w.b.step(areaOf(w.name), "sync", w.file.Sync) // I3: bytes first
	}
	err = errors.Join(err, w.file.Close())
	if err == nil {
		err = w.publish()
	}
	if err != nil {
		w.b.root.Remove(w.temp) // best effort: opening the store sweeps what stays
	}
	return err
}

// publish gives the file its name, after the sidecar has its own: a file
// without one is plain, and a sidecar without a file is never read.
func (w *localWriter) publish() error {
	b := w.b
	if w.sum != nil {
		w.attrs.MD5 = w.sum.Sum(nil)
	}
	folder := path.Dir(w.name)
	b.names.RLock()
	if b.durable[folder] && !w.fresh {
		defer b.names.RUnlock()
		return w.take(folder)
	}
	b.names.RUnlock()
	b.names.Lock()
	defer b.names.Unlock()
	if err := b.makeFolder(folder); err != nil {
		return err
	}
	if w.fresh {
		if _, err := b.root.Lstat(w.name); err == nil {
			return errExists
		}
	}
	return w.take(folder)
}

// take puts the file in its place in a folder that stands.
func (w *localWriter) take(folder string) error {
	b := w.b
	if err := b.writeSidecar(w.name, &w.attrs); err != nil {
		return err
	}
	if err := b.step(areaOf(w.name), "rename", w.rename); err != nil {
		return err
	}
	return b.step(areaOf(w.name), "sync folder", func() error { return b.syncFolder(folder) }) // I3: then the name
}

// rename is the commit point. Link does not replace, so of several writers
// that must not find a file only one succeeds.
func (w *localWriter) rename() error {
	if !w.fresh {
		return w.b.root.Rename(w.temp, w.name)
	}
	err := w.b.root.Link(w.temp, w.name)
	if errors.Is(err, fs.ErrExist) {
		return errExists
	}
	if err != nil {
		return err
	}
	return w.b.root.Remove(w.temp)
}

// writeSidecar stores a, or removes the sidecar of a file that needs none.
func (b *localBucket) writeSidecar(name string, a *attributes) error {
	if a.plain() {
		err := b.root.Remove(name + sidecar)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	temp, f, err := b.createTemp(areaOf(name))
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		b.root.Remove(temp)
		return err
	}
	return b.root.Rename(temp, name+sidecar)
}

func (b *localBucket) readSidecar(name string) (attributes, error) {
	a := attributes{ContentType: defaultContentType}
	text, err := b.root.ReadFile(name + sidecar)
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(text, &a)
}

// makeFolder makes a folder and those above it, and syncs the entry of each
// that this process has not synced before.
func (b *localBucket) makeFolder(name string) error {
	at := "."
	for segment := range strings.SplitSeq(name, "/") {
		parent := at
		at = path.Join(at, segment)
		if b.durable[at] {
			continue
		}
		if err := b.root.Mkdir(at, folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := b.syncFolder(parent); err != nil {
			return err
		}
		b.durable[at] = true
	}
	return nil
}

func (b *localBucket) syncFolder(name string) error {
	d, err := b.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Copy writes src again under dst, durably.
func (b *localBucket) Copy(ctx context.Context, dst, src string, opts *driver.CopyOptions) error {
	name := pathOf(src)
	if _, err := b.stat(name); err != nil {
		return err
	}
	a, err := b.readSidecar(name)
	if err != nil {
		return err
	}
	if opts.BeforeCopy != nil {
		if err := opts.BeforeCopy(b.As); err != nil {
			return err
		}
	}
	from, err := b.root.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := b.NewTypedWriter(ctx, dst, a.ContentType, &driver.WriterOptions{
		CacheControl: a.CacheControl, ContentDisposition: a.ContentDisposition,
		ContentEncoding: a.ContentEncoding, ContentLanguage: a.ContentLanguage, Metadata: a.Metadata,
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(w, from)
	if err != nil {
		cancel()
	}
	return errors.Join(err, w.Close())
}

// step runs f between two points at which a test may make it fail.
func (b *localBucket) step(of Area, name string, f func() error) error {
	if err := b.at(of, "before "+name); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	return b.at(of, "after "+name)
}

func (b *localBucket) at(of Area, point string) error {
	if b.fault == nil {
		return nil
	}
	return b.fault(of, point)
}

// areaOf gives the area to which a file's name belongs.
func areaOf(name string) Area {
	area, _, _ := strings.Cut(name, "/")
	return Area(area)
}
