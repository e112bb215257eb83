package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/keyring"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

type keysCommand struct {
	New     keysNewCommand     `cmd:"" help:"Make a signing key that only its owner can read: in a file, or in a folder in which it can be rotated."`
	JWKS    keysJWKSCommand    `cmd:"" name:"jwks" help:"Print the public parts of keys as a JWK Set, to be published or registered."`
	List    keysListCommand    `cmd:"" help:"Say where the registrations' keys stand, and what is to be seen to."`
	Rotate  keysRotateCommand  `cmd:"" help:"Bring in the successor of a registration's key, while exports run."`
	Disable keysDisableCommand `cmd:"" help:"Take a key out of use at once and for good, because others may have it."`
}

type keysNewCommand struct {
	File      string `arg:"" optional:"" type:"path" help:"Where the private key goes, as a JWK. An existing file is never overwritten."`
	Folder    string `type:"path" placeholder:"DIR" help:"A new folder for keys that can be rotated, in place of a file."`
	From      string `type:"path" placeholder:"FILE" help:"Take the key of this file (JWK or PEM) into the folder, in place of a new one."`
	Direct    bool   `help:"The vendor keeps a copy of the public keys, in place of the URL where they are published (with --folder)."`
	Algorithm string `enum:"RS384,ES384" default:"RS384" help:"RS384 (RSA, 3072 bits; eClinicalWorks takes no other) or ES384 (P-384)."`
}

// made is what a new key is shown as.
type made struct {
	File      string          `json:"file,omitempty"`
	Folder    string          `json:"folder,omitempty"`
	KeyID     string          `json:"kid"`
	Algorithm smart.Algorithm `json:"algorithm"`
}

// Run makes a key. Where there is a ledger, that is on record.
func (c *keysNewCommand) Run(ctx context.Context, g *Globals) error {
	switch {
	case (c.File == "") == (c.Folder == ""):
		return problem.New(problem.Usage, "a key goes into a file or into a folder", "Give one of both: bulkhead keys new FILE, or bulkhead keys new --folder DIR.")
	case c.Folder == "" && (c.From != "" || c.Direct):
		return problem.New(problem.Usage, "--from and --direct are for a folder", "Give --folder DIR.")
	}
	if c.Folder != "" {
		return c.folder(ctx, g)
	}
	key, err := smart.GenerateKey(smart.Algorithm(c.Algorithm))
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	if err := writeKey(c.File, key); err != nil {
		return err
	}
	if err := c.record(ctx, g, key.ID(), key.Algorithm()); err != nil {
		return err
	}
	if g.JSON {
		return g.emit(made{File: c.File, KeyID: key.ID(), Algorithm: key.Algorithm()})
	}
	g.printf("private key: %s (mode 0600; back it up where only you can read it)\nkid:         %s\nalgorithm:   %s\nnext:        bulkhead keys jwks %s > jwks.json, and publish that at the URL you register\n",
		c.File, key.ID(), key.Algorithm(), c.File)
	return nil
}

func writeKey(file string, key *smart.Key) error {
	text, err := key.PrivateJWK()
	if err != nil {
		return fmt.Errorf("encode the key: %w", err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return problem.New(problem.Usage, file+" exists already; a key is never overwritten", "Give another file name; keep the old key until the vendor has the new one.")
	}
	if err != nil {
		return problem.Wrap(err, problem.StorageUnwritable, "the key cannot be written", "Give a file in a folder that exists and that you may write.")
	}
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return problem.Wrap(err, problem.StorageUnwritable, "the key cannot be written", "Check the disk, remove the file and try again.")
	}
	return nil
}

// folder makes a ring with its first key.
func (c *keysNewCommand) folder(ctx context.Context, g *Globals) error {
	var key *smart.Key
	if c.From != "" {
		var err error
		if key, err = readKey(c.From); err != nil {
			return err
		}
	}
	ring, err := keyring.Create(c.Folder)
	if err != nil {
		return err
	}
	plan := keyring.Plan{Algorithm: smart.Algorithm(c.Algorithm), Registered: keyring.ByURL, MaxAge: time.Hour}
	if c.Direct {
		plan.Registered = keyring.Directly
	}
	var first keyring.Standing
	if key != nil {
		first, err = ring.Add(key, plan)
	} else {
		first, err = ring.Generate(plan)
	}
	if err != nil {
		return err
	}
	if err := c.record(ctx, g, first.KeyID, first.Algorithm); err != nil {
		return err
	}
	if g.JSON {
		return g.emit(made{Folder: c.Folder, KeyID: first.KeyID, Algorithm: first.Algorithm})
	}
	g.printf("keys:        %s (only you can use the folder; back it up where only you can read it)\nkid:         %s\nalgorithm:   %s\n", c.Folder, first.KeyID, first.Algorithm)
	if c.From != "" {
		g.printf("             remove %s when the registration names the folder\n", c.From)
	}
	g.printf("next:        name it as key_folder of the registration; bulkhead keys jwks %s > jwks.json, and ", c.Folder)
	if c.Direct {
		g.printf("give that to the vendor\n")
		return nil
	}
	g.printf("publish that at the URL you register, or let bulkhead run publish it (jwks in docs/configuration.md)\n")
	return nil
}

// record puts the new key on record, unless there is no configuration or no
// ledger yet: the first key comes before both.
func (c *keysNewCommand) record(ctx context.Context, g *Globals, id string, algorithm smart.Algorithm) error {
	cfg, err := g.load()
	if err != nil {
		return nil //nolint:nilerr // there is no house yet whose record it could be
	}
	kept := "file"
	if c.Folder != "" {
		kept = "folder"
	}
	err = recordIfAny(audit.As(ctx, audit.Person()), cfg, audit.Event{Action: audit.KeyCreated, Object: id, Facts: map[string]any{"algorithm": string(algorithm), "kept_in": kept}})
	if err != nil {
		return fmt.Errorf("put the new key %s on record; it was made and is where it should be: %w", id, err)
	}
	return nil
}

func readKey(file string) (*smart.Key, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, problem.Wrap(err, problem.KeyMissing, "key file "+file+" cannot be read", "Give a file that you may read.")
	}
	key, err := smart.ParseKey(text)
	if err != nil {
		return nil, problem.Wrap(err, problem.KeyInvalid, "key file "+file+" cannot be used", "Make a key with bulkhead keys new.")
	}
	return key, nil
}

type keysJWKSCommand struct {
	Files        []string `arg:"" optional:"" type:"path" help:"Private key files (JWK or PEM), or one folder of keys: with the successor that waits to be confirmed."`
	Registration string   `placeholder:"NAME" help:"The keys of a configured registration, in place of files."`
}

// Run prints the public set. It never prints a private member.
func (c *keysJWKSCommand) Run(g *Globals) error {
	set, err := c.set(g)
	if err != nil {
		return err
	}
	g.printf("%s\n", set)
	return nil
}

func (c *keysJWKSCommand) set(g *Globals) ([]byte, error) {
	if (len(c.Files) == 0) == (c.Registration == "") {
		return nil, problem.New(problem.Usage, "keys are named by files or by a registration", "Give one of both: bulkhead keys jwks FILE..., or --registration NAME.")
	}
	if c.Registration != "" {
		_, r, err := g.registration(c.Registration)
		if err != nil {
			return nil, err
		}
		return publicSet(r)
	}
	if stat, err := os.Stat(c.Files[0]); err == nil && stat.IsDir() && len(c.Files) == 1 {
		return publicSet(config.Registration{KeyFolder: c.Files[0]})
	}
	keys := make([]*smart.Key, len(c.Files))
	for i, file := range c.Files {
		var err error
		if keys[i], err = readKey(file); err != nil {
			return nil, err
		}
	}
	set, err := smart.JWKS(keys...)
	if err != nil {
		return nil, problem.Wrap(err, problem.KeyInvalid, "the keys do not go together", "Give each key once.")
	}
	return set, nil
}

func publicSet(r config.Registration) ([]byte, error) {
	source, err := keyring.Of(r)
	if err != nil {
		return nil, err
	}
	if keys, err := source.Standings(); err == nil && len(keys) == 0 {
		return nil, problem.New(problem.KeyMissing, "there are no keys in "+r.KeyFolder, "Give a folder that bulkhead keys new --folder made.")
	}
	return source.JWKS(true)
}
