package disposal_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/disposal"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// stored gives the files of a practice in storage, with their sizes.
func (h *house) stored(tenant string) map[string]int64 {
	h.Helper()
	found := map[string]int64{}
	root := filepath.Join(h.dir, "files")
	h.must(filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		st, err := e.Info()
		if name, _ := filepath.Rel(root, path); err == nil && strings.Contains(name, "/"+tenant+"/") {
			found[filepath.ToSlash(name)] = st.Size()
		}
		return err
	}))
	return found
}

func TestAnAgreementsEndFreezesAndThenDestroysEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, lakeside := newHouse(t), agreed("lakeside")
		lakeside.Agreement.Retention = config.Retention{}
		ids := []string{h.export(order{tenant: "lakeside"})}
		h.export(order{tenant: "hillcrest"})
		pass(day)
		ids = append(ids, h.export(order{tenant: "lakeside"}))
		others := h.stored("hillcrest")
		pass(10 * day)
		lakeside.Agreement.Status = config.AgreementTerminated
		h.record("lakeside", "agreement.status: \"terminated\"\n")
		over := time.Now()
		pass(2 * day) // before anybody looks
		if r := h.dispose(lakeside); !strings.Contains(r.Waits, over.AddDate(0, 0, 15).Format(time.DateOnly)) {
			t.Errorf("at first: %+v", r)
		}
		pass(13*day - time.Second)
		if h.dispose(lakeside); len(h.stored("lakeside")) != 12 {
			t.Error("it went before the time to think was over")
		}
		before, rows := h.stored("lakeside"), h.tables.rows["lakeside"]
		pass(2 * time.Second)
		r := h.dispose(lakeside)
		if left := h.stored("lakeside"); len(left) > 0 || h.tables.rows["lakeside"] > 0 {
			t.Errorf("left: %v, %d rows", left, h.tables.rows["lakeside"])
		}
		if diff := cmp.Diff(others, h.stored("hillcrest")); diff != "" || h.tables.rows["hillcrest"] != 2 { // I7
			t.Errorf("the other practice (-before +now):\n%s", diff)
		}
		h.certified(r, ids, before, rows)
		h.verifies("lakeside")
		head, _, err := h.ledger.In("lakeside").AuditHead(t.Context())
		if h.dispose(lakeside); err != nil {
			t.Fatal(err)
		}
		if now, _, _ := h.ledger.In("lakeside").AuditHead(t.Context()); now != head {
			t.Error("once more: something was put on record")
		}
	})
}

// record makes it the configuration in force.
func (h *house) record(tenant, text string) {
	h.Helper()
	_, err := h.ledger.Apply(h.Context(), []store.Registered{{Tenant: ""}, {Tenant: tenant, Digest: text, Text: text}}, "anna")
	h.must(err)
}

// certified compares a certificate with what was there before.
func (h *house) certified(r disposal.Result, exports []string, before map[string]int64, rows int64) {
	h.Helper()
	c, err := disposal.Read(*r.Ending)
	h.must(err)
	text, err := os.ReadFile(r.Certificate)
	h.must(err)
	sum := sha256.Sum256(text)
	if !bytes.Equal(text, r.Ending.Certificate) || hex.EncodeToString(sum[:]) != r.Ending.SHA256 {
		h.Error("the certificate is not what was hashed")
	}
	went := map[string]int64{}
	areas := map[string]string{"raw": "raw", "staged": "staged", "quarantine": "quarantine", "attachments": "attachments", "history": "logs"}
	for _, d := range c.Destroyed {
		if d.Rule == "retention_over" { // told in numbers
			h.inNumbers(d, before)
			continue
		}
		for _, i := range d.Items {
			if i.Bytes > 0 {
				went[areas[strings.TrimPrefix(d.What, "unknown ")]+"/lakeside/"+d.Export+"/"+i.Name] = i.Bytes
			}
			if d.What == "sink/tables" && (i.Name != "patient" || i.Rows != rows) {
				h.Errorf("rows of the sink: %+v, want %d", i, rows)
			}
		}
	}
	if diff := cmp.Diff(before, went); diff != "" {
		h.Errorf("what was there and what the certificate lists (-was +listed):\n%s", diff)
	}
	if len(c.Exports) != len(exports) || c.Exports[0].Files[0].SHA256 != "cd34" || c.Exports[0].Files[0].Lines != 2 {
		h.Errorf("exports: %+v", c.Exports)
	}
	if !slices.ContainsFunc(c.Remains, func(m disposal.Remainder) bool { return strings.Contains(m.What, "mirth") }) {
		h.Errorf("what a foreign sink has is not named: %+v", c.Remains)
	}
	if c.Agreement.Document != "ab12" || c.Practice != "lakeside PLLC" || c.Record.Seq == 0 {
		h.Errorf("certificate: %+v", c)
	}
	h.onRecord(c, r.Ending.SHA256)
	html, err := os.ReadFile(strings.TrimSuffix(r.Certificate, ".json") + ".html")
	h.must(err)
	for _, of := range [][]byte{text, html} {
		if bytes.Contains(of, []byte(canary)) || bytes.Contains(of, []byte("token=")) {
			h.Error("the certificate says what a record says")
		}
	}
	if !bytes.Contains(html, []byte(r.Ending.SHA256)) {
		h.Error("the page does not name the hash")
	}
}

// inNumbers compares what a clock took before the end with what was there, and
// takes it out of that.
func (h *house) inNumbers(d disposal.Destroyed, before map[string]int64) {
	h.Helper()
	var things, size int64
	for name, n := range before {
		if strings.HasPrefix(name, d.What+"/lakeside/"+d.Export+"/") {
			things, size = things+1, size+n
			delete(before, name)
		}
	}
	if d.Things != things || d.Bytes != size || things == 0 {
		h.Errorf("a clock took %d files of %d bytes of %s, the certificate says %d of %d", things, size, d.What, d.Things, d.Bytes)
	}
}

// onRecord looks whether the certificate is the next thing on record after the
// row that it names.
func (h *house) onRecord(c disposal.Certificate, sum string) {
	h.Helper()
	for e, err := range h.ledger.In("lakeside").Audit(h.Context(), c.Record.Seq) {
		h.must(err)
		if e.Action != audit.Disposed || e.Prev != c.Record.Hash || !strings.Contains(e.Facts, sum) {
			h.Errorf("after the head of the certificate: %+v", e)
		}
		return
	}
	h.Error("the certificate is not on record")
}

func TestTheLedgerForgetsThePatients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, lakeside := newHouse(t), agreed("lakeside")
		h.export(order{tenant: "lakeside"})
		h.export(order{tenant: "hillcrest"})
		lakeside.Agreement.Status = config.AgreementTerminated
		h.dispose(lakeside)
		pass(16 * day)
		h.dispose(lakeside)
		for tenant, want := range map[string]int64{"lakeside": 0, "hillcrest": 1} {
			if n, err := h.ledger.In(tenant).Members(t.Context(), "s"); err != nil || n != want {
				t.Errorf("%s has %d members, %v", tenant, n, err)
			}
		}
		h.dispose(func() *config.Tenant {
			hillcrest := agreed("hillcrest")
			hillcrest.Agreement.Status = config.AgreementTerminated
			return hillcrest
		}())
		hillcrest := agreed("hillcrest")
		hillcrest.Agreement.Status = config.AgreementTerminated
		pass(16 * day)
		h.dispose(hillcrest)
		for _, name := range []string{"ledger.db", "ledger.db-wal"} {
			text, err := os.ReadFile(filepath.Join(h.dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(text, []byte(canary)) {
				t.Errorf("%s still has the id of a patient", name)
			}
		}
	})
}

func TestWhatTheLedgerForgotIsNotInItsLogEither(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, lakeside := newHouse(t), agreed("lakeside")
		h.export(order{tenant: "lakeside"})
		lakeside.Agreement.Status = config.AgreementTerminated
		h.dispose(lakeside)
		pass(16 * day)
		died := errors.New("stopped")
		h.keeper.Point = func(name string) error {
			if name == "disposal: rows dropped" {
				return died
			}
			return nil
		}
		if _, err := h.keeper.Practice(t.Context(), lakeside, disposal.Wish{}); !errors.Is(err, died) {
			t.Fatal(err)
		}
		h.keeper.Point = func(name string) error {
			if name == "disposal: rows forgotten" {
				return died
			}
			return nil
		}
		if _, err := h.keeper.Practice(t.Context(), lakeside, disposal.Wish{}); !errors.Is(err, died) {
			t.Fatal(err)
		}
		for _, name := range []string{"ledger.db", "ledger.db-wal"} {
			if text, err := os.ReadFile(filepath.Join(h.dir, name)); err != nil || bytes.Contains(text, []byte(canary)) {
				t.Errorf("%s still has the id of a patient, %v", name, err)
			}
		}
	})
}

func TestADyingProcessLosesNothingOfADisposal(t *testing.T) {
	t.Attr("fault", "step: bulkhead dies at any point of a disposal, by clock or at the end of an agreement -> it goes on where it stood, and the certificate lists all that was there")
	points := 0
	for n := 1; ; n++ {
		died := false
		synctest.Test(t, func(t *testing.T) {
			h, lakeside := newHouse(t), agreed("lakeside")
			h.export(order{tenant: "hillcrest"})
			ids := []string{h.export(order{tenant: "lakeside"})}
			h.leave("lakeside", "20200101-000000-forgotten")
			before, rows, others := h.stored("lakeside"), h.tables.rows["lakeside"], h.stored("hillcrest")
			pass(36 * time.Hour) // raw is due
			left, where := n, ""
			die := func(name string) error {
				if left--; left == 0 {
					where = name
					return errors.New("killed")
				}
				return nil
			}
			h.keeper.Point = die
			dispose := func() (r disposal.Result) {
				r, err := h.keeper.Practice(t.Context(), lakeside, disposal.Wish{})
				if err != nil {
					died = true
					h.reopen()
					if r, err = h.keeper.Practice(t.Context(), lakeside, disposal.Wish{}); err != nil {
						t.Fatalf("after %s: %v", where, err)
					}
				}
				return r
			}
			dispose()
			lakeside.Agreement.Status = config.AgreementTerminated
			dispose()
			pass(16 * day)
			r := dispose()
			if len(h.stored("lakeside")) > 0 || h.tables.rows["lakeside"] > 0 {
				t.Errorf("killed at %s: left %v", where, h.stored("lakeside"))
			}
			if diff := cmp.Diff(others, h.stored("hillcrest")); diff != "" {
				t.Errorf("killed at %s: the other practice (-before +now):\n%s", where, diff)
			}
			r = h.last(r)
			h.certified(r, ids, before, rows)
			h.verifies("lakeside")
		})
		if !died {
			break
		}
		points++
	}
	if points < 36 {
		t.Errorf("only %d points", points)
	}
}

// last gives the result with the certificate, also where it was written by a
// process that then died.
func (h *house) last(r disposal.Result) disposal.Result {
	h.Helper()
	if r.Certificate != "" {
		return r
	}
	endings, err := h.ledger.In("lakeside").Endings(h.Context())
	h.must(err)
	e := endings[len(endings)-1]
	return disposal.Result{Ending: &e, Certificate: filepath.Join(disposal.Folder(h.dir), fmt.Sprintf("lakeside-%d.json", e.ID))}
}

func TestARenewedAgreementCallsTheEndOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, lakeside := newHouse(t), agreed("lakeside")
		lakeside.Agreement.Retention = config.Retention{}
		id := h.export(order{tenant: "lakeside"})
		lakeside.Agreement.ExpiresAt = config.Moment{Time: time.Now().Add(day)}
		pass(10 * day)
		h.dispose(lakeside)
		lakeside.Agreement.ExpiresAt = config.Moment{Time: time.Now().AddDate(1, 0, 0)}
		h.dispose(lakeside)
		pass(100 * day)
		if r := h.dispose(lakeside); r.Ending != nil || len(h.left("lakeside", id)) != 5 {
			t.Errorf("renewed: %+v, left %v", r, h.left("lakeside", id))
		}
		endings, err := h.ledger.In("lakeside").Endings(t.Context())
		if err != nil || len(endings) != 1 || endings[0].CalledOffAt.IsZero() {
			t.Errorf("endings: %+v, %v", endings, err)
		}
	})
}

func TestNothingIsDestroyedWhileAnExportIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, lakeside := newHouse(t), agreed("lakeside")
		id := h.export(order{tenant: "lakeside", ends: completes[:4]})
		lakeside.Agreement.Status = config.AgreementTerminated
		h.dispose(lakeside)
		pass(20 * day)
		if r := h.dispose(lakeside); !strings.Contains(r.Waits, "bulkhead cancel lakeside") || len(h.left("lakeside", id)) != 5 {
			t.Errorf("%+v, left %v", r, h.left("lakeside", id))
		}
	})
}

func TestFilesThatTheLedgerDoesNotKnowGoToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, lakeside := newHouse(t), agreed("lakeside")
		h.export(order{tenant: "lakeside"})
		h.leave("lakeside", "20200101-000000-forgotten")
		lakeside.Agreement.Status = config.AgreementTerminated
		h.dispose(lakeside)
		pass(16 * day)
		r := h.dispose(lakeside)
		c, err := disposal.Read(*r.Ending)
		if err != nil || len(h.stored("lakeside")) > 0 {
			t.Fatalf("left %v, %v", h.stored("lakeside"), err)
		}
		n := 0
		for _, d := range c.Destroyed {
			if d.Export == "20200101-000000-forgotten" {
				n += len(d.Items)
			}
		}
		if n != 6 {
			t.Errorf("%d forgotten files are listed", n)
		}
	})
}

func TestTheCertificateNamesWhatCrashesLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, lakeside := newHouse(t), agreed("lakeside")
		h.export(order{tenant: "lakeside"})
		temp, spill := filepath.Join(h.dir, "files/.tmp/ABC.tmp"), filepath.Join(h.dir, "bulkhead-query-1")
		h.must(errors.Join(os.WriteFile(temp, []byte("half"), 0o600), os.Mkdir(spill, 0o700)))
		long := time.Now().AddDate(-1, 0, 0)
		h.must(errors.Join(os.Chtimes(temp, long, long), os.Chtimes(spill, long, long)))
		lakeside.Agreement.Status = config.AgreementTerminated
		h.dispose(lakeside)
		pass(16 * day)
		c, err := disposal.Read(*h.dispose(lakeside).Ending)
		h.must(err)
		if !slices.ContainsFunc(c.Remains, func(m disposal.Remainder) bool {
			return strings.HasSuffix(m.What, "in the state folder: 2") && strings.Contains(m.Why, "doctor --repair")
		}) {
			t.Errorf("not destroyed: %+v", c.Remains)
		}
	})
}

func TestAPracticeThatComesBackHasAnEndOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, lakeside := newHouse(t), agreed("lakeside")
		for round := range 2 {
			lakeside.Agreement.Status = config.AgreementActive
			pass(time.Hour)
			h.must(os.RemoveAll(disposal.Folder(h.dir))) // they are put away
			if r := h.dispose(lakeside); r.Certificate != "" {
				t.Errorf("round %d: a certificate while the agreement stands: %+v", round, r)
			}
			id := h.export(order{tenant: "lakeside"})
			lakeside.Agreement.Status = config.AgreementTerminated
			h.dispose(lakeside)
			pass(16 * day)
			r := h.dispose(lakeside)
			if r.Ending == nil || r.Certificate == "" {
				t.Fatalf("round %d: %+v", round, r)
			}
			c, err := disposal.Read(*r.Ending)
			if err != nil || len(c.Exports) != 1 || c.Exports[0].ID != id {
				t.Errorf("round %d: %+v, %v", round, c.Exports, err)
			}
			if rows := fmt.Sprint(h.tables.rows["lakeside"]); rows != "0" {
				t.Errorf("round %d: %s rows", round, rows)
			}
		}
	})
}

func TestWhatAnEndedAgreementRefusesIsNoNewEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, lakeside := newHouse(t), agreed("lakeside")
		h.export(order{tenant: "lakeside"})
		lakeside.Agreement.ExpiresAt = config.Moment{Time: time.Now()}
		pass(16 * day)
		if r := h.dispose(lakeside); r.Certificate == "" {
			t.Fatalf("%+v", r)
		}
		for range 3 { // its schedule goes on, and is refused every night
			pass(day)
			h.export(order{tenant: "lakeside", ends: []life.Event{life.Deny}, bare: true})
			if r := h.dispose(lakeside); r.Certificate != "" {
				t.Errorf("another certificate of nothing: %+v", r)
			}
		}
		if list, err := h.ledger.In("lakeside").Endings(t.Context()); err != nil || len(list) != 1 {
			t.Errorf("%d ends, %v", len(list), err)
		}
	})
}
