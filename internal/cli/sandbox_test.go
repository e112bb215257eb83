package cli

import (
	"path/filepath"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
)

func TestTheExampleOfFaultsWorks(t *testing.T) {
	c := sandboxCommand{
		Profile: "ecw", Code: "ABCDEF", Patients: 1, JWKSURL: "https://keys.example/jwks.json", Plain: true,
		Faults: filepath.Join("..", "..", "docs", "examples", "faults.yaml"),
	}
	cfg, err := c.config()
	if err != nil {
		t.Fatal(err)
	}
	knobs := cfg.Practices[0].Knobs
	if knobs == nil || len(knobs.Faults) != 3 || knobs.Faults[2].Do != sandbox.ActionLost || len(knobs.Bad) != 2 {
		t.Errorf("knobs = %+v", knobs)
	}
}

func TestTheExamplesOfScenariosWork(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "docs", "examples", "scenarios", "*.yaml"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		c := sandboxCommand{Scenario: file, JWKSURL: "https://keys.example/jwks.json", Plain: true}
		cfg, err := c.config()
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		server, err := sandbox.Start(t.Context(), cfg)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		if err := server.Close(); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
}
