package app

import (
	"path/filepath"

	"github.com/bulkhead-fhir/bulkhead/internal/atrest"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Keys gives the keys with which a configuration has files encrypted, beside
// whatever works with them. looking says that the ledger can only be read; nil
// is for a state folder without one. Problems: those of the house key.
func Keys(c *config.Config, ledger *store.Store, looking bool) (*atrest.Keys, error) {
	client, err := export.NewHTTPClient(c)
	if err != nil {
		return nil, err
	}
	house, err := atrest.OpenHouse(c, client)
	if err != nil {
		return nil, err
	}
	return atrest.New(atrest.Options{Folder: filepath.Join(c.Folder, atrest.FolderName), House: house, Ledger: ledger, Looking: looking}), nil
}
