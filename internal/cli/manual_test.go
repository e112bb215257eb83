package cli

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the page of commands")

func TestThePageOfCommandsIsPrintedFromThem(t *testing.T) {
	t.Parallel()
	const page = "../../docs/commands.md"
	text, err := Manual()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), text); diff != "" {
		t.Errorf("docs/commands.md is not what the command says: run make docs (-page +command):\n%s", diff)
	}
	known := verbs(t)
	for name := range shapes {
		if known[strings.TrimSuffix(name, " --watch")] == nil {
			t.Errorf("there is no verb %s", name)
		}
	}
}
