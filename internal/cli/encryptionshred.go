package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/atrest"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

type encryptionShredCommand struct {
	Tenant string `arg:"" help:"The practice whose keys are destroyed."`
	Yes    bool   `help:"Do not ask for the practice's id again."`
}

// Run destroys the keys, after whoever runs it has typed the practice's id.
// Where an agreement has a legal hold nothing is destroyed.
func (c *encryptionShredCommand) Run(ctx context.Context, g *Globals) error {
	return g.onRecord(ctx, func(cfg *config.Config, s *store.Store) error {
		if err := known(ctx, cfg, s, c.Tenant); err != nil {
			return err
		}
		if t, err := cfg.Tenant(c.Tenant); err == nil && t.Agreement != nil && t.Agreement.LegalHold.Holds() {
			return problem.New(problem.AgreementDenied, "the practice's agreement has a legal hold: nothing of it may be destroyed", "Lift the hold in the agreement first.").For(c.Tenant)
		}
		// Without the house: a key that cannot be unwrapped can be destroyed, too.
		keys := atrest.New(atrest.Options{Folder: filepath.Join(cfg.Folder, atrest.FolderName), Ledger: s})
		if err := c.agreed(g); err != nil {
			return err
		}
		if err := keys.Shred(ctx, c.Tenant); err != nil {
			return err
		}
		standing, err := keys.Standing(ctx, c.Tenant)
		if err != nil {
			return err
		}
		plain, err := plainFiles(ctx, cfg, s, c.Tenant)
		if err != nil {
			return err
		}
		if g.JSON {
			return g.emit(map[string]any{"tenant": c.Tenant, "destroyed": len(standing.Keys), "files_not_encrypted": plain})
		}
		g.printf("%s: %s destroyed; what they encrypted is noise, here and in every copy without the key file\n", c.Tenant, some(int64(len(standing.Keys)), "key"))
		g.printf("not touched: what sinks have of the practice, what the ledger knows of it, and %s not encrypted\n", someFiles(plain))
		g.printf("then:        destroy copies of the folder %s of the state folder that are older than this\n", atrest.FolderName)
		return nil
	})
}

// someFiles writes "1 file that is" or "2 files that are".
func someFiles(n int64) string {
	if n == 1 {
		return "1 file that is"
	}
	return some(n, "file") + " that are"
}

// agreed has the practice's id typed again.
func (c *encryptionShredCommand) agreed(g *Globals) error {
	if c.Yes {
		return nil
	}
	g.printf("This destroys the keys of %s for good; nobody can open what they encrypted any more.\nType the practice's id to go on: ", c.Tenant)
	answer, err := bufio.NewReader(g.streams.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if strings.TrimSpace(answer) != c.Tenant {
		return problem.New(problem.Cancelled, "nothing was destroyed: the practice's id was not typed", "Run the command again and type "+c.Tenant+", or give --yes.")
	}
	return nil
}

// plainFiles counts the files of a practice that are not encrypted. It needs no
// key.
func plainFiles(ctx context.Context, cfg *config.Config, s *store.Store, tenant string) (n int64, err error) {
	files, err := blob.LookLocal(filepath.Join(cfg.Folder, "files"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	scope, err := files.Tenant(tenant)
	if err != nil {
		return 0, err
	}
	err = eachFile(ctx, scope, s.In(tenant), func(k blob.Key) error {
		st, err := scope.Stat(ctx, k)
		if err == nil && !st.Encrypted {
			n++
		}
		return err
	})
	return n, err
}

// eachFile walks the files of a practice's exports.
func eachFile(ctx context.Context, scope *blob.Scope, ledger *store.Scope, do func(k blob.Key) error) error {
	exports, err := ledger.AllExports(ctx)
	if err != nil {
		return err
	}
	for _, x := range exports {
		for _, area := range blob.Areas {
			for e, err := range scope.List(ctx, area, x.ID) {
				if err != nil {
					return err
				}
				if err := do(e.Key); err != nil {
					return fmt.Errorf("%s: %w", e.Key, err)
				}
			}
		}
	}
	return nil
}

type encryptionSealCommand struct {
	Tenant string `arg:"" help:"The practice whose files are encrypted."`
}

// Run encrypts, with the ledger for itself: nobody writes or deletes meanwhile.
// Repeated after an interruption it goes on where it stood.
func (c *encryptionSealCommand) Run(ctx context.Context, g *Globals) (err error) {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	if !cfg.Encryption.On() {
		return problem.New(problem.EncryptionOff, "the configuration names no house key", "Make one with bulkhead encryption new-key FILE, and name it under `encryption`.")
	}
	s, err := store.Open(ctx, app.Ledger(cfg))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := known(ctx, cfg, s, c.Tenant); err != nil {
		return err
	}
	looked, changed := int64(0), int64(0)
	err = withFilesOf(cfg, s, c.Tenant, func(scope *blob.Scope) error {
		return errors.Join(eachFile(ctx, scope, s.In(c.Tenant), func(k blob.Key) error {
			looked++
			done, err := scope.Seal(ctx, k)
			if done {
				changed++
			}
			return err
		}), export.VeilLedger(ctx, s, scope))
	})
	if err != nil {
		return err
	}
	keys, err := app.Keys(cfg, s, false)
	if err != nil {
		return err
	}
	if err := keys.Settle(ctx); err != nil {
		return err
	}
	if g.JSON {
		return g.emit(map[string]any{"tenant": c.Tenant, "files": looked, "encrypted": changed})
	}
	g.printf("%s: %s looked at, %s encrypted now; the rest was, by the practice's newest key\n", c.Tenant, some(looked, "file"), wording.Count(changed))
	return nil
}
