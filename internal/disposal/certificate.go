package disposal

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Format names the form of a certificate.
const Format = "bulkhead-disposal-1"

// A Certificate says what there was of a practice and what became of it at the
// end of its agreement. It holds names that we made, counts and hashes: nothing
// of a patient. Its SHA-256 is that of its JSON, and stands in the practice's
// record.
type Certificate struct {
	Format    string             `json:"format"`
	Tenant    string             `json:"tenant"`
	Practice  string             `json:"practice"` // its legal name
	Agreement CertifiedAgreement `json:"agreement"`
	Began     time.Time          `json:"destruction_began"`
	Ended     time.Time          `json:"destruction_ended"`
	Returned  *Returned          `json:"returned,omitempty"`
	Exports   []CertifiedExport  `json:"exports"`
	Destroyed []Destroyed        `json:"destroyed"`
	Remains   []Remainder        `json:"not_destroyed"`
	Record    audit.Head         `json:"record"` // the end of the practice's record before this certificate
	By        string             `json:"by"`
}

// A CertifiedAgreement is the agreement that ended.
type CertifiedAgreement struct {
	Reference string    `json:"reference"`
	Document  string    `json:"document_sha256,omitempty"`
	Rule      string    `json:"ended_because"` // terminated or expired
	OverAt    time.Time `json:"ended"`
}

// Returned says that what there was had been handed back.
type Returned struct {
	At       time.Time `json:"at"`
	Manifest string    `json:"manifest_sha256"`
}

// A CertifiedExport is an export and the files that it brought.
type CertifiedExport struct {
	ID        string    `json:"export"`
	Mode      string    `json:"mode"`
	State     string    `json:"state"`
	Requested time.Time `json:"requested"`
	Ended     time.Time `json:"ended,omitzero"`
	Files     []Item    `json:"files"` // as received: bytes and lines of NDJSON
}

// Destroyed is one part that went, with what was in it. What a clock took before
// the end is told in numbers.
type Destroyed struct {
	Export string    `json:"export,omitempty"`
	What   string    `json:"what"` // an area, "sink/" and its name, ledger or key
	Rule   string    `json:"rule"`
	Began  time.Time `json:"began"`
	Ended  time.Time `json:"ended"`
	Things int64     `json:"things"`          // files, or tables
	Bytes  int64     `json:"bytes,omitempty"` // as stored
	Items  []Item    `json:"items,omitempty"`
}

// A Remainder is what could not be destroyed from here, and who must do it.
type Remainder struct {
	What string `json:"what"`
	Who  string `json:"who"`
	Why  string `json:"why"`
}

// certify writes the certificate: into the ledger and onto the practice's record
// at once, and then as files.
func (e *ending) certify(ctx context.Context) error {
	c, err := e.draft(ctx)
	if err != nil {
		return err
	}
	var files, bytes int64
	for _, d := range c.Destroyed {
		files, bytes = files+d.Things, bytes+d.Bytes
	}
	err = e.ledger.Do(ctx, func(tx *store.Tx) error {
		if c.Record, err = tx.AuditHead(); err != nil {
			return err
		}
		c.Ended, c.By = tx.Now().UTC().Truncate(time.Millisecond), audit.By(ctx).Actor
		text, err := json.MarshalIndent(c, "", "  ")
		if err != nil {
			return fmt.Errorf("write the certificate: %w", err)
		}
		e.of.Certificate, e.of.EndedAt = append(text, '\n'), tx.Now()
		sum := sha256.Sum256(e.of.Certificate)
		e.of.SHA256 = hex.EncodeToString(sum[:])
		if err := tx.EndEnding(e.of, e.of.Certificate, e.of.SHA256); err != nil {
			return err
		}
		return tx.Audit(audit.Event{
			Action: audit.Disposed, Object: "certificate", Rule: e.of.Rule,
			Facts: map[string]any{"sha256": e.of.SHA256, "exports": len(c.Exports), "items": files, "bytes": bytes, "not_destroyed": len(c.Remains)},
		})
	})
	if err != nil {
		return err
	}
	e.result.Ending = &e.of
	if err := e.at("certificate recorded"); err != nil {
		return err
	}
	e.result.Certificate, err = e.Keep(e.tenant.ID, e.of)
	return err
}

// draft gathers all of the certificate but its end.
func (e *ending) draft(ctx context.Context) (c Certificate, err error) {
	c = Certificate{
		Format: Format, Tenant: e.tenant.ID, Practice: cmp.Or(e.tenant.LegalName, e.tenant.Name, e.tenant.ID),
		Agreement: CertifiedAgreement{e.of.Reference, e.of.Document, e.of.Rule, e.of.OverAt.UTC()},
		Exports:   []CertifiedExport{}, Destroyed: []Destroyed{},
	}
	if !e.of.ReturnedAt.IsZero() {
		c.Returned = &Returned{e.of.ReturnedAt.UTC(), e.of.Returned}
	}
	endings, err := e.ledger.Endings(ctx)
	if err != nil {
		return c, err
	}
	var before time.Time // the end of the agreement before, which has a certificate of its own
	for _, o := range endings {
		if o.ID == e.of.ID {
			c.Began = o.BegunAt.UTC()
		} else if !o.EndedAt.IsZero() {
			before = o.EndedAt
		}
	}
	if c.Exports, err = e.exports(ctx, before); err != nil {
		return c, err
	}
	disposals, err := e.ledger.Disposals(ctx)
	if err != nil {
		return c, err
	}
	for _, d := range disposals {
		if d.EndedAt.IsZero() || d.EndedAt.Before(before) || d.Files == 0 {
			continue
		}
		part := Destroyed{Export: d.Export, What: d.Area, Rule: d.Rule, Began: d.BegunAt.UTC(), Ended: d.EndedAt.UTC(), Things: d.Files, Bytes: d.Bytes}
		if err := json.Unmarshal(d.Listing, &part.Items); err != nil {
			return c, fmt.Errorf("read what was destroyed: %w", err)
		}
		c.Destroyed = append(c.Destroyed, part)
	}
	c.Remains, err = e.remains(ctx)
	return c, err
}

// exports gives the practice's exports since a time, with what they brought.
func (e *ending) exports(ctx context.Context, since time.Time) ([]CertifiedExport, error) {
	all, err := e.ledger.AllExports(ctx)
	if err != nil {
		return nil, err
	}
	list := []CertifiedExport{}
	for _, x := range all {
		if x.RequestedAt.Before(since) {
			continue
		}
		files, err := e.ledger.Files(ctx, x.ID)
		if err != nil {
			return nil, err
		}
		of := CertifiedExport{ID: x.ID, Mode: x.Mode, State: string(x.State), Requested: x.RequestedAt.UTC(), Files: []Item{}}
		if !x.EndedAt.IsZero() {
			of.Ended = x.EndedAt.UTC()
		}
		for _, f := range files {
			if f.SHA256 != "" { // it came
				of.Files = append(of.Files, Item{Name: f.Name, Bytes: f.Bytes, Lines: f.Lines, SHA256: f.SHA256})
			}
		}
		list = append(list, of)
	}
	return list, nil
}

// operator is who answers for this machine.
const operator = "who runs this bulkhead"

// remains lists what is beyond our reach.
func (e *ending) remains(ctx context.Context) ([]Remainder, error) {
	list := []Remainder{{"copies of the state folder and of sinks that were made elsewhere, such as backups", operator, "they cannot be reached from here; destroy them, or let them expire"}}
	copies, err := filepath.Glob(filepath.Join(e.Folder, "ledger.schema-*.db"))
	if err != nil {
		return nil, err
	}
	for _, path := range copies {
		list = append(list, Remainder{"the copy of the ledger " + filepath.Base(path), operator, "it was made before an upgrade, is of all practices, and may hold ids of patients; remove it when the upgrade has proved itself"})
	}
	for _, more := range []func(context.Context) ([]Remainder, error){e.halves, e.blocks, e.foreignSinks, e.foreignFolders} {
		found, err := more(ctx)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

// stale is how old something temporary is when nobody works on it any more.
const stale = time.Hour

// halves says what crashes left half-written, which says of nothing whose it is.
func (e *ending) halves(context.Context) ([]Remainder, error) {
	temps, err := e.Files.Temps()
	if err != nil {
		return nil, err
	}
	n := 0
	for _, t := range temps {
		if time.Since(t.Modified) > stale {
			n++
		}
	}
	for _, pattern := range []string{"rehearsal-*", "bulkhead-query-*", "bulkhead-look-*"} {
		left, err := filepath.Glob(filepath.Join(e.Folder, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range left {
			if st, err := os.Stat(path); err == nil && time.Since(st.ModTime()) > stale {
				n++
			}
		}
	}
	if n == 0 {
		return nil, nil
	}
	return []Remainder{{fmt.Sprintf("temporary files that crashes left in the state folder: %d", n), operator, "they do not say whose they are; bulkhead doctor --repair removes them"}}, nil
}

// blocks says what a disk keeps of files that are removed.
func (e *ending) blocks(ctx context.Context) ([]Remainder, error) {
	keys, err := e.ledger.Keys(ctx)
	if err != nil {
		return nil, err
	}
	if e.Shred == nil || len(keys) == 0 {
		return []Remainder{{"disk blocks that the removed files had", operator, "nothing was encrypted, so what was freed can be read until it is written over; wipe the disk when it is taken out of use"}}, nil
	}
	return []Remainder{{"disk blocks that files of sinks had", operator, "files were encrypted and their key is destroyed, but sinks are not encrypted by bulkhead: what they freed can be read until it is written over, unless the disk is encrypted"}}, nil
}

// foreignSinks are those that had the practice's exports and cannot be erased.
func (e *ending) foreignSinks(ctx context.Context) (list []Remainder, err error) {
	all, err := e.ledger.AllExports(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, x := range all {
		names = append(names, x.Sinks...)
	}
	slices.Sort(names)
	sinks := e.Sinks()
	for _, name := range slices.Compact(names) {
		if _, ok := sinks[name].(sink.Eraser); !ok {
			list = append(list, Remainder{"what sink " + name + " got", "who runs sink " + name, "it is not configured here any more, or bulkhead cannot erase there"})
		}
	}
	return list, nil
}

// foreignFolders are those among the practice's that bulkhead did not make.
func (e *ending) foreignFolders(ctx context.Context) (list []Remainder, err error) {
	for p, err := range e.Files.Places(ctx) {
		if err != nil {
			return nil, err
		}
		if p.Tenant == e.tenant.ID && !p.Named() {
			list = append(list, Remainder{"the folder " + strings.TrimSpace(p.String()), operator, "bulkhead did not make it"})
		}
	}
	return list, nil
}
