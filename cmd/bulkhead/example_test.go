package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/cli"
)

// The house of docs/examples/ecw has nothing to see to but what its page says.
func TestTheExampleOfAHouseIsWhatItsPageSays(t *testing.T) {
	t.Parallel()
	const folder = "../../docs/examples/ecw"
	page, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(page), "$ bulkhead config check\n")
	want, _, _ := strings.Cut(block, "```")
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "bulkhead.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.ReplaceAll(text, []byte("/etc/bulkhead"), []byte(dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	said := ""
	for _, args := range [][]string{
		{"keys", "new", "--folder", filepath.Join(dir, "keys", "ecw")},
		{"encryption", "new-key", filepath.Join(dir, "keys", "house.key")},
		{"config", "check", "--config", file},
	} {
		var out, trouble bytes.Buffer
		if status := cli.Main(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &trouble}); status != 0 {
			t.Fatalf("%v: status %d: %s", args, status, trouble.String())
		}
		said = out.String()
	}
	if said != want || want == "" {
		t.Errorf("the page says\n%s\nand the command\n%s", want, said)
	}
}
