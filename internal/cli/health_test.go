package cli_test

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/cli"
)

// asked runs bulkhead health with a configuration and gives what it says.
func asked(t *testing.T, yaml string, args ...string) (status int, says string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bulkhead.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	status = cli.Main(t.Context(), append([]string{"--config", file, "health"}, args...), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &out})
	return status, out.String()
}

func TestHealthIsWhatTheRunningBulkheadSays(t *testing.T) {
	t.Parallel()
	handler := http.NewServeMux()
	handler.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	handler.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "storage_full", http.StatusServiceUnavailable)
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	folder := t.TempDir()
	cert := filepath.Join(folder, "cert.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(cert, text, 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(s *httptest.Server, more string) string {
		return fmt.Sprintf("metrics: {listen: %q%s}\n", s.Listener.Addr(), more)
	}
	gone := httptest.NewServer(handler)
	gone.Close()
	for _, c := range []struct {
		name, yaml string
		args       []string
		status     int
		says       string
	}{
		{"it is well", at(plain, ""), nil, 0, "ok"},
		{"it is not ready", at(plain, ""), []string{"--ready"}, 3, "not well: storage_full"},
		{"over TLS by its own certificate", at(secure, fmt.Sprintf(", tls_cert: %q, tls_key: %q", cert, cert)), nil, 0, "ok"},
		{"nobody is there", at(gone, ""), nil, 3, "not_running"},
		{"nothing is served", "folder: state\n", nil, 2, "metrics.listen"},
	} {
		if status, says := asked(t, c.yaml, c.args...); status != c.status || !strings.Contains(says, c.says) {
			t.Errorf("%s: status %d, %s; want %d, %s", c.name, status, says, c.status, c.says)
		}
	}
}
