package atrest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// NewHouseKey makes a house key in a new file, which only its owner can read,
// and gives the key's id. A file that exists is never overwritten.
func NewHouseKey(path string) (uint32, error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return 0, problem.New(problem.Usage, path+" exists already; a key is never overwritten",
			"Give another file name. A house key that is in use is rotated by bulkhead encryption rotate --house.")
	}
	return addHouseKey(path, keyset.NewManager())
}

// RotateHouseKey adds a key to the house key in a file; it wraps from now on,
// and the former ones go on unwrapping. It gives the new key's id.
func RotateHouseKey(path string) (uint32, error) {
	text, err := readHouseKey(path)
	if err != nil {
		return 0, err
	}
	handle, err := parseHouse(text, path)
	if err != nil {
		return 0, err
	}
	return addHouseKey(path, keyset.NewManagerFromHandle(handle))
}

func addHouseKey(path string, m *keyset.Manager) (uint32, error) {
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err == nil {
		err = m.SetPrimary(id)
	}
	if err != nil {
		return 0, fmt.Errorf("make a house key: %w", err)
	}
	handle, err := m.Handle()
	if err != nil {
		return 0, fmt.Errorf("make a house key: %w", err)
	}
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
		return 0, fmt.Errorf("encode the house key: %w", err)
	}
	if err := replaceFile(path, append(text.Bytes(), '\n')); err != nil {
		return 0, problem.Wrap(pathless(err), problem.StorageUnwritable, "the house key "+path+" cannot be written", "Give a file in a folder that exists and that you may write.")
	}
	return id, nil
}

// replaceFile puts a file in its place, durably.
func replaceFile(path string, text []byte) (err error) {
	folder := filepath.Dir(path)
	temp := filepath.Join(folder, ".house-"+rand.Text()+".tmp")
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	defer os.Remove(temp) //nolint:errcheck // after the rename it is not there
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(temp, path), syncFolder(folder))
}
