package atrest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// A House wraps the practices' keys with the house key. It may be used by
// several goroutines.
type House struct {
	name   string // which key it is, for people and for key files; no secret
	aead   tink.AEADWithContext
	former *House // the one before, which unwraps what it wrapped; nil when there is none
}

// OpenHouse gives the house key that a configuration names; nil when it names
// none. A key in a file or in the environment is read now, one of a key service
// is asked when it is needed, by the client. Problems: HouseKeyMissing,
// HouseKeyWrong for a text that is no key, ConfigInvalid for a key file within
// the state folder, which it should protect.
func OpenHouse(c *config.Config, client *http.Client) (*House, error) {
	h, err := openKey(c.Folder, c.Encryption, client)
	if err != nil || h == nil || c.Encryption.Former == nil {
		return h, err
	}
	h.former, err = openKey(c.Folder, c.Encryption.Former.Encryption(), client)
	return h, err
}

func openKey(folder string, e config.Encryption, client *http.Client) (*House, error) {
	switch {
	case e.KeyFile != "":
		if rel, err := filepath.Rel(folder, e.KeyFile); err == nil && filepath.IsLocal(rel) {
			return nil, problem.New(problem.ConfigInvalid, "the house key "+e.KeyFile+" stands in the state folder: who takes the folder has the key",
				"Move it out of "+folder+", best to another disk, and correct encryption.key_file.")
		}
		text, err := readHouseKey(e.KeyFile)
		if err != nil {
			return nil, err
		}
		return houseOf(text, e.KeyFile)
	case e.KeyEnv != "":
		text := os.Getenv(e.KeyEnv)
		if text == "" {
			return nil, problem.New(problem.HouseKeyMissing, "the environment variable "+e.KeyEnv+", which should hold the house key, is not set",
				"Set it to the text of a file that bulkhead encryption new-key FILE made.")
		}
		return houseOf([]byte(text), "the environment variable "+e.KeyEnv)
	case e.KeyURL != "":
		return &House{name: e.KeyURL, aead: serviceOf(e, client)}, nil
	}
	return nil, nil
}

// serviceOf gives the key of a key service.
func serviceOf(e config.Encryption, client *http.Client) tink.AEADWithContext {
	endpoint := strings.TrimRight(e.Endpoint, "/")
	if arn, region, ok := e.AWSKey(); ok {
		return envelope{&awsKey{arn: arn, region: region, endpoint: endpoint, http: awsHTTP(client)}}
	}
	if name, ok := e.GoogleKey(); ok {
		return envelope{&googleKey{name: name, endpoint: endpoint, http: strict(client)}}
	}
	return newVault(e, client)
}

func readHouseKey(path string) ([]byte, error) {
	stat, err := os.Stat(path)
	if err != nil {
		return nil, problem.Wrap(pathless(err), problem.HouseKeyMissing, "the house key "+path+" cannot be read",
			"Put the file back from where you keep its copy, or correct encryption.key_file. Nothing is lost; without the key nothing that is encrypted can be opened. A first key is made by bulkhead encryption new-key "+path+".")
	}
	if runtime.GOOS != "windows" && stat.Mode().Perm()&0o077 != 0 {
		return nil, problem.New(problem.HouseKeyMissing, fmt.Sprintf("the house key %s can be read by others than its owner (mode %04o)", path, stat.Mode().Perm()),
			"Run chmod 600 "+path+". If others may have read it, bring in a new one with bulkhead encryption rotate --house.")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, problem.Wrap(pathless(err), problem.HouseKeyMissing, "the house key "+path+" cannot be read", "Give it to the user who runs bulkhead (chown), with mode 0600.")
	}
	return text, nil
}

// pathless takes the path out of an error of a file, which the summary has.
func pathless(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// parseHouse reads a house key's text. Its error says nothing of the text.
func parseHouse(text []byte, where string) (*keyset.Handle, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		return nil, problem.New(problem.HouseKeyWrong, "what stands in "+where+" is no house key", "Use a file that bulkhead encryption new-key made, whole and unchanged.")
	}
	return handle, nil
}

func houseOf(text []byte, where string) (*House, error) {
	handle, err := parseHouse(text, where)
	if err != nil {
		return nil, err
	}
	a, err := aead.New(handle)
	if err != nil {
		return nil, problem.New(problem.HouseKeyWrong, "what stands in "+where+" is a key for something else", "Use a file that bulkhead encryption new-key made.")
	}
	primary, err := handle.Primary()
	if err != nil {
		return nil, problem.New(problem.HouseKeyWrong, "the house key in "+where+" has no key that is in use", "Use a file that bulkhead encryption new-key made.")
	}
	return &House{name: fmt.Sprintf("house key %d", primary.KeyID()), aead: local{a}}, nil
}

// Name says which key it is. It is no secret.
func (h *House) Name() string { return h.name }

// Try reports whether the house key can be used now, by wrapping and unwrapping
// something of no practice. A nil house can always be. Problems: HouseKeyMissing,
// HouseKeyWrong where what was just wrapped does not open.
func (h *House) Try(ctx context.Context) error {
	if h == nil {
		return nil
	}
	bound := purpose("")
	wrapped, err := h.aead.EncryptWithContext(ctx, bound, bound)
	if err != nil {
		return Explain(err)
	}
	if _, err := h.aead.DecryptWithContext(ctx, wrapped, bound); h.refuses(err) {
		return h.wrong("", keyFile{House: h.name})
	} else if err != nil {
		return Explain(err)
	}
	return nil
}

// local is a key that is at hand.
type local struct{ tink.AEAD }

// EncryptWithContext wraps.
func (l local) EncryptWithContext(_ context.Context, plain, bound []byte) ([]byte, error) {
	return l.Encrypt(plain, bound)
}

// DecryptWithContext unwraps.
func (l local) DecryptWithContext(_ context.Context, wrapped, bound []byte) ([]byte, error) {
	return l.Decrypt(wrapped, bound)
}

// wrap encrypts a practice's keyset for the practice: with another's id it does
// not open. The id stands within, too, for a Vault that binds to nothing.
func (h *House) wrap(ctx context.Context, tenant string, handle *keyset.Handle) ([]byte, error) {
	var text bytes.Buffer
	text.WriteString(tenant + "\x00")
	if err := insecurecleartextkeyset.Write(handle, keyset.NewBinaryWriter(&text)); err != nil {
		return nil, fmt.Errorf("encode the practice's keys: %w", err)
	}
	wrapped, err := h.aead.EncryptWithContext(ctx, text.Bytes(), purpose(tenant))
	if err != nil {
		return nil, fmt.Errorf("wrap the practice's keys: %w", err)
	}
	return wrapped, nil
}

func purpose(tenant string) []byte { return []byte("bulkhead keys at rest of " + tenant) }

// unwrap gives a practice's keyset. House is nil where no key is configured.
func (h *House) unwrap(ctx context.Context, tenant string, file keyFile) (*keyset.Handle, error) {
	if h == nil {
		return nil, off(tenant)
	}
	text, err := h.open(ctx, tenant, file)
	if err != nil {
		return nil, err
	}
	whose, rest, _ := bytes.Cut(text, []byte{0})
	if string(whose) != tenant {
		return nil, damagedKeys(tenant, errors.New("they are those of another practice"))
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(rest)))
	if err != nil {
		return nil, damagedKeys(tenant, errors.New("they are no keyset"))
	}
	return handle, nil
}

// open decrypts what the house key wrapped, or the former one; whichever the
// file names is asked first.
func (h *House) open(ctx context.Context, tenant string, file keyFile) ([]byte, error) {
	keys := []*House{h}
	if f := h.former; f != nil {
		keys = append(keys, f)
		if f.name == file.House && h.name != file.House {
			keys = []*House{f, h}
		}
	}
	damaged := false
	for _, key := range keys {
		text, err := key.aead.DecryptWithContext(ctx, file.Wrapped, purpose(tenant))
		if err == nil {
			return text, nil
		}
		if !key.refuses(err) {
			return nil, fmt.Errorf("unwrap the practice's keys: %w", err)
		}
		_, here := key.aead.(local)
		damaged = damaged || key.name == file.House && (here || errors.Is(err, errUnopened))
	}
	if damaged {
		return nil, damagedKeys(tenant, errors.New("the house key that wrapped them does not open them"))
	}
	return nil, h.wrong(tenant, file)
}

// refuses reports whether an error means that the key is another one, and not
// that it could not be asked.
func (h *House) refuses(err error) bool {
	if said, ok := errors.AsType[*vaultError](err); ok {
		return said.wrong()
	}
	_, here := h.aead.(local)
	return err != nil && here || errors.Is(err, errUnopened) || errors.Is(err, errOtherKey)
}

func (h *House) wrong(tenant string, file keyFile) error {
	summary := fmt.Sprintf("the practice's keys were wrapped by %s, and what is configured is %s, which does not open them", file.House, h.name)
	if file.House == h.name {
		summary = "the practice's keys were wrapped by another key than the one that " + h.name + " names now"
	}
	return problem.New(problem.HouseKeyWrong, summary,
		"Name the key that wrapped them under encryption.former, and run bulkhead encryption rotate --house, or name it under `encryption` again. Nothing is lost as long as it is found.").For(tenant)
}
