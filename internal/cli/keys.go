package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

type keysCommand struct {
	New  keysNewCommand  `cmd:"" help:"Make a signing key in a file that only its owner can read."`
	JWKS keysJWKSCommand `cmd:"" name:"jwks" help:"Print the public parts of keys as a JWK Set, to be published or registered."`
}

type keysNewCommand struct {
	File      string `arg:"" type:"path" help:"Where the private key goes, as a JWK. An existing file is never overwritten."`
	Algorithm string `enum:"RS384,ES384" default:"RS384" help:"RS384 (RSA, 3072 bits; eClinicalWorks takes no other) or ES384 (P-384)."`
}

// Run makes a key.
func (c *keysNewCommand) Run(g *Globals) error {
	key, err := smart.GenerateKey(smart.Algorithm(c.Algorithm))
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	text, err := key.PrivateJWK()
	if err != nil {
		return fmt.Errorf("encode the key: %w", err)
	}
	f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return problem.New(problem.Usage, c.File+" exists already; a key is never overwritten", "Give another file name; keep the old key until the vendor has the new one.")
	}
	if err != nil {
		return problem.Wrap(err, problem.StorageUnwritable, "the key cannot be written", "Give a file in a folder that exists and that you may write.")
	}
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return problem.Wrap(err, problem.StorageUnwritable, "the key cannot be written", "Check the disk, remove the file and try again.")
	}
	if g.JSON {
		return g.emit(map[string]string{"file": c.File, "kid": key.ID(), "algorithm": string(key.Algorithm())})
	}
	g.printf("private key: %s (mode 0600; back it up where only you can read it)\nkid:         %s\nalgorithm:   %s\nnext:        bulkhead keys jwks %s > jwks.json, and publish that at the URL you register\n",
		c.File, key.ID(), key.Algorithm(), c.File)
	return nil
}

type keysJWKSCommand struct {
	Files []string `arg:"" type:"path" help:"Private key files (JWK or PEM): the one in use, and its successor while it is being introduced."`
}

// Run prints the public set. It never prints a private member.
func (c *keysJWKSCommand) Run(g *Globals) error {
	keys := make([]*smart.Key, len(c.Files))
	for i, file := range c.Files {
		text, err := os.ReadFile(file)
		if err != nil {
			return problem.Wrap(err, problem.KeyMissing, "key file "+file+" cannot be read", "Give a file that you may read.")
		}
		if keys[i], err = smart.ParseKey(text); err != nil {
			return problem.Wrap(err, problem.KeyInvalid, "key file "+file+" cannot be used", "Make a key with bulkhead keys new.")
		}
	}
	set, err := smart.JWKS(keys...)
	if err != nil {
		return problem.Wrap(err, problem.KeyInvalid, "the keys do not go together", "Give each key once.")
	}
	g.printf("%s\n", set)
	return nil
}
