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
