package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The checked-in files are what the published extract gives, when it lies
// beside this repository.
func TestRuleFilesAreThoseOfTheExtract(t *testing.T) {
	text, err := os.ReadFile("../../../../shared/us-core/required-elements.json")
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	compare(t, text, "../../rules")
}

// An extract of our own that has each kind of rule, and what must come of it.
func TestSmallExtract(t *testing.T) {
	text, err := os.ReadFile("testdata/extract.json")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, text, "testdata")
}

func compare(t *testing.T, extract []byte, folder string) {
	t.Helper()
	files, err := generate(extract)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 3 {
		t.Errorf("%d files", len(files))
	}
	for name, got := range files {
		want, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(got)); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}

func TestRunWritesTheFiles(t *testing.T) {
	to := t.TempDir()
	if err := run("testdata/extract.json", to); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1.0.0.txt", "r4-4.0.1.txt", "valuesets.txt"} {
		if _, err := os.Stat(filepath.Join(to, name)); err != nil {
			t.Error(err)
		}
	}
	if err := run("testdata/absent.json", to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := run("testdata/valuesets.txt", to); err == nil {
		t.Error("a text that is not JSON is taken")
	}
}
