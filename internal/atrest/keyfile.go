package atrest

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const (
	ending     = ".json"
	folderMode = 0o700
	fileMode   = 0o600
	lockName   = ".lock"
	tempEnding = ".tmp"
)

// A keyFile is the file of one practice's keys. Without Wrapped they were
// destroyed, and the file says so for ever.
type keyFile struct {
	Tenant  string     `json:"tenant"`
	Keys    []keyEntry `json:"keys"` // the oldest first; the last one encrypts
	House   string     `json:"wrapped_by,omitempty"`
	Wrapped []byte     `json:"wrapped,omitempty"` // the keyset, encrypted by the house key for this tenant
}

type keyEntry struct {
	ID          uint32    `json:"id"`
	CreatedAt   time.Time `json:"created_at"`
	RetiredAt   time.Time `json:"retired_at,omitzero"`
	DestroyedAt time.Time `json:"destroyed_at,omitzero"`
}

func (f keyFile) destroyed() bool { return len(f.Wrapped) == 0 }

func (f keyFile) ledgerKeys() []store.TenantKey {
	list := make([]store.TenantKey, len(f.Keys))
	for i, e := range f.Keys {
		list[i] = store.TenantKey(e)
	}
	return list
}

// errNone says that a practice has no key file.
var errNone = errors.New("the practice has no key file")

func (k *Keys) path(tenant string) string { return filepath.Join(k.Folder, tenant+ending) }

// read reads a key file as it is, wrapped. One that is not there is
// errNone, one that cannot be understood the problem StorageDamaged.
func (k *Keys) read(tenant string) (file keyFile, stat fs.FileInfo, err error) {
	f, err := os.Open(k.path(tenant))
	if err != nil {
		return file, nil, k.unreadable(err, tenant)
	}
	defer f.Close() //nolint:errcheck // it was only read
	if stat, err = f.Stat(); err != nil {
		return file, nil, k.unreadable(err, tenant)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return file, nil, k.unreadable(err, tenant)
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return file, nil, damagedKeys(tenant, err)
	}
	if file.Tenant != tenant {
		return file, nil, damagedKeys(tenant, errors.New("it is the file of another practice"))
	}
	return file, stat, nil
}

// write puts a key file in its place, durably: after it the old file is there
// or the new one.
func (k *Keys) write(file keyFile) error {
	text, err := json.MarshalIndent(file, "", " ")
	if err != nil {
		return fmt.Errorf("encode the practice's keys: %w", err)
	}
	temp := k.tempName()
	defer os.Remove(temp) //nolint:errcheck // after the rename it is not there
	if err := k.writeTemp(temp, append(text, '\n')); err != nil {
		return unwritable(err)
	}
	if err := k.step("rename", func() error { return os.Rename(temp, k.path(file.Tenant)) }); err != nil {
		return unwritable(err)
	}
	return unwritable(k.step("sync folder", func() error { return syncFolder(k.Folder) }))
}

func (k *Keys) writeTemp(path string, text []byte) error {
	return k.step("write", func() (err error) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		if _, err := f.Write(text); err != nil {
			return err
		}
		return f.Sync()
	})
}

// step does one part of a change, and tells tests before and after it.
func (k *Keys) step(name string, do func() error) error {
	if k.Point == nil {
		return do()
	}
	if err := k.Point("keys: before " + name); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return k.Point("keys: after " + name)
}

// tempName names a file that a change makes beside the key files. While nobody
// changes anything there is none.
func (k *Keys) tempName() string { return filepath.Join(k.Folder, "."+rand.Text()+tempEnding) }

// temps gives the temporary files in the folder.
func (k *Keys) temps() (paths []string, err error) {
	entries, err := os.ReadDir(k.Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && strings.HasSuffix(e.Name(), tempEnding) {
			paths = append(paths, filepath.Join(k.Folder, e.Name()))
		}
	}
	return paths, err
}

// sweep destroys what changes left that were killed: it may hold keys that are
// destroyed since, wrapped. Nobody may change anything meanwhile.
func (k *Keys) sweep() error {
	left, err := k.temps()
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := k.erase(path); err != nil {
			return err
		}
	}
	return nil
}

// erase removes a temporary file and overwrites what was in it, unless that is
// in its place as a key file, too.
func (k *Keys) erase(path string) error {
	old, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer old.Close() //nolint:errcheck // overwrite has synced it
	stat, err := old.Stat()
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(k.Folder, "*"+ending))
	if err != nil {
		return err
	}
	live := slices.ContainsFunc(files, func(name string) bool {
		other, err := os.Stat(name)
		return err == nil && os.SameFile(stat, other)
	})
	if !live {
		if err := overwrite(old); err != nil {
			return err
		}
	}
	return os.Remove(path)
}

// overwrite writes zeros over a file whose name may be gone already, as far as
// the disk has them in the same place.
func overwrite(f *os.File) error {
	stat, err := f.Stat()
	if err != nil {
		return err
	}
	_, err = f.WriteAt(make([]byte, stat.Size()), 0)
	return errors.Join(err, f.Sync())
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// exclusively runs one change of the folder at a time, also among processes,
// after what a killed one left is swept. The folder is made when it is missing.
func (k *Keys) exclusively(change func() error) (err error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	if err := os.MkdirAll(k.Folder, folderMode); err != nil {
		return unwritable(err)
	}
	lock, err := os.OpenFile(filepath.Join(k.Folder, lockName), os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return unwritable(err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // which gives the lock up
	if err := lockWhole(lock); err != nil {
		return unwritable(err)
	}
	if err := k.sweep(); err != nil {
		return unwritable(err)
	}
	return change()
}

// unreadable says what a person must do about a key file that cannot be read;
// one that is not there is errNone.
func (k *Keys) unreadable(err error, tenant string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errNone
	}
	if errors.Is(err, fs.ErrPermission) {
		return problem.Wrap(err, problem.StorageUnwritable, "the practice's keys cannot be read",
			"Make the folder "+k.Folder+" readable for the user who runs bulkhead, and for nobody else.").For(tenant)
	}
	return fmt.Errorf("read the keys of %s: %w", tenant, err)
}
