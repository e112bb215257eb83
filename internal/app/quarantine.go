package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
)

// Files opens the store of a configuration's raw, staged and quarantined
// files, also beside a process that works on it. The ledger, which is only read,
// knows which keys were destroyed. The caller closes the files.
func Files(c *config.Config, ledger *store.Store) (*blob.Store, error) {
	keys, err := Keys(c, ledger, true)
	if err != nil {
		return nil, err
	}
	files, err := blob.OpenLocal(filepath.Join(c.Folder, "files"))
	if err == nil {
		files.Encrypt(keys)
	}
	return files, err
}

// A Stage is where replays are rehearsed: the configuration's rules over a
// ledger that is only read. Close removes all that rehearsals wrote.
type Stage struct {
	steps   *export.Steps
	scratch *blob.Store
	folder  string
}

// OpenStage prepares rehearsals beside whatever works on the ledger.
func OpenStage(c *config.Config, ledger *store.Store) (_ *Stage, err error) {
	s := &Stage{steps: &export.Steps{Config: c, Store: ledger, Plans: ingest.NewPlans()}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.steps.Views, err = views.Load(c.Views...); err != nil {
		return nil, err
	}
	if s.steps.Guides, err = Guides(c); err != nil {
		return nil, err
	}
	keys, err := Keys(c, ledger, true)
	if err != nil {
		return nil, err
	}
	if s.steps.Files, err = Files(c, ledger); err != nil {
		return nil, err
	}
	// Within the state folder, which is as private as the lines are.
	if s.folder, err = os.MkdirTemp(c.Folder, "rehearsal-"); err != nil {
		return nil, problem.Wrap(err, problem.StorageUnwritable, "the state folder cannot be written", "Make it writable for the user who runs bulkhead.")
	}
	if s.scratch, err = blob.OpenLocal(s.folder); err == nil {
		s.scratch.Encrypt(keys)
	}
	return s, err
}

// Rehearse says what a replay would come to.
func (s *Stage) Rehearse(ctx context.Context, t *config.Tenant, r export.Retake) (export.Rehearsal, error) {
	return s.steps.Rehearse(ctx, t, r, s.scratch)
}

// Close removes what was written.
func (s *Stage) Close() error {
	var err error
	if s.scratch != nil {
		err = s.scratch.Close()
	}
	if s.steps.Files != nil {
		err = errors.Join(err, s.steps.Files.Close())
	}
	if s.folder != "" {
		err = errors.Join(err, os.RemoveAll(s.folder))
	}
	return err
}
