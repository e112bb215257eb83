package cli

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// readable gives the files of a practice that say what they hold.
func (w *ward) readable(tenant string) (list []string) {
	w.t.Helper()
	err := filepath.WalkDir(w.path("files"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, "/"+tenant+"/") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, known := range []string{"resourceType", "PAR1", "\x28\xb5\x2f\xfd", `"event`} {
			if bytes.Contains(text, []byte(known)) {
				list = append(list, path)
				break
			}
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *ward) wants(says, text string) {
	w.t.Helper()
	if !strings.Contains(text, says) {
		w.t.Errorf("want %q in:\n%s", says, text)
	}
}

func TestEncryptionIsTurnedOnSealedRotatedLostFoundAndShredded(t *testing.T) {
	t.Attr("fault", "machine: encryption is turned on late, its house key is replaced, lost and found, and a practice is shredded -> every command says so, and nothing but the shredded is lost")
	w := newWard(t)
	house := filepath.Join(t.TempDir(), "house.json")
	show := []string{"quarantine", "show", "lakeside", "--export", w.whole}
	deep := []string{"doctor", "--tenant", "lakeside", "--deep"}
	w.wants("encryption at rest: off", w.run(0, "encryption", "status"))
	w.run(2, "encryption", "seal", "lakeside")
	if len(w.readable("lakeside")) == 0 {
		t.Fatal("without encryption nothing can be read: the test would show nothing")
	}
	w.wants(house, w.run(0, "encryption", "new-key", house))
	w.run(2, "encryption", "new-key", house)
	w.amend("folder: state", "folder: state\nencryption: {key_file: '"+house+"'}")
	w.wants("not encrypted", w.run(0, deep...))
	refused := w.run(0, show...)

	for _, tenant := range []string{"lakeside", "hillcrest"} {
		w.run(0, "encryption", "seal", tenant)
		if left := w.readable(tenant); len(left) > 0 {
			t.Errorf("readable after seal: %q", left)
		}
	}
	w.wants(" 0 encrypted now", w.run(0, "encryption", "seal", "lakeside"))
	w.wants("as it should be", w.run(0, deep...))
	if again := w.run(0, show...); again != refused {
		t.Errorf("quarantine shows\n%s\nand before\n%s", again, refused)
	}
	w.run(0, "quarantine", "replay", "lakeside", "--export", w.whole, "--dry-run")
	w.run(0, "audit", "patients", "lakeside", "--export", w.whole, "--reason", "drill")
	w.run(0, "encryption", "rotate", "lakeside")
	w.run(0, "encryption", "rotate", "--house")
	w.run(2, "encryption", "rotate", "lakeside", "--all")
	w.wants("retired", w.run(0, "encryption", "status", "lakeside"))
	w.wants("as it should be", w.run(0, deep...))

	if err := os.Rename(house, house+".away"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{show, {"encryption", "status"}, deep} {
		w.wants("cannot be read", w.run(2, args...))
	}
	w.run(0, "encryption", "new-key", house)
	if list := closedKeys(t.Context(), w.config()); len(list) != 2 || !strings.Contains(list[0].Text, "does not open them") {
		t.Errorf("another house key: %+v", list)
	}
	if err := os.Rename(house+".away", house); err != nil {
		t.Fatal(err)
	}
	if list := closedKeys(t.Context(), w.config()); len(list) != 0 {
		t.Errorf("the right house key: %+v", list)
	}
	w.run(0, show...)

	w.run(130, "encryption", "shred", "lakeside")
	w.run(0, show...)
	w.wants("2 keys destroyed", w.run(0, "encryption", "shred", "lakeside", "--yes"))
	w.wants("were destroyed", w.run(3, show...))
	w.wants("destroyed", w.run(0, "encryption", "status", "lakeside"))
	w.wants("noise", w.run(0, deep...))
	w.run(0, "encryption", "rotate", "lakeside")
	w.wants("active", w.run(0, "encryption", "status", "lakeside"))
	w.run(0, "audit", "verify")
}
