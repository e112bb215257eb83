package scenario

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// blankLedger is a ledger of which nothing is known yet, as bytes. To make one
// takes longer than most exports, so that it is made in the first World, at the
// time at which every World begins.
var blankLedger = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "bulkhead-ledger-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is a folder for what goes away
	path := filepath.Join(dir, "ledger.db")
	s, err := store.Open(context.Background(), path) //nolint:forbidigo // it is made for all tests
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// putLedger puts a blank ledger where there is none.
func putLedger(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	text, err := blankLedger()
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, text, 0o600))
}
