package keyring

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

const (
	folderMode = 0o700
	fileMode   = 0o600
	othersMode = 0o077 // what group and others may do

	confirmed = ".confirmed"
	disabled  = ".disabled"
)

// A Ring is a folder of keys. It may be used by several processes and
// goroutines at once.
type Ring struct {
	dir string

	mu   sync.Mutex
	keys map[string]*smart.Key // parsed, by file: a key's file never changes
}

// Create makes an empty folder of keys that only its owner can use. A folder
// that exists must be empty.
func Create(dir string) (*Ring, error) {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, unwritable(err)
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, unwritable(err)
	}
	if len(list) > 0 {
		return nil, problem.New(problem.Usage, "the folder "+dir+" is not empty", "Give a new folder; a folder of keys that exists gets a new one by bulkhead keys rotate.")
	}
	if err := os.Chmod(dir, folderMode); err != nil {
		return nil, unwritable(err)
	}
	return Open(dir)
}

func unwritable(err error) *problem.Problem {
	return problem.Wrap(err, problem.StorageUnwritable, "the folder of keys cannot be written", "Give a folder that you may write, and check the disk.")
}

// Open gives the ring in a folder. It refuses one that others can use.
func Open(dir string) (*Ring, error) {
	stat, err := os.Stat(dir)
	if err != nil || !stat.IsDir() {
		return nil, absent(dir, err)
	}
	if p := exposed(dir, stat); p != nil {
		return nil, p
	}
	return &Ring{dir: dir, keys: map[string]*smart.Key{}}, nil
}

// absent is the problem of a folder that is none, or none to this user.
func absent(dir string, err error) *problem.Problem {
	if errors.Is(err, fs.ErrPermission) {
		return problem.Wrap(err, problem.KeyMissing, "this user may not read the folder of keys "+dir,
			"Run bulkhead as the user to whom the keys belong, or give the folder to the user who runs it (chown -R). Do not make new keys: the vendor knows these.")
	}
	return problem.Wrap(err, problem.KeyMissing, "there is no folder of keys at "+dir, "Make it with bulkhead keys new --folder "+dir+", or correct key_folder of the registration.")
}

// exposed is the problem of a folder or file that others can use.
func exposed(path string, stat fs.FileInfo) *problem.Problem {
	if runtime.GOOS == "windows" || stat.Mode().Perm()&othersMode == 0 {
		return nil
	}
	return problem.New(problem.KeyInvalid, fmt.Sprintf("%s can be used by others than its owner (mode %04o)", path, stat.Mode().Perm()),
		"Run chmod -R go-rwx "+path+". If others may have read the key, disable it (bulkhead keys disable) and rotate.")
}

// An entry is one key of the ring, with all that is known of it.
type entry struct {
	record
	number   int
	disabled time.Time  // zero for a key that is not
	key      *smart.Key // nil for a disabled key whose file is removed
}

// entries reads the ring, the oldest key first.
func (r *Ring) entries() ([]entry, error) {
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		return nil, damaged(r.dir, err)
	}
	defer root.Close()
	files, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, damaged(r.dir, err)
	}
	byNumber := map[int]*entry{}
	// Records come before what was added to them: "0001.json" sorts after
	// "0001.confirmed.json".
	slices.SortFunc(files, func(a, b fs.DirEntry) int {
		return cmp.Or(cmp.Compare(len(a.Name()), len(b.Name())), cmp.Compare(a.Name(), b.Name()))
	})
	for _, f := range files {
		if err := r.read(root, f.Name(), byNumber); err != nil {
			return nil, damaged(filepath.Join(r.dir, f.Name()), err)
		}
	}
	var list []entry
	for _, e := range byNumber {
		if e.key, err = r.key(root, e); err != nil {
			return nil, err
		}
		list = append(list, *e)
	}
	slices.SortFunc(list, func(a, b entry) int { return cmp.Compare(a.number, b.number) })
	return list, nil
}

func damaged(path string, err error) *problem.Problem {
	if errors.Is(err, fs.ErrPermission) {
		return absent(path, err)
	}
	return problem.Wrap(err, problem.KeyInvalid, "the folder of keys cannot be used: "+path, "Restore the folder from your backup of it, or make a new one with bulkhead keys new --folder and register its keys.")
}

// read takes in one file; files of other names are not ours.
func (r *Ring) read(root *os.Root, name string, into map[int]*entry) error {
	m := recordFile.FindStringSubmatch(name)
	if m == nil {
		return nil
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return err
	}
	text, err := root.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // pruned at this moment
	}
	if err != nil {
		return err
	}
	e := into[n]
	switch {
	case m[2] == "":
		e = &entry{number: n}
		into[n] = e
		e.record, err = parseRecord(text)
	case e == nil:
		return nil // its record was pruned before it
	case m[2] == confirmed:
		e.publication, err = parsePublication(text)
	case m[2] == disabled:
		var d disabling
		d, err = parseDisabling(text)
		e.disabled = d.Disabled
	}
	return err
}

// key gives the entry's key. The key of a disabled entry is not read at all.
func (r *Ring) key(root *os.Root, e *entry) (*smart.Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !e.disabled.IsZero() {
		delete(r.keys, e.File)
		return nil, nil
	}
	if k := r.keys[e.File]; k != nil {
		return k, nil
	}
	path := filepath.Join(r.dir, e.File)
	stat, err := root.Stat(e.File)
	if err != nil {
		return nil, damaged(path, err)
	}
	if p := exposed(path, stat); p != nil {
		return nil, p
	}
	text, err := root.ReadFile(e.File)
	if err != nil {
		return nil, damaged(path, err)
	}
	k, err := smart.ParseKey(text)
	switch {
	case err != nil:
		return nil, damaged(path, err)
	case k.ID() != e.KeyID || k.Algorithm() != e.Algorithm:
		return nil, damaged(path, errors.New("it is not the key of its record"))
	}
	r.keys[e.File] = k
	return k, nil
}

// add makes a key durable as the entry after the last of list. It fails when
// another process added one since list was read.
func (r *Ring) add(list []entry, k *smart.Key, rec record) error {
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		return unwritable(err)
	}
	defer root.Close()
	text, err := k.PrivateJWK()
	if err != nil {
		return fmt.Errorf("encode the key: %w", err)
	}
	rec.File = "key-" + rand.Text() + ".jwk"
	if err := create(root, rec.File, append(text, '\n')); err != nil {
		return unwritable(err)
	}
	next := 1
	if len(list) > 0 {
		next = list[len(list)-1].number + 1
	}
	if err := state(root, numbered(next, ""), rec); err != nil {
		return errors.Join(err, root.Remove(rec.File))
	}
	return nil
}

// add to a key: confirmed or disabled.
func (r *Ring) note(e entry, ending string, fact any) error {
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		return unwritable(err)
	}
	defer root.Close()
	return state(root, numbered(e.number, ending), fact)
}

// state makes a fact durable under a name that nothing has yet: that is the
// moment at which it becomes true.
func state(root *os.Root, name string, fact any) error {
	text, err := json.Marshal(fact, strict)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	temp := ".tmp-" + rand.Text()
	if err := create(root, temp, append(text, '\n')); err != nil {
		return unwritable(err)
	}
	defer root.Remove(temp) //nolint:errcheck // a left-over is swept by Prune
	err = root.Link(temp, name)
	if errors.Is(err, fs.ErrExist) {
		return problem.New(problem.Usage, "somebody else changed the keys at the same moment", "Look with bulkhead keys list, and do it again if it is still needed.")
	}
	if err != nil {
		return unwritable(err)
	}
	if err := syncFolder(root); err != nil {
		return unwritable(err)
	}
	return nil
}

// create writes a new file durably.
func create(root *os.Root, name string, text []byte) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = bytes.NewReader(text).WriteTo(f)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncFolder(root *os.Root) error {
	if runtime.GOOS == "windows" {
		return nil // folders cannot be synced there
	}
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
