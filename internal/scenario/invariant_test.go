package scenario

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
)

// Each of these breaks a finished world in one way.
func TestWhatMustAlwaysHoldIsMissedWhenItDoesNot(t *testing.T) {
	for want, damage := range map[string]func(w *World){
		"a patient's name is in the log":        func(w *World) { w.log.Write([]byte("refused the line of " + Canary)) },
		"a document is in the log":              func(w *World) { w.log.Write([]byte(base64.StdEncoding.EncodeToString([]byte("for " + Canary + ".")))) },
		"an assertion is in a page":             func(w *World) { w.Keep("an assertion", "eyJhb"); w.Told("a page", "<p>eyJhb</p>") },
		"the key of lakeside is in a page":      func(w *World) { w.Told("a page", w.privateKey("lakeside")) },
		"a patient's name is in the file state": func(w *World) { w.write("state/files/logs/x.ndjson", Canary) },
		"a token of lakeside is in the ledger (event.detail)": func(w *World) {
			w.exec("UPDATE event SET detail = ? WHERE event_id = 1", w.token(w.tenants[0]))
		},
		"a credential is in the ledger (event.detail)": func(w *World) {
			w.exec("UPDATE event SET detail = ? WHERE event_id = 1", w.heard.all()[0].word)
		},
		"a patient's name is in the file state/ledger.db": func(w *World) { // where no column has it any more
			w.exec("UPDATE event SET detail = ? WHERE event_id = 1", strings.Repeat(Canary, 3))
			w.exec("UPDATE event SET detail = '' WHERE event_id = 1")
		},
		"a link is in the ledger (event.detail)": func(w *World) {
			w.KeepLink("a link", "sig-0123456789")
			w.exec("UPDATE export SET status_url = 'https://x?sig=sig-0123456789'")
			w.exec("UPDATE event SET detail = 'sig-0123456789' WHERE event_id = 1")
		},
		"was left behind":                    func(w *World) { w.touch("state/files/raw/x.tmp") },
		"lines, ":                            func(w *World) { w.exec("UPDATE output_file SET blank = blank + 1") },
		"kick-offs for one export":           func(w *World) { w.exec("UPDATE export SET kickoffs = 2") },
		"without a word about why":           func(w *World) { w.exec("UPDATE export SET state = 'failed'") },
		"waits without a reason":             func(w *World) { w.exec("UPDATE export SET state = 'waiting'") },
		"by an export that did not complete": func(w *World) { w.exec("UPDATE export SET state = 'cancelled'") },
		"saw 1 kick-offs of 0 exports": func(w *World) {
			w.exec("PRAGMA foreign_keys = 0")
			w.exec("UPDATE export SET tenant_id = 'elsewhere'")
			w.exports = nil
		},
		"polls of lakeside earlier than told": func(w *World) { w.spec.EarlyPolls = -1 },
	} {
		t.Run(want, func(t *testing.T) {
			if faults := broken(t, damage); !strings.Contains(strings.Join(faults, "\n"), want) {
				t.Errorf("faults are %q", faults)
			}
		})
	}
	if faults := broken(t, func(*World) {}); len(faults) > 0 {
		t.Errorf("a whole world has faults: %q", faults)
	}
}

// broken plays an export, damages the world, and gives what is noticed.
func broken(t *testing.T, damage func(w *World)) (faults []string) {
	t.Helper()
	if err := prepare(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(Begin))
		w := &World{t: t, dir: dir, Net: NewNetwork(), log: &page{}, told: map[string]string{}}
		if err := w.begin(); err != nil {
			t.Fatal(err)
		}
		defer w.end()
		w.Want(w.Settle(w.Request("lakeside", export.Wish{})), life.Completed)
		damage(w)
		faults = w.inspect()
	})
	return faults
}

func (w *World) exec(query string, args ...any) {
	if _, err := w.Store.DB().ExecContext(w.t.Context(), query, args...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *World) touch(name string) { w.write(name, "") }

func (w *World) write(name, text string) {
	path := w.path(filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		w.t.Fatal(err)
	}
}

// privateKey is the secret part of a tenant's key.
func (w *World) privateKey(tenant string) string {
	all, err := w.secrets()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range all {
		if s.what == "the key of "+tenant {
			return s.word
		}
	}
	w.t.Fatal("there is no key")
	return ""
}
