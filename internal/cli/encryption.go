package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/atrest"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

type encryptionCommand struct {
	NewKey encryptionNewKeyCommand `cmd:"" name:"new-key" help:"Make a house key, which wraps the keys of all practices, in a file that only its owner can read."`
	Status encryptionStatusCommand `cmd:"" help:"Say whether files are encrypted, and how the practices' keys stand."`
	Rotate encryptionRotateCommand `cmd:"" help:"Give a practice a new key, or the house."`
	Seal   encryptionSealCommand   `cmd:"" help:"Encrypt the files of a practice that are not, or that an older key encrypted. Needs the ledger for itself."`
	Shred  encryptionShredCommand  `cmd:"" help:"Destroy a practice's keys for good: what they encrypted is noise from then on, every copy of it too."`
}

// keyring opens the ledger and the practices' keys, beside a process that works
// with them. Without a ledger it is the problem ConfigMissing.
func (g *Globals) keyring(ctx context.Context, do func(cfg *config.Config, s *store.Store, keys *atrest.Keys) error) error {
	return g.onRecord(ctx, func(cfg *config.Config, s *store.Store) error {
		keys, err := app.Keys(cfg, s, false)
		if err != nil {
			return err
		}
		return do(cfg, s, keys)
	})
}

type encryptionNewKeyCommand struct {
	File string `arg:"" type:"path" help:"Where the house key goes. An existing file is never overwritten."`
}

// Run makes a house key.
func (c *encryptionNewKeyCommand) Run(g *Globals) error {
	id, err := atrest.NewHouseKey(c.File)
	if err != nil {
		return err
	}
	if g.JSON {
		return g.emit(map[string]any{"file": c.File, "key": id})
	}
	g.printf("house key:   %d in %s (mode 0600)\n"+
		"keep:        a copy where a fire here does not reach it, and not beside copies of the state folder:\n"+
		"             without the key nothing that is encrypted can be opened by anybody\n"+
		"next:        encryption: {key_file: %s}\n", id, c.File, c.File)
	return nil
}

type encryptionStatusCommand struct {
	Tenant string `arg:"" optional:"" help:"Only this practice."`
}

// A practiceKey is how one key of a practice is shown.
type practiceKey struct {
	Tenant  string `json:"tenant"`
	Key     uint32 `json:"key"`
	State   string `json:"state"` // active, retired, destroyed
	Created string `json:"created_at"`
	Retired string `json:"retired_at,omitempty"`
	Gone    string `json:"destroyed_at,omitempty"`
}

// Run says how the keys stand. Trouble with one is the command's problem.
func (c *encryptionStatusCommand) Run(ctx context.Context, g *Globals) error {
	err := c.standings(ctx, g)
	if !errors.Is(err, store.ErrNoLedger) {
		return err
	}
	cfg, err := g.load()
	if err != nil {
		return err
	}
	if !g.JSON {
		g.printf("%s\n", cfg.Encryption.Standing())
	}
	keys, err := app.Keys(cfg, nil, true)
	if err == nil {
		err = keys.House.Try(ctx)
	}
	if err == nil && cfg.Encryption.On() && !g.JSON {
		g.printf("no practice has a key yet: its first file makes one\n")
	}
	return err
}

func (c *encryptionStatusCommand) standings(ctx context.Context, g *Globals) error {
	return g.looking(ctx, func(cfg *config.Config, s *store.Store) error {
		if !g.JSON {
			g.printf("%s\n", cfg.Encryption.Standing())
		}
		keys, trouble := app.Keys(cfg, s, true)
		if trouble != nil {
			keys = atrest.New(atrest.Options{Folder: filepath.Join(cfg.Folder, atrest.FolderName), Ledger: s, Looking: true})
		}
		tenants, err := keys.Tenants(ctx)
		if err != nil {
			return err
		}
		shown := grid{header: []string{"PRACTICE", "KEY", "STATE", "SINCE"}}
		for _, tenant := range tenants {
			if c.Tenant != "" && tenant != c.Tenant {
				continue
			}
			standing, err := keys.Standing(ctx, tenant)
			if err != nil {
				return err
			}
			if trouble == nil {
				trouble = standing.Trouble
			}
			if err := c.add(g, standing, &shown); err != nil {
				return err
			}
		}
		if !g.JSON && len(shown.rows) > 0 {
			shown.print(g)
		}
		if trouble == nil && len(tenants) == 0 { // else each of them has asked it
			trouble = keys.House.Try(ctx)
		}
		return trouble
	})
}

// closedKeys lists the practices whose keys the configured house key does not
// open. A house key of a service is not asked: it would be, for each practice.
func closedKeys(ctx context.Context, cfg *config.Config) (list []sight) {
	if !cfg.Encryption.On() || cfg.Encryption.KeyURL != "" {
		return nil
	}
	s, err := store.Look(ctx, app.Ledger(cfg))
	if err != nil {
		return nil
	}
	defer s.Close() //nolint:errcheck // it was only read
	keys, err := app.Keys(cfg, s, true)
	if err != nil {
		return nil // seeTo tells it
	}
	tenants, err := keys.Tenants(ctx)
	if err != nil {
		return nil
	}
	for _, tenant := range tenants {
		if standing, err := keys.Standing(ctx, tenant); err == nil && standing.Trouble != nil {
			p := problem.Of(standing.Trouble)
			list = append(list, sight{tenant, p.Summary, p.Remedy})
		}
	}
	return list
}

func (c *encryptionStatusCommand) add(g *Globals, s atrest.Standing, to *grid) error {
	for _, key := range s.Keys {
		k := practiceKey{Tenant: s.Tenant, Key: key.ID, State: "active", Created: audit.Instant(key.CreatedAt)}
		since := key.CreatedAt
		if !key.RetiredAt.IsZero() {
			k.State, k.Retired, since = "retired", audit.Instant(key.RetiredAt), key.RetiredAt
		}
		if !key.DestroyedAt.IsZero() {
			k.State, k.Gone, since = "destroyed", audit.Instant(key.DestroyedAt), key.DestroyedAt
		}
		if g.JSON {
			if err := g.emit(k); err != nil {
				return err
			}
			continue
		}
		to.add(s.Tenant, fmt.Sprint(key.ID), k.State, moment(since))
	}
	return nil
}

type encryptionRotateCommand struct {
	Tenant string `arg:"" optional:"" help:"The practice that gets a new key. Its older keys go on opening what they encrypted."`
	All    bool   `help:"Every practice that has a key gets a new one."`
	House  bool   `help:"Wrap the keys of all practices anew: by a new key in key_file, or by the newest one of key_env or key_url. Start bulkhead run again afterwards if the key is in a file."`
}

// Run rotates. It may be run beside a bulkhead at work.
func (c *encryptionRotateCommand) Run(ctx context.Context, g *Globals) error {
	chosen := 0
	for _, given := range []bool{c.Tenant != "", c.All, c.House} {
		if given {
			chosen++
		}
	}
	if chosen != 1 {
		return problem.New(problem.Usage, "one practice, --all or --house is to be rotated", "Give one of them.")
	}
	return g.keyring(ctx, func(cfg *config.Config, s *store.Store, keys *atrest.Keys) error {
		switch {
		case c.House:
			return rotateHouse(ctx, g, cfg, s)
		case c.All:
			return eachWithKeys(ctx, keys, func(tenant string) error { return c.rotate(ctx, g, keys, tenant) })
		}
		if err := known(ctx, cfg, s, c.Tenant); err != nil {
			return err
		}
		return c.rotate(ctx, g, keys, c.Tenant)
	})
}

func (c *encryptionRotateCommand) rotate(ctx context.Context, g *Globals, keys *atrest.Keys, tenant string) error {
	if err := keys.Rotate(ctx, tenant); err != nil {
		return err
	}
	standing, err := keys.Standing(ctx, tenant)
	if err != nil {
		return err
	}
	newest := standing.Keys[len(standing.Keys)-1]
	if g.JSON {
		return g.emit(map[string]any{"tenant": tenant, "key": newest.ID})
	}
	g.printf("%s: key %d encrypts from now on; what older keys encrypted still opens (bulkhead encryption seal %s encrypts it anew)\n", tenant, newest.ID, tenant)
	return nil
}

// eachWithKeys does something for every practice whose keys live.
func eachWithKeys(ctx context.Context, keys *atrest.Keys, do func(tenant string) error) error {
	tenants, err := keys.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, tenant := range tenants {
		standing, err := keys.Standing(ctx, tenant)
		if err != nil {
			return err
		}
		if standing.Destroyed {
			continue
		}
		if err := do(tenant); err != nil {
			return err
		}
	}
	return nil
}

// rotateHouse brings in a new house key where that is ours to do, and wraps all
// keys anew. Repeated after a crash it wraps what is left.
func rotateHouse(ctx context.Context, g *Globals, cfg *config.Config, s *store.Store) error {
	if !cfg.Encryption.On() {
		return problem.New(problem.EncryptionOff, "the configuration names no house key", "Make one with bulkhead encryption new-key FILE, and name it under `encryption`.")
	}
	action := audit.Event{Action: audit.KeyRotated, Object: "house key"}
	if cfg.Encryption.KeyFile != "" {
		id, err := atrest.RotateHouseKey(cfg.Encryption.KeyFile)
		if err != nil {
			return err
		}
		action.Object = fmt.Sprint("house key ", id)
	}
	keys, err := app.Keys(cfg, s, false)
	if err != nil {
		return err
	}
	n := int64(0)
	err = eachWithKeys(ctx, keys, func(tenant string) error {
		n++
		return keys.Rewrap(ctx, tenant)
	})
	action.Facts = map[string]any{"practices": n}
	if err := errors.Join(err, s.Record(ctx, action, audit.House)); err != nil {
		return err
	}
	if g.JSON {
		return g.emit(map[string]any{"house": keys.House.Name(), "practices": n})
	}
	g.printf("the keys of %s are wrapped by %s\n", some(n, "practice"), keys.House.Name())
	if cfg.Encryption.KeyFile != "" {
		g.printf("next: keep a copy of %s; its former keys stay in it for copies of the state folder\n", filepath.Base(cfg.Encryption.KeyFile))
		if store.Held(app.Ledger(cfg)) {
			g.printf("next: start bulkhead run again: it holds the former house key\n")
		}
	}
	return nil
}
