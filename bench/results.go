package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// sectionTitles are the sections of RESULTS.md in their order; that of memory
// is written by scripts/memory.sh, into memory.txt beside RESULTS.md.
var sectionTitles = []struct{ part, title, command string }{
	{"flatten", "Flatten to Parquet", "go run ./bench -parts flatten"},
	{"large", "Memory of flatten", "make memory-flatten"},
	{"parse", "Parse", "go run ./bench -parts parse"},
	{"validate", "Validate", "go run ./bench -parts validate"},
	{"isolation", "Failure isolation", "go run ./bench -parts isolation"},
	{"ingest", "Ingest", "go run ./bench -parts ingest"},
	{"load-small", "Load: many small files", "go run ./bench -parts load-small"},
	{"load-large", "Load: one large file", "go run ./bench -parts load-large"},
	{"load-many", "Load: 200 practices at once", "go run ./bench -parts load-many"},
	{"load-day", "Load: a day of 200 practices", "go run ./bench -parts load-day"},
	{"load-idle", "Load: 200 practices and nothing due", "go run ./bench -parts load-idle"},
	{"memory", "Memory of an export", "make memory"},
}

// writeResults replaces the sections given and keeps the others.
func writeResults(ctx context.Context, path string, sections map[string]string) error {
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if text, err := os.ReadFile(filepath.Join(filepath.Dir(path), "memory.txt")); err == nil {
		sections["memory"] = "```\n" + strings.TrimSpace(string(text)) + "\n```\n"
	}
	var b strings.Builder
	b.WriteString("# Results\n\nWritten by `make bench`; each section says when its figures were taken. Both sides of a ratio were measured in one run, in turns.\n")
	for _, s := range sectionTitles {
		text := strings.TrimSpace(sections[s.part])
		switch {
		case text == "":
			text = sectionOf(string(old), s.title)
		case s.part != "memory":
			text = fmt.Sprintf("`%s`; %s\n\n%s", s.command, setting(ctx), text)
		default:
			text = fmt.Sprintf("`%s`\n\n%s", s.command, text)
		}
		if text != "" {
			b.WriteString("\n## " + s.title + "\n\n" + text + "\n")
		}
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// sectionOf gives the text below a heading of RESULTS.md, empty when it has none.
func sectionOf(page, title string) string {
	_, after, found := strings.Cut(page, "\n## "+title+"\n")
	if !found {
		return ""
	}
	text, _, _ := strings.Cut(after, "\n## ")
	return strings.TrimSpace(text)
}

// setting says when, on what machine and with what versions.
func setting(ctx context.Context) string {
	return fmt.Sprintf("%s, bulkhead %s, %s, %s; %s", time.Now().UTC().Format(time.DateOnly), revision(ctx), machine(), runtime.Version(), libraries())
}

func revision(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--tags", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// machine names the processor and counts what the process may use of it.
func machine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if m := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(text); m != nil {
			model = strings.TrimSpace(string(m[1]))
		}
	}
	memory := ""
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kB int64
		if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kB); err == nil {
			memory = fmt.Sprintf(", %.0f GB", float64(kB)*1024/1e9)
		}
	}
	return fmt.Sprintf("%s/%s, %s, %d processors%s", runtime.GOOS, runtime.GOARCH, model, runtime.GOMAXPROCS(0), memory)
}

// measured are the libraries whose versions matter to the figures.
var measured = []string{
	"github.com/apache/arrow-go/v18", "github.com/duckdb/duckdb-go/v2", "github.com/klauspost/compress",
	"github.com/riverqueue/river", "modernc.org/sqlite",
}

func libraries() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return "versions unknown"
	}
	var list []string
	for _, d := range build.Deps {
		if slices.Contains(measured, d.Path) {
			name := regexp.MustCompile(`/v\d+$`).ReplaceAllString(d.Path, "")
			list = append(list, filepath.Base(name)+" "+d.Version)
		}
	}
	return strings.Join(list, ", ")
}
