package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
)

const (
	folderMode = 0o700
	fileMode   = 0o600
	// tempFolder holds what is being written. No key reaches it, because a
	// leading dot is escaped in a key.
	tempFolder = ".tmp"
	// sidecar is the ending of the file that holds a file's attributes, when
	// it has any. No key has it, because the tilde is escaped.
	sidecar = "~attrs"

	defaultContentType = "application/octet-stream"
)

var (
	errExists   = errors.New("file exists already")
	errLink     = errors.New("a link in the place of a folder")
	errUnsigned = errors.New("a local file has no URL")
)

var _ driver.Bucket = (*localBucket)(nil)

// localBucket is a gocloud driver over a folder. Nothing outside the folder
// can be reached (os.Root), and what a writer commits is durable.
type localBucket struct {
	dir  string
	root *os.Root
	lock *os.File // held shared for as long as the bucket is open

	// fault, when not nil, is asked before and after each step of a commit;
	// tests make it fail there.
	fault func(area Area, step string) error

	// names orders changes of the folder tree: making folders and renaming
	// into them must not meet the removal of an empty folder. Files that only
	// take a name in a folder that stands may do so side by side.
	names   sync.RWMutex
	durable map[string]bool // folders whose entry in their parent is synced
}

func openLocalBucket(dir string) (*localBucket, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	b := &localBucket{dir: dir, root: root, durable: map[string]bool{".": true}}
	if err := b.prepare(); err != nil {
		root.Close()
		return nil, err
	}
	return b, nil
}

// prepare makes the folder of temporary files and sweeps it, unless another
// process writes there.
func (b *localBucket) prepare() error {
	if err := b.root.Mkdir(tempFolder, folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	lock, err := b.root.OpenFile(tempFolder+"/lock", os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	b.lock = lock
	alone, err := lockExclusive(lock)
	if err == nil && alone {
		err = b.sweep()
	}
	if err == nil {
		err = lockShared(lock)
	}
	if err != nil {
		lock.Close()
	}
	return err
}

// sweep removes the temporary files that a crash left.
func (b *localBucket) sweep() error {
	entries, err := fs.ReadDir(b.root.FS(), tempFolder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if path.Ext(e.Name()) != ".tmp" {
			continue
		}
		if err := b.root.Remove(tempFolder + "/" + e.Name()); err != nil {
			return err
		}
	}
	return nil
}

// ErrorCode classifies an error for the portable bucket.
func (b *localBucket) ErrorCode(err error) gcerrors.ErrorCode {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return gcerrors.NotFound
	case errors.Is(err, errExists):
		return gcerrors.FailedPrecondition
	case errors.Is(err, errUnsigned):
		return gcerrors.Unimplemented
	case errors.Is(err, ErrName):
		return gcerrors.InvalidArgument
	}
	return gcerrors.Unknown
}

// As gives nothing: the bucket is known only by the portable type.
func (b *localBucket) As(any) bool { return false }

// ErrorAs gives nothing either.
func (b *localBucket) ErrorAs(error, any) bool { return false }

// Attributes describes a file.
func (b *localBucket) Attributes(_ context.Context, key string) (*driver.Attributes, error) {
	name := pathOf(key)
	st, err := b.stat(name)
	if err != nil {
		return nil, err
	}
	a, err := b.readSidecar(name)
	if err != nil {
		return nil, err
	}
	return &driver.Attributes{
		CacheControl: a.CacheControl, ContentDisposition: a.ContentDisposition,
		ContentEncoding: a.ContentEncoding, ContentLanguage: a.ContentLanguage,
		ContentType: a.ContentType, Metadata: a.Metadata, MD5: a.MD5,
		ModTime: st.ModTime(), Size: st.Size(),
		ETag: fmt.Sprintf("\"%x-%x\"", st.ModTime().UnixNano(), st.Size()),
	}, nil
}

func (b *localBucket) stat(name string) (fs.FileInfo, error) {
	st, err := b.root.Stat(name)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return nil, fs.ErrNotExist
	}
	return st, nil
}

// direct demands that a folder is reached without a link: what a link leads to
// is another practice's (I7). One that is not there is.
func (b *localBucket) direct(folder string) error {
	at := "."
	for segment := range strings.SplitSeq(folder, "/") {
		at = path.Join(at, segment)
		st, err := b.root.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if st.Mode()&fs.ModeSymlink != 0 {
			return errLink
		}
	}
	return nil
}

// Delete removes a file durably, and the folders that it leaves empty.
func (b *localBucket) Delete(_ context.Context, key string, opts *driver.DeleteOptions) error {
	name := pathOf(key)
	if _, err := b.stat(name); err != nil {
		return err
	}
	if opts.BeforeDelete != nil {
		if err := opts.BeforeDelete(b.As); err != nil {
			return err
		}
	}
	b.names.Lock()
	defer b.names.Unlock()
	if err := b.direct(path.Dir(name)); err != nil {
		return err
	}
	if err := b.root.Remove(name); err != nil {
		return err
	}
	if err := b.root.Remove(name + sidecar); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	folder := path.Dir(name)
	for folder != "." && b.root.Remove(folder) == nil {
		delete(b.durable, folder)
		folder = path.Dir(folder)
	}
	return b.syncFolder(folder)
}

// SignedURL is not offered.
func (b *localBucket) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errUnsigned
}

// Close lets other processes sweep.
func (b *localBucket) Close() error {
	return errors.Join(b.lock.Close(), b.root.Close())
}
