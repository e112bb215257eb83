package packaging_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/cli"
)

var (
	fenced  = regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```")
	mention = regexp.MustCompile("`bulkhead ([^`]+)`")
	// A command line of a block: after a prompt, the five fields of cron, another
	// user or a container.
	typed = regexp.MustCompile(`^(?:\$ )?(?:[-\d*/,]+ +){0,5}(?:sudo -u bulkhead )?(?:docker exec \S+ )?(?:\S*/)?bulkhead (.+)$`)
	// Of a command that is only mentioned, arguments and values may be left out.
	leftOut = regexp.MustCompile(`^(expected |--[a-z-]+: expected a valid|missing flags|missing positional|--[a-z-]+: (missing value|expected .* value but got "--))`)
)

// A said is a command line that a page says.
type said struct {
	page, line string
	whole      bool // to be typed as it stands
}

// pages gives every page of the repository but the changelog and the measurements.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && name != ".." && (strings.HasPrefix(name, ".") || name == "changelog" || name == "bench" || name == "bin" || name == "bulkhead-demo") {
			return fs.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			text, err := os.ReadFile(path)
			found[strings.TrimPrefix(path, "../")] = string(text)
			return err
		}
		return nil
	})
	if err != nil || len(found) < 20 {
		t.Fatalf("%d pages, %v", len(found), err)
	}
	return found
}

// commandsOf gives the command lines of a page.
func commandsOf(page, text string) (list []said) {
	for _, m := range fenced.FindAllStringSubmatch(text, -1) {
		transcript := strings.HasPrefix(m[1], "$ ") || strings.Contains(m[1], "\n$ ")
		lines := strings.Split(m[1], "\n")
		for i := 0; i < len(lines); i++ {
			line := strings.TrimSpace(lines[i])
			if transcript && !strings.HasPrefix(line, "$ ") {
				continue
			}
			c := typed.FindStringSubmatch(line)
			if c == nil {
				continue
			}
			for i+1 < len(lines) && (strings.HasSuffix(c[1], `\`) || strings.Count(c[1], `"`)%2 == 1) { // it goes on
				i++
				c[1] = strings.TrimSuffix(c[1], `\`) + " " + strings.TrimSpace(lines[i])
			}
			list = append(list, said{page, c[1], true})
		}
	}
	for _, m := range mention.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		list = append(list, said{page, strings.Join(strings.Fields(m[1]), " "), false})
	}
	return list
}

// words splits a command line as a shell does, up to a comment, a pipe or
// another command.
func words(line string) (list []string) {
	var word strings.Builder
	quote, begun := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, begun = r, true
		case r == ' ':
			if begun {
				list = append(list, word.String())
			}
			word.Reset()
			begun = false
		case !begun && strings.ContainsRune("#|>&<;", r):
			return list
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if begun {
		list = append(list, word.String())
	}
	return list
}

// alternatives writes "config check|diff" as two lines, and takes brackets and
// dots away, which say that something may be left out or repeated.
func alternatives(line string) []string {
	line = strings.NewReplacer("[", "", "]", "", "...", "", "…", "").Replace(line)
	either := regexp.MustCompile(`\S+\|\S+`).FindString(line)
	if either == "" {
		return []string{line}
	}
	var list []string
	for one := range strings.SplitSeq(either, "|") {
		list = append(list, alternatives(strings.Replace(line, either, one, 1))...)
	}
	return list
}

func TestEveryCommandOfThePagesIsOneThatBulkheadTakes(t *testing.T) {
	t.Parallel()
	whole, mentioned := 0, 0
	for page, text := range pages(t) {
		for _, c := range commandsOf(page, text) {
			if c.whole {
				whole++
				if err := cli.Parses(words(c.line)...); err != nil {
					t.Errorf("%s: bulkhead %s: %v", c.page, c.line, err)
				}
				continue
			}
			mentioned++
			for _, line := range alternatives(c.line) {
				if err := cli.Parses(words(line)...); err != nil && !leftOut.MatchString(err.Error()) {
					t.Errorf("%s mentions bulkhead %s: %v", c.page, line, err)
				}
			}
		}
	}
	if whole < 30 || mentioned < 100 {
		t.Errorf("%d command lines and %d mentions: the pages have more", whole, mentioned)
	}
}

func TestWhatIsNoCommandIsFoundOut(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"stauts", "status --exprot x", "alerts acknowledge 7", "keys new --algorithm RS1 k", "config"} {
		if cli.Parses(words(line)...) == nil {
			t.Errorf("bulkhead %s is taken for a command", line)
		}
	}
	for _, line := range []string{"status lakeside --export ID --events", "--help", "sandbox --data /nowhere --jwks none.json", "keys jwks a.jwk b.jwk > jwks.json"} {
		if err := cli.Parses(words(line)...); err != nil {
			t.Errorf("bulkhead %s: %v", line, err)
		}
	}
	page := "```\n$ bulkhead status\nbulkhead says this\n$ bulkhead query \"a\n  b\"\n```\n`bulkhead keys rotate` and\n```\n15 1 * * *  bulkhead backup x/\nsudo -u bulkhead bulkhead doctor # look\n```\n"
	var got []string
	for _, c := range commandsOf("p", page) {
		got = append(got, strings.Join(words(c.line), "_"))
	}
	if want := "status query_a b backup_x/ doctor keys_rotate"; strings.Join(got, " ") != want {
		t.Errorf("commands %q, want %q", got, want)
	}
}
