package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/cli"
)

// A service that starts with a practice that may not be exported says so at
// once, and not when the night is over.
func TestARunSaysAtItsStartWhatMustBeSeenTo(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bulkhead.yaml")
	text := "folder: state\ntenants:\n  - {id: lakeside, open: true, level: system, fhir_base_url: 'https://ehr.example/fhir', types: [Patient], schedule: '30 2 * * *'}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	says, out := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Main(ctx, []string{"--config", file, "--log", "error", "run"}, cli.Streams{In: strings.NewReader(""), Out: out, Err: io.Discard})
		out.Close()
	}()
	told, next := false, ""
	for lines := bufio.NewScanner(says); lines.Scan(); {
		switch {
		case told && next == "":
			next = lines.Text()
			stop()
		case strings.Contains(lines.Text(), "see to lakeside: no agreement permits an export"):
			told = true
		case strings.HasPrefix(lines.Text(), "stopping"):
			stop()
		}
	}
	if status := <-ended; status != 0 || !told || !strings.Contains(next, "Add the practice's agreement") {
		t.Errorf("status %d; told: %v, and then %q", status, told, next)
	}
}
