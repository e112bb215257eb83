package app

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

func TestRunServesMetricsHealthAndReadiness(t *testing.T) {
	c := &config.Config{Folder: t.TempDir(), Limits: config.Limits{Exports: 1}, Metrics: config.Metrics{Listen: freeAddress(t), Tenants: 9}}
	a, err := Open(t.Context(), c, Options{Serve: true, Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: 30 * time.Second}
	get := func(path string) (int, string) {
		t.Helper()
		answer, err := client.Get("http://" + c.Metrics.Listen + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	if status, _ := get("/healthz"); status != http.StatusOK {
		t.Errorf("health: %d", status)
	}
	if err := a.Metrics.CatchUp(t.Context()); err != nil { // as the engine's tick does
		t.Fatal(err)
	}
	if status, text := get("/readyz"); status != http.StatusOK {
		t.Errorf("ready: %d %s", status, text)
	}
	status, text := get("/metrics")
	for _, want := range []string{`bulkhead_build_info{version="v1"} 1`, "bulkhead_scrape_failed 0", "bulkhead_ledger_trouble 0"} {
		if status != http.StatusOK || !strings.Contains(text, want+"\n") {
			t.Errorf("metrics: %d, no %s in %s", status, want, text)
		}
	}
	client.CloseIdleConnections()
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
