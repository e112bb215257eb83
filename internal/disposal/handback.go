package disposal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// HandbackFormat names the form of the manifest of what is handed back.
const HandbackFormat = "bulkhead-return-1"

// The files of a folder that is handed back: the first says that it is one that
// is not whole yet, the second is written last.
const (
	unfinished   = "UNFINISHED"
	handbackList = "manifest.json"
)

// A Handback says what was handed back to a practice, as the manifest in its
// folder.
type Handback struct {
	Format   string             `json:"format"`
	Tenant   string             `json:"tenant"`
	Practice string             `json:"practice"`
	At       time.Time          `json:"at"`
	Exports  []HandedBackExport `json:"exports"`
	SHA256   string             `json:"-"` // of the manifest
}

// A HandedBackExport is an export and what of it was handed back.
type HandedBackExport struct {
	ID              string    `json:"export"`
	Mode            string    `json:"mode"`
	Requested       time.Time `json:"requested"`
	TransactionTime string    `json:"transaction_time,omitempty"` // the server's
	Files           []Item    `json:"files,omitempty"`            // NDJSON as received, by path
	Documents       []Item    `json:"documents,omitempty"`        // by path
	Gone            []Item    `json:"not_here_any_more,omitempty"`
}

// HandBack writes what is kept of a practice as it was received into a folder,
// for the practice: each output file as NDJSON, each document, and last a
// manifest with their hashes. Every file is compared with the hash of its
// download. A folder that is not empty is refused, unless an earlier hand-back of
// the same practice was interrupted in it: that goes on.
//
// What is written is not encrypted.
func (k *Keeper) HandBack(ctx context.Context, t *config.Tenant, dir string) (h Handback, err error) {
	b, err := k.openHandback(t, dir)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, b.root.Close()) }()
	exports, err := b.ledger.AllExports(ctx)
	if err != nil {
		return h, err
	}
	h = Handback{Format: HandbackFormat, Tenant: t.ID, Practice: t.LegalName, At: time.Now().UTC().Truncate(time.Second), Exports: []HandedBackExport{}}
	for _, x := range exports {
		if x.Purpose == store.Replay { // its lines are in its origin's files
			continue
		}
		of, err := b.export(ctx, x)
		if err != nil {
			return h, fmt.Errorf("hand back export %s: %w", x.ID, err)
		}
		if len(of.Files)+len(of.Documents)+len(of.Gone) > 0 {
			h.Exports = append(h.Exports, of)
		}
	}
	text, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return h, err
	}
	sum := sha256.Sum256(append(text, '\n'))
	h.SHA256 = hex.EncodeToString(sum[:])
	if err := b.finish(append(text, '\n')); err != nil {
		return h, b.unwritable(err)
	}
	return h, k.handedBack(ctx, b, h)
}

// handedBack puts it on record, and the end of the agreement may go on.
func (k *Keeper) handedBack(ctx context.Context, b *handback, h Handback) error {
	var files, documents, gone int
	for _, x := range h.Exports {
		files, documents, gone = files+len(x.Files), documents+len(x.Documents), gone+len(x.Gone)
	}
	return b.ledger.Do(ctx, func(tx *store.Tx) error {
		e, open, err := tx.OpenEnding()
		if err != nil {
			return err
		}
		if open {
			if err := tx.SetReturned(e, h.SHA256); err != nil {
				return err
			}
		}
		return tx.Audit(audit.Event{Action: audit.HandedBack, Facts: map[string]any{
			"exports": len(h.Exports), "files": files, "documents": documents, "not_here": gone, "manifest_sha256": h.SHA256,
		}})
	})
}

// A handback is a hand-back on its way.
type handback struct {
	root   *os.Root
	files  *blob.Scope
	ledger *store.Scope
	tenant string
	dir    string
}

func (k *Keeper) openHandback(t *config.Tenant, dir string) (*handback, error) {
	scope, err := k.Files.Tenant(t.ID)
	if err != nil {
		return nil, err
	}
	b := &handback{files: scope, ledger: k.Store.In(t.ID), tenant: t.ID, dir: dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, b.unwritable(err)
	}
	if b.root, err = os.OpenRoot(dir); err != nil {
		return nil, b.unwritable(err)
	}
	if err := b.claim(); err != nil {
		return nil, errors.Join(err, b.root.Close())
	}
	return b, nil
}

// claim makes sure that the folder is for this practice and nothing else.
func (b *handback) claim() error {
	text, err := b.root.ReadFile(unfinished)
	if err == nil && string(text) == b.tenant+"\n" {
		return nil
	}
	entries, err := fs.ReadDir(b.root.FS(), ".")
	if err != nil {
		return b.unwritable(err)
	}
	if len(entries) > 0 {
		return problem.New(problem.Usage, "the folder "+b.dir+" is not empty", "Name a new folder, or an empty one.").For(b.tenant)
	}
	if err := b.root.WriteFile(unfinished, []byte(b.tenant+"\n"), 0o600); err != nil {
		return b.unwritable(err)
	}
	return nil
}

func (b *handback) finish(manifest []byte) error {
	if err := b.root.WriteFile(handbackList+".next", manifest, 0o600); err != nil {
		return err
	}
	f, err := b.root.Open(handbackList + ".next")
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := errors.Join(b.root.Rename(handbackList+".next", handbackList), b.sync(".")); err != nil {
		return err
	}
	return errors.Join(b.root.Remove(unfinished), b.sync("."))
}

// sync makes the names in a folder durable: once all is handed back it may be
// destroyed here.
func (b *handback) sync(folder string) error {
	f, err := b.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (b *handback) unwritable(err error) error {
	return problem.Wrap(err, problem.StorageUnwritable, "the folder "+b.dir+" cannot be written", "Name a folder that the user who runs this may write to, on a disk with room.").For(b.tenant)
}

func (b *handback) export(ctx context.Context, x store.Export) (of HandedBackExport, err error) {
	of = HandedBackExport{ID: x.ID, Mode: x.Mode, Requested: x.RequestedAt.UTC(), TransactionTime: x.TransactionTime}
	files, err := b.ledger.Files(ctx, x.ID)
	if err != nil {
		return of, err
	}
	if err := b.root.MkdirAll(path.Join(x.ID, "documents"), 0o700); err != nil {
		return of, b.unwritable(err)
	}
	for _, f := range files {
		if f.SHA256 == "" { // it never came
			continue
		}
		item := Item{Name: path.Join(x.ID, f.Name+".ndjson"), Bytes: f.Bytes, Lines: f.Lines, SHA256: f.SHA256}
		err := b.file(ctx, x.ID, f, item)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			of.Gone = append(of.Gone, item)
		case err != nil:
			return of, err
		default:
			of.Files = append(of.Files, item)
		}
	}
	if of.Documents, err = b.documents(ctx, x.ID); err != nil {
		return of, err
	}
	return of, b.tidy(x.ID)
}

// tidy removes folders that nothing was written to, and makes the others durable.
func (b *handback) tidy(export string) error {
	for _, name := range []string{path.Join(export, "documents"), export} {
		entries, err := fs.ReadDir(b.root.FS(), name)
		switch {
		case err == nil && len(entries) == 0:
			err = b.root.Remove(name)
		case err == nil:
			err = b.sync(name)
		}
		if err != nil {
			return b.unwritable(err)
		}
	}
	return nil
}

// file writes one output file as it was received.
func (b *handback) file(ctx context.Context, export string, f store.File, item Item) error {
	key, err := b.files.RawKey(export, f.Name)
	if err != nil {
		return err
	}
	raw, err := b.files.Open(ctx, key)
	if err != nil {
		return err
	}
	defer raw.Close() //nolint:errcheck // it was only read
	z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	defer z.Close()
	got, err := b.write(ctx, item.Name, z)
	if err != nil {
		return err
	}
	if got.SHA256 != f.SHA256 || got.Bytes != f.Bytes {
		return problem.New(problem.StorageDamaged, "raw file "+f.Name+" of export "+export+" is not what was received",
			"See what is wrong with bulkhead doctor --deep; what is whole can be handed back once the damaged file is moved away.").For(b.tenant)
	}
	return nil
}

// documents writes the documents of an export.
func (b *handback) documents(ctx context.Context, export string) (items []Item, err error) {
	for e, err := range b.files.List(ctx, blob.Attachments, export) {
		if err != nil {
			return nil, err
		}
		_, rest, _ := strings.Cut(string(e.Key), "/"+export+"/")
		name := path.Join(export, "documents", strings.ReplaceAll(rest, "/", "-"))
		r, err := b.files.Open(ctx, e.Key)
		if err != nil {
			return nil, err
		}
		item, err := b.write(ctx, name, r)
		if err := errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	slices.SortFunc(items, func(a, b Item) int { return strings.Compare(a.Name, b.Name) })
	return items, nil
}

// write makes one file of the folder, whole and durable under its name, and
// describes it.
func (b *handback) write(ctx context.Context, name string, from io.Reader) (item Item, err error) {
	f, err := b.root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return item, b.unwritable(err)
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), ndjson.Until(ctx, from))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return item, err
	}
	return Item{Name: name, Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}
