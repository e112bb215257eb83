package crashtest

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/disposal"
)

// An estate is what there was when an agreement ended.
type estate struct {
	files    map[string]int64
	rows     map[string]string
	patients []string // their ids
	others   map[string]string
}

func (w *ward) estate(t *testing.T) estate {
	t.Helper()
	e := estate{files: w.stored(t, leaving), rows: w.rows(t, leaving), others: w.whatStays(t)}
	s := w.ledger(t)
	defer s.Close()
	members := one(t, s.DB(), `SELECT count(*) FROM member WHERE tenant_id = '`+leaving+`'`)
	db, err := sql.Open("duckdb", w.path("state/tables.duckdb")+"?access_mode=read_only")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	e.patients = strings.Fields(one(t, db, `SELECT string_agg(id, ' ') FROM patient WHERE tenant_id = '`+leaving+`'`))
	for _, id := range e.patients {
		if len(id) < 10 {
			t.Fatalf("%q is no id that can be looked for", id)
		}
	}
	if len(e.files) < 20 || len(e.rows) < 10 || len(e.patients) < 5 || members == "0" || len(e.others) < 20 {
		t.Fatalf("there are %d files, %d tables, %d patients, %s members, %d things of the other practice: the test would show little", len(e.files), len(e.rows), len(e.patients), members, len(e.others))
	}
	return e
}

func TestADisposalThatIsKilledAnywhereTakesAllOfOnePracticeOnce(t *testing.T) {
	t.Attr("fault", "machine: kill -9 at every moment of the end of an agreement: files of each area, sinks, ledger, key, certificate -> the next process goes on; all is gone, told once in one certificate, and nothing of another practice is touched")
	t.Attr("fault", "machine: a legal hold comes between two deaths of a disposal -> nothing more goes until it is lifted")
	first := newWard(t)
	was := first.estate(t)
	first.agree(t, "status: terminated")
	calm := first.copied(t, disposes)
	calm.run(t, death{})
	calm.settled(t, was)
	_, passed := calm.passed(t)
	names := distinct(passed)
	t.Logf("%d moments by %d names", len(passed), len(names))
	for _, name := range []string{
		"disposal: ending begun", "disposal: begun", "disposal: file removed", "disposal: removed", "disposal: ended", "disposal: sink counted", "disposal: sink erased",
		"disposal: rows dropped", "disposal: rows forgotten", "keys: before rename", "keys: before overwrite", "disposal: key destroyed", "disposal: certificate recorded", "disposal: certificate written",
		"duckdb: deleted", "duckdb: delete committed", "duckdb: copied", "duckdb: exchanged", "parquet: unlinked", "parquet: erased",
	} {
		if times(names, name) == 0 {
			t.Errorf("no disposal passes %q", name)
		}
	}
	if number(t, "CRASH_KILLS", 0) > 0 {
		for _, name := range names {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := first.copied(t, disposes)
				if !w.run(t, death{Point: name, Nth: 1}) {
					t.Errorf("the process did not come to %q", name)
				}
				w.run(t, death{})
				w.settled(t, was)
			})
		}
		return
	}
	w, died, held := first.copied(t, disposes), 0, false
	for _, name := range names {
		if w.run(t, death{Point: name, Nth: 1}) {
			died++
		}
		if name == "disposal: file removed" && w.run(t, death{Point: name, Nth: 3}) {
			died++
		}
		if name == "disposal: sink counted" {
			held = true
			w.holds(t)
		}
	}
	w.run(t, death{})
	w.settled(t, was)
	t.Logf("died %d times", died)
	if died < len(names) || !held {
		t.Errorf("died %d times at %d names; a hold came: %v", died, len(names), held)
	}
}

// distinct gives names in the order in which they come first.
func distinct(all []string) (names []string) {
	seen := map[string]bool{"": true}
	for _, name := range all {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// holds puts a legal hold into the agreement, and demands that nothing goes
// before it is lifted.
func (w *ward) holds(t *testing.T) {
	t.Helper()
	w.agree(t, `status: terminated, legal_hold: {since: 2026-02-01, reason: "case 12", by: C. Counsel}`)
	see := func() (left map[string]string) {
		left = w.rows(t, leaving)
		w.each(t, "state", func(name string, d fs.DirEntry) {
			if strings.Contains(name, "/"+leaving) || strings.Contains(name, "certificates/") {
				left[name] = "there"
			}
		})
		return left
	}
	before := see()
	w.run(t, death{})
	if diff := cmp.Diff(before, see()); diff != "" || len(before) < 5 {
		t.Errorf("under a legal hold, of %d things (-before +after):\n%s", len(before), diff)
	}
	w.agree(t, "status: terminated")
}

// settled demands that all of the practice is gone and certified, once, and all
// of the other one is there.
func (w *ward) settled(t *testing.T, was estate) {
	t.Helper()
	if left, rows := w.stored(t, leaving), w.rows(t, leaving); len(left)+len(rows) > 0 {
		t.Errorf("left in storage: %v; in the sinks: %v", left, rows)
	}
	w.each(t, "state", func(name string, d fs.DirEntry) {
		text, err := os.ReadFile(w.path(name))
		if err != nil && d.Type().IsRegular() {
			t.Fatal(err)
		}
		for _, id := range was.patients {
			if bytes.Contains(text, []byte(id)) {
				t.Errorf("%s still has the id of a patient", name)
				break
			}
		}
		if strings.HasPrefix(name, "state/keys/") && (strings.HasSuffix(name, ".tmp") || strings.Contains(name, leaving) && bytes.Contains(text, []byte(`"wrapped"`))) {
			t.Errorf("%s still has keys", name)
		}
	})
	if diff := cmp.Diff(was.others, w.whatStays(t)); diff != "" { // I7
		t.Errorf("the other practice (-before +after):\n%s", diff)
	}
	if n, err := w.read(t, staying); err != nil || n == 0 {
		t.Errorf("of the other practice %d files were read, %v", n, err)
	}
	w.certified(t, was)
	w.checkLeft(t)
	w.once(t, "audit", "verify")
	w.examine(t)
}

// certified demands one certificate that lists each thing that there was once,
// and stands on record once.
func (w *ward) certified(t *testing.T, was estate) {
	t.Helper()
	text, err := os.ReadFile(w.path("state/certificates/lakeside-1.json"))
	list, _ := os.ReadDir(w.path("state/certificates"))
	if err != nil || len(list) != 2 {
		t.Fatalf("%d files among the certificates, %v", len(list), err)
	}
	var c disposal.Certificate
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	areas := map[string]string{"raw": "raw", "staged": "staged", "quarantine": "quarantine", "attachments": "attachments", "history": "logs"}
	listed, parts, rows := map[string]int64{}, map[string]int{}, map[string]string{}
	for _, d := range c.Destroyed {
		parts[d.What+" "+d.Export]++
		for _, i := range d.Items {
			sink, isSink := strings.CutPrefix(d.What, "sink/")
			switch {
			case isSink:
				rows[sink+"/"+i.Name] = strconv.FormatInt(i.Rows, 10) + " rows"
			case i.Bytes > 0:
				listed[filepath.Join(areas[d.What], leaving, d.Export, i.Name)] = i.Bytes
			}
		}
	}
	for name, content := range was.rows {
		was.rows[name], _, _ = cutAfter(content, " rows")
	}
	if diff := cmp.Diff(was.files, listed); diff != "" {
		t.Errorf("what was in storage, and what the certificate lists (-was +listed):\n%s", diff)
	}
	if diff := cmp.Diff(was.rows, rows); diff != "" {
		t.Errorf("what was in the sinks, and what the certificate lists (-was +listed):\n%s", diff)
	}
	for part, n := range parts {
		if n != 1 {
			t.Errorf("%s is in the certificate %d times", part, n)
		}
	}
	for _, part := range []string{"ledger ", "key ", "sink/tables ", "sink/lake "} {
		if parts[part] == 0 {
			t.Errorf("%q is not in the certificate", part)
		}
	}
	w.onRecord(t, text, len(parts))
}

// cutAfter cuts a text behind a word.
func cutAfter(text, word string) (before, after string, ok bool) {
	before, after, ok = strings.Cut(text, word)
	return before + word, after, ok
}

// onRecord demands that each part, and the certificate, is on record once.
func (w *ward) onRecord(t *testing.T, certificate []byte, parts int) {
	t.Helper()
	s := w.ledger(t)
	defer s.Close()
	sum := sha256.Sum256(certificate)
	told, certificates, shredded := map[string]int{}, 0, 0
	for e, err := range s.In(leaving).Audit(t.Context(), 0) {
		switch {
		case err != nil:
			t.Fatal(err)
		case e.Action == audit.KeyDestroyed:
			shredded++
		case e.Action == audit.Disposed && e.Object == "certificate":
			certificates++
			if !strings.Contains(e.Facts, hex.EncodeToString(sum[:])) {
				t.Errorf("on record stands another certificate: %s", e.Facts)
			}
		case e.Action == audit.Disposed:
			told[e.Object+" "+e.Export]++
		}
	}
	if certificates != 1 || shredded != 1 || len(told) != parts {
		t.Errorf("on record are %d certificates, %d destroyed keys, %d of %d parts", certificates, shredded, len(told), parts)
	}
	for part, n := range told {
		if n != 1 {
			t.Errorf("%s is on record %d times", part, n)
		}
	}
}
