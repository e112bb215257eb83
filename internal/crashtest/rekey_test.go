package crashtest

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/atrest"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

func TestAChangeOfKeysThatIsKilledAnywhereLeavesEverythingReadable(t *testing.T) {
	t.Attr("fault", "machine: kill -9 at every moment of a key's rotation, of its wrapping anew, and while files are encrypted by it -> every file opens after every death, and the next process goes on")
	t.Attr("fault", "machine: kill -9 at every moment of a key's destruction -> the keys are there or gone; once it is repeated nothing of the practice opens, no copy of a key is left, and another practice's files open")
	first := newWard(t)
	others := first.whatStays(t)
	calm := first.copied(t, rekeys)
	calm.run(t, death{})
	w, files := first.copied(t, rekeys), len(first.stored(t, leaving))
	died := w.killedAll(t, calm.names(t), func() {
		if n, err := w.read(t, leaving); err != nil || n != files {
			t.Errorf("%d of %d files open, %v", n, files, err)
		}
	})
	w.run(t, death{})
	w.newest(t)
	w.examine(t)
	if died < 8 {
		t.Errorf("died only %d times", died)
	}
	w.stage, calm.stage = shreds, shreds
	calm.run(t, death{})
	died = w.killedAll(t, calm.names(t), func() {
		if _, err := w.read(t, leaving); err != nil && problem.Of(err).Code != problem.PracticeKeyDestroyed {
			t.Errorf("while its keys are destroyed: %v", err)
		}
	})
	w.run(t, death{})
	if died < 7 {
		t.Errorf("died only %d times", died)
	}
	w.shredded(t)
	if diff := cmp.Diff(others, w.whatStays(t)); diff != "" { // I7
		t.Errorf("the other practice (-before +after):\n%s", diff)
	}
	if _, err := w.read(t, staying); err != nil {
		t.Error(err)
	}
	w.checkLeft(t)
}

// names are the moments that the process which ended the errand passed, each
// once.
func (w *ward) names(t *testing.T) []string {
	t.Helper()
	_, passed := w.passed(t)
	return distinct(passed)
}

// killedAll dies at each of the moments, one after the other, and looks after
// each death. It gives how often it came to die.
func (w *ward) killedAll(t *testing.T, names []string, look func()) (died int) {
	t.Helper()
	for _, name := range names {
		if w.run(t, death{Point: name, Nth: 1}) {
			died++
			look()
			if t.Failed() {
				t.Fatalf("after a death at %q", name)
			}
		}
	}
	return died
}

// newest demands that all files of the practice are encrypted by its newest key.
func (w *ward) newest(t *testing.T) {
	t.Helper()
	w.opened(t, func(files *blob.Store, keys *atrest.Keys) {
		err := eachFile(t.Context(), files, leaving, func(_ *blob.Scope, k blob.Key) error {
			text, err := os.ReadFile(w.path("state/files/" + string(k)))
			if err != nil {
				return err
			}
			newest, err := keys.Newest(t.Context(), leaving, text[:atrest.HeaderSize])
			if err == nil && !newest {
				err = errors.New("an older key encrypted it")
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// shredded demands that nothing of the practice opens, that no key of it is left
// anywhere, and that this is on record once.
func (w *ward) shredded(t *testing.T) {
	t.Helper()
	if _, err := w.read(t, leaving); err == nil || problem.Of(err).Code != problem.PracticeKeyDestroyed {
		t.Errorf("its files: %v", err)
	}
	w.each(t, "state/keys", func(name string, _ fs.DirEntry) {
		text, err := os.ReadFile(w.path(name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(`"`+leaving+`"`)) && bytes.Contains(text, []byte(`"wrapped"`)) || strings.HasSuffix(name, ".tmp") {
			t.Errorf("%s still has keys", name)
		}
	})
	s := w.ledger(t)
	defer s.Close()
	n := 0
	for e, err := range s.In(leaving).Audit(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Action == audit.KeyDestroyed {
			n++
		}
	}
	if known, err := s.In(leaving).Keys(t.Context()); err != nil || n != len(known) {
		t.Errorf("on record are %d destroyed keys of %d, %v", n, len(known), err)
	}
}
