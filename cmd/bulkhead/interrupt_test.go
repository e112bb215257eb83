package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/cli"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
)

func TestAnInterruptedExportSaysThatItGoesOn(t *testing.T) {
	dir := t.TempDir()
	born := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	knobs := sandbox.Preset(sandbox.ProfileStandard)
	knobs.Stuck = true
	server, err := sandbox.Start(t.Context(), sandbox.Config{
		CAFile: filepath.Join(dir, "ca.pem"), Epoch: born,
		Practices: []sandbox.Practice{{
			Code: "LAKESD", Name: "Lakeside", Profile: sandbox.ProfileStandard, Open: true, Knobs: &knobs,
			Source: sandbox.FromPopulation(population.New(population.Config{Seed: 1, Practice: "Lakeside", Patients: 2, Epoch: born})),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	text := fmt.Sprintf("folder: state\ntls: {ca_file: ca.pem}\ntenants:\n  - {id: lakeside, open: true, level: patient, fhir_base_url: %q, types: [Patient], "+
		"agreement: {reference: A, status: active, effective_from: 2020-01-01, types: ['*'], groups: ['*'], sinks: ['*']}}\n", server.Practice("LAKESD").Base())
	config := filepath.Join(dir, "bulkhead.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	says, out := io.Pipe()
	var told bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Main(ctx, []string{"--config", config, "export", "lakeside"}, cli.Streams{In: strings.NewReader(""), Out: out, Err: &told})
		out.Close()
	}()
	for lines := bufio.NewScanner(says); lines.Scan(); {
		if strings.Contains(lines.Text(), "polling") {
			interrupt()
		}
	}
	if status := <-ended; status != 130 || !strings.Contains(told.String(), "work goes on where it stopped") {
		t.Errorf("exit status %d, want 130; it said: %s", status, told.String())
	}
}
