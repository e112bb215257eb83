package cli

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// typedWords cuts a line as a shell does, for lines with single quotes only.
func typedWords(line string) (list []string) {
	for _, m := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(line, -1) {
		list = append(list, m[1]+m[2])
	}
	return list
}

// verbs gives every verb that can be run, by its words.
func verbs(t *testing.T) map[string]*kong.Node {
	t.Helper()
	parser, err := kong.New(&command{}, kong.Name("bulkhead"))
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]*kong.Node{}
	for _, n := range parser.Model.Leaves(false) {
		list[words(n)] = n
	}
	return list
}

func TestEveryVerbHasExamplesThatItTakes(t *testing.T) {
	t.Parallel()
	known := verbs(t)
	for name, n := range known {
		if len(examples[name]) == 0 && n.Detail == "" {
			t.Errorf("bulkhead %s has no example", name)
		}
	}
	for name, list := range examples {
		if known[name] == nil {
			t.Errorf("there is no verb %s", name)
		}
		for _, x := range list {
			typed := typedWords(x.line)
			if err := Parses(typed[1:]...); err != nil {
				t.Errorf("%s: %v", x.line, err)
			}
			if called := strings.Join(typed[1:], " "); !strings.HasPrefix(called, name) && !strings.HasPrefix(called, strings.TrimSuffix(name, " now")) {
				t.Errorf("%s stands at bulkhead %s", x.line, name)
			}
		}
	}
}

func TestTheHelpOfAVerbShowsItsExamples(t *testing.T) {
	t.Parallel()
	var out, trouble bytes.Buffer
	if status := Main(t.Context(), []string{"pause", "--help"}, Streams{Out: &out, Err: &trouble}); status != 0 {
		t.Fatal(status, trouble.String())
	}
	if want := "\nFor example:\n\n    # nothing new starts at a practice until its upgrade is over\n    bulkhead pause oak-street --reason 'EHR upgrade' --until 2026-03-15\n"; !strings.Contains(out.String(), want) {
		t.Errorf("it is\n%s", out.String())
	}
}
