package disposal_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/disposal"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const received = `{"resourceType":"Patient","id":"` + canary + `"}` + "\n"

// raw puts the lines of an export's file in raw, and their hash in the ledger.
func (h *house) raw(tenant, export, lines string) {
	h.Helper()
	scope, err := h.files.Tenant(tenant)
	h.must(err)
	key, err := scope.RawKey(export, file)
	h.must(err)
	w, err := scope.Create(h.Context(), key)
	h.must(err)
	z, err := zstd.NewWriter(w)
	h.must(err)
	_, err = z.Write([]byte(lines))
	h.must(errors.Join(err, z.Close(), w.Commit()))
	sum := sha256.Sum256([]byte(received))
	h.must(h.ledger.In(tenant).Do(h.Context(), func(tx *store.Tx) error {
		x, err := tx.Export(export)
		if err != nil {
			return err
		}
		if err := tx.SetFileStored(&x, store.File{Name: file, Bytes: int64(len(received)), SHA256: hex.EncodeToString(sum[:])}); err != nil {
			return err
		}
		return tx.SetIngested(&x, []store.File{{Name: file, Lines: 1, Delivered: 1}}, nil)
	}))
}

func TestWhatIsHandedBackIsWhatWasReceived(t *testing.T) {
	h, lakeside := newHouse(t), agreed("lakeside")
	id, other := h.export(order{tenant: "lakeside"}), h.export(order{tenant: "hillcrest"})
	gone := h.export(order{tenant: "lakeside", bare: true}) // its raw was destroyed
	h.raw("lakeside", id, received)
	dir := filepath.Join(t.TempDir(), "back")
	back, err := h.keeper.HandBack(t.Context(), lakeside, dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, id, file+".ndjson"))
	if err != nil || string(text) != received {
		t.Errorf("handed back %q, %v", text, err)
	}
	manifest, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	sum := sha256.Sum256(manifest)
	var said disposal.Handback
	if err := errors.Join(err, json.Unmarshal(manifest, &said)); err != nil || hex.EncodeToString(sum[:]) != back.SHA256 {
		t.Errorf("manifest: %v", err)
	}
	if len(said.Exports) != 2 || len(said.Exports[0].Documents) != 1 || len(said.Exports[1].Gone) != 1 || said.Exports[1].ID != gone {
		t.Errorf("manifest: %+v", said)
	}
	if _, err := os.Stat(filepath.Join(dir, other)); err == nil { // I7
		t.Error("another practice's export was handed back")
	}
	last := audit.Entry{}
	for e, err := range h.ledger.In("lakeside").Audit(t.Context(), 0) {
		if last = e; err != nil {
			t.Fatal(err)
		}
	}
	if last.Action != audit.HandedBack || !strings.Contains(last.Facts, back.SHA256) || strings.Contains(last.Facts, dir) {
		t.Errorf("on record: %+v", last)
	}
}

func TestAnInterruptedReturnGoesOnInItsFolderAndInNoOther(t *testing.T) {
	t.Attr("fault", "step: bulkhead dies while a practice's records are handed back -> the folder says that it is unfinished, and the next try completes it")
	h, lakeside := newHouse(t), agreed("lakeside")
	id := h.export(order{tenant: "lakeside"})
	h.raw("lakeside", id, received)
	dir := t.TempDir()
	h.must(os.WriteFile(filepath.Join(dir, "UNFINISHED"), []byte("lakeside\n"), 0o600))
	h.must(os.Mkdir(filepath.Join(dir, id), 0o700))
	h.must(os.WriteFile(filepath.Join(dir, id, file+".ndjson"), []byte(received[:10]), 0o600))
	if _, err := h.keeper.HandBack(t.Context(), agreed("hillcrest"), dir); codeOf(err) != problem.Usage {
		t.Errorf("another practice in the folder: %v", err)
	}
	if _, err := h.keeper.HandBack(t.Context(), lakeside, dir); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, id, file+".ndjson")); err != nil || string(text) != received {
		t.Errorf("handed back %q, %v", text, err)
	}
	if _, err := h.keeper.HandBack(t.Context(), lakeside, dir); codeOf(err) != problem.Usage {
		t.Errorf("once more: %v", err)
	}
}

func TestADamagedFileIsNotHandedBack(t *testing.T) {
	h, lakeside := newHouse(t), agreed("lakeside")
	h.raw("lakeside", h.export(order{tenant: "lakeside"}), strings.ToLower(received))
	dir := filepath.Join(t.TempDir(), "back")
	if _, err := h.keeper.HandBack(t.Context(), lakeside, dir); codeOf(err) != problem.StorageDamaged {
		t.Errorf("HandBack = %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err == nil {
		t.Error("there is a manifest of it")
	}
}

func TestAFolderThatCannotBeWrittenIsSaidSo(t *testing.T) {
	h := newHouse(t)
	path := filepath.Join(t.TempDir(), "file")
	h.must(os.WriteFile(path, nil, 0o600))
	if _, err := h.keeper.HandBack(t.Context(), agreed("lakeside"), path); codeOf(err) != problem.StorageUnwritable {
		t.Errorf("HandBack = %v", err)
	}
}

func codeOf(err error) problem.Code {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p.Code
	}
	return ""
}

func TestTheForecastSaysWhatGoesFirst(t *testing.T) {
	h, lakeside := newHouse(t), agreed("lakeside")
	id := h.export(order{tenant: "lakeside"})
	f, _, err := h.keeper.Facts(t.Context(), lakeside, h.now())
	if err != nil {
		t.Fatal(err)
	}
	lines := disposal.Forecast(disposal.Look(f))
	if want := "raw of export " + id + " goes on " + h.now().Add(day).Format("2006-01-02"); len(lines) != 5 || lines[0] != want {
		t.Errorf("forecast: %q, want first %q", lines, want)
	}
	if got := disposal.Clocks(lakeside.Agreement); got != "raw 1d, staged 2d, quarantine 3d, attachments 4d, history 5d" {
		t.Errorf("clocks: %s", got)
	}
	lakeside.Agreement.Retention.Raw = 0
	if got := disposal.Clocks(lakeside.Agreement); !strings.HasPrefix(got, "raw as long as the agreement stands, staged 2d") {
		t.Errorf("clocks: %s", got)
	}
	for _, a := range disposal.Areas {
		if of, ok := disposal.Of(a.Kind); !ok || of.Files != a.Files || a.Keeps == "" || a.Ends == "" || a.Files == blob.Area("") {
			t.Errorf("area %s: %+v", a.Kind, of)
		}
	}
}
