package packaging_test

import (
	"encoding/json"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"testing"
)

// An instruction is one of a Dockerfile.
type instruction struct{ word, rest string }

// instructions reads a Dockerfile: comments away, continued lines as one.
func instructions(t *testing.T) (list []instruction) {
	t.Helper()
	text := regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAllString(read(t, "Dockerfile"), "")
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.Join(strings.Fields(line), " ")
		if line == "" {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		list = append(list, instruction{word, rest})
	}
	return list
}

func all(list []instruction, word string) (rests []string) {
	for _, i := range list {
		if i.word == word {
			rests = append(rests, i.rest)
		}
	}
	return rests
}

// listed reads the form of an instruction that needs no shell.
func listed(t *testing.T, text string) (list []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("Dockerfile: %s is not in the form of a list: a shell would be needed", text)
	}
	return list
}

func TestTheImageIsSmallAndRunsAsNobodyInParticular(t *testing.T) {
	t.Parallel()
	list := instructions(t)
	known := "FROM WORKDIR COPY RUN ARG LABEL ENV VOLUME EXPOSE USER STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD"
	last := 0
	for n, i := range list {
		if !strings.Contains(" "+known+" ", " "+i.word+" ") {
			t.Errorf("the instruction %s is none that this image needs", i.word)
		}
		if i.word == "FROM" {
			last = n
		}
		if (i.word == "ARG" || i.word == "ENV") && regexp.MustCompile(`(?i)key|token|secret|password`).MatchString(i.rest) {
			t.Errorf("%s %s: an image holds no secret", i.word, i.rest)
		}
	}
	for _, base := range all(list, "FROM") {
		image, _, _ := strings.Cut(base, " ")
		if _, tag, ok := strings.Cut(path.Base(image), ":"); !ok || tag == "latest" {
			t.Errorf("FROM %s names no version", base)
		}
	}
	final := list[last:]
	if len(all(final, "RUN")) > 0 {
		t.Error("the last stage runs something: it has no shell")
	}
	if users := all(final, "USER"); len(users) != 1 || strings.HasPrefix(users[0], "0") || strings.HasPrefix(users[0], "root") {
		t.Errorf("USER %q", users)
	}
	for _, from := range all(final, "COPY") {
		if !strings.HasPrefix(from, "--from=build ") {
			t.Errorf("COPY %s: the image holds what was built, and nothing else", from)
		}
	}
	c := example(t)
	if got := all(final, "ENV"); len(got) != 1 || got[0] != "BULKHEAD_CONFIG="+configured {
		t.Errorf("ENV %q", got)
	}
	if got := all(final, "VOLUME"); len(got) != 1 || listed(t, got[0])[0] != c.Folder {
		t.Errorf("VOLUME %q, and the state is in %s", got, c.Folder)
	}
	for port := range strings.FieldsSeq(all(final, "EXPOSE")[0]) {
		if !strings.HasSuffix(c.Web.Listen, ":"+port) && !strings.HasSuffix(c.JWKS.Listen, ":"+port) && !strings.HasSuffix(c.Metrics.Listen, ":"+port) {
			t.Errorf("EXPOSE %s, which the configuration does not serve", port)
		}
	}
}

func TestTheImageRunsWhatTheCommandTakes(t *testing.T) {
	t.Parallel()
	list := instructions(t)
	entry, cmd := all(list, "ENTRYPOINT"), all(list, "CMD")
	if len(entry) != 1 || len(cmd) != 1 {
		t.Fatalf("ENTRYPOINT %q, CMD %q", entry, cmd)
	}
	command(t, "Dockerfile", append(listed(t, entry[0]), listed(t, cmd[0])...))
	health := all(list, "HEALTHCHECK")
	if len(health) != 1 {
		t.Fatalf("HEALTHCHECK %q", health)
	}
	_, line, _ := strings.Cut(health[0], "CMD ")
	command(t, "Dockerfile", listed(t, line))
}

// What the build reads is let through by the ignore file, and is the Go of
// go.mod.
func TestTheImageIsBuiltFromWhatTheModuleNeeds(t *testing.T) {
	t.Parallel()
	version := regexp.MustCompile(`(?m)^go (1\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	if from := all(instructions(t), "FROM")[0]; version == nil || !strings.HasPrefix(from, "golang:"+version[1]+".") {
		t.Errorf("FROM %s, and go.mod says %v", from, version)
	}
	ignore := read(t, "Dockerfile.dockerignore")
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if .Module}}{{if .Module.Main}}{{.ImportPath}}{{range .EmbedPatterns}} {{.}}{{end}}{{end}}{{end}}", "../cmd/bulkhead").Output()
	if err != nil {
		t.Fatal(err)
	}
	needed := 0
	for line := range strings.Lines(string(out)) {
		name, embeds, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" {
			continue
		}
		needed++
		within := strings.TrimPrefix(name, "github.com/bulkhead-fhir/bulkhead/")
		root, _, _ := strings.Cut(within, "/")
		if !strings.Contains(ignore, "\n!"+root+"\n") || strings.Contains(embeds, "testdata") {
			t.Errorf("the build needs %s %s, which Dockerfile.dockerignore keeps away", within, embeds)
		}
	}
	if needed < 30 {
		t.Errorf("the command needs %d packages", needed)
	}
}
