package main

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/cli"
)

// A server may refuse an export of what it will not give, report it beside the
// files, or leave it out without a word.
func TestTheReportTellsHowAServerWithholds(t *testing.T) {
	t.Attr("shows", "BS-114 A3")
	var base string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		practice, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		w.Header().Set("Content-Type", "application/json")
		switch {
		case practice == "refuses" && strings.HasSuffix(rest, "$export"):
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"forbidden"}]}`)
		case strings.HasSuffix(rest, "$export"):
			w.Header().Set("Content-Location", base+"/"+practice+"/status")
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusAccepted)
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusAccepted)
		case rest == "status":
			said := map[bool]string{true: fmt.Sprintf(`{"type":"OperationOutcome","url":"%s/%s/said"}`, base, practice)}[practice == "tells"]
			fmt.Fprintf(w, `{"transactionTime":"2026-01-01T00:00:00Z","request":"%[1]s","requiresAccessToken":false,
				"output":[{"type":"Patient","url":"%[1]s/%[2]s/patients"}],"error":[%[3]s]}`, base, practice, said)
		case rest == "said":
			w.Header().Set("Content-Type", "application/fhir+ndjson")
			_, _ = io.WriteString(w, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"suppressed"}]}`+"\n")
		case rest == "patients":
			w.Header().Set("Content-Type", "application/fhir+ndjson")
			_, _ = io.WriteString(w, `{"resourceType":"Patient","id":"1"}`+"\n")
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	base = server.URL
	dir := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	text.WriteString("folder: state\ntls: {ca_file: ca.pem}\ntenants:\n")
	for _, practice := range []string{"refuses", "tells", "hides"} {
		text.WriteString(fmt.Sprintf("  - {id: %s, open: true, level: patient, fhir_base_url: %q, types: [Patient, Observation], "+
			"agreement: {reference: A, status: active, effective_from: 2020-01-01, types: ['*'], groups: ['*'], sinks: ['*']}}\n", practice, base+"/"+practice))
	}
	config := filepath.Join(dir, "bulkhead.yaml")
	if err := os.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	const absent, reports = "asked for in full, and nothing came: ", "the server itself reports about "
	for practice, want := range map[string]struct {
		status   int
		says     []string
		never    []string
		complain string
	}{
		"refuses": {5, nil, []string{absent, reports}, "code:  access_denied"},
		"tells":   {0, []string{absent + "tells Observation", reports + "tells: error suppressed ×1"}, nil, ""},
		"hides":   {0, []string{absent + "hides Observation"}, []string{reports}, ""},
	} {
		var out, told bytes.Buffer
		status := cli.Main(t.Context(), []string{"--config", config, "export", practice}, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &told})
		if status != want.status || !strings.Contains(told.String(), want.complain) {
			t.Errorf("%s: exit status %d: %s", practice, status, told.String())
		}
		for _, line := range want.says {
			if !strings.Contains(out.String(), line) {
				t.Errorf("%s: %q is not said in:\n%s", practice, line, out.String())
			}
		}
		for _, line := range want.never {
			if strings.Contains(out.String(), line) {
				t.Errorf("%s: %q is said in:\n%s", practice, line, out.String())
			}
		}
	}
}
