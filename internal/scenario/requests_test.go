package scenario_test

import (
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// An eClinicalWorks practice counts every request, and shares its budget with
// everybody: an export of 40 files costs 40 requests for them, one to begin,
// one to end, and the polls; and a token every four and a half minutes. Where
// the token endpoint is not configured, discovery comes out of the same budget.
func TestAnExportOfFortyFilesSpendsNoMoreRequestsThanItMust(t *testing.T) {
	for what, registration := range map[string]string{
		"token endpoint configured": "token_url: https://login.ehr.test/oauth/oauth2/token",
		"token endpoint discovered": "",
	} {
		t.Run(what, func(t *testing.T) {
			spec := scenario.Spec{Tenant: scenario.Tenant{Preset: "ecw", Registration: registration}}
			spec.Knobs = func(k *sandbox.Knobs) { k.Takes, k.FilesPerType = 50*time.Minute, 10 }
			scenario.Run(t, spec, func(w *scenario.World) { spent(t, w, registration == "") })
		})
	}
}

func spent(t *testing.T, w *scenario.World, discovers bool) {
	t.Helper()
	began := time.Now()
	x := w.Want(w.Export(), life.Completed)
	took := time.Since(began)
	if len(x.Files) != 40 {
		t.Fatalf("%d files, want 40", len(x.Files))
	}
	seen, all := w.Sandbox.Observations("LAKESIDE").Requests, 0
	for _, n := range seen {
		all += n
	}
	polls, tokens := seen[sandbox.KindPoll], w.Sandbox.TokenObservations("client-lakeside").Requests
	t.Logf("%d files in %v: %d requests to the practice (%v) and %d for tokens", len(x.Files), took, all, seen, tokens)
	most, mostTokens := len(x.Files)+polls+2, int(took/(270*time.Second))+1
	if !discovers && all > most {
		t.Errorf("%d requests to the practice, want at most %d", all, most)
	}
	if tokens > mostTokens {
		t.Errorf("%d token requests in %v, want at most %d", tokens, took, mostTokens)
	}
	if all+tokens > most+mostTokens {
		t.Errorf("%d requests in all, want at most %d", all+tokens, most+mostTokens)
	}
	if mostPolls := int(took/(120*time.Second)) + 1; polls > mostPolls {
		t.Errorf("%d polls in %v, want at most %d", polls, took, mostPolls)
	}
}

// With one request a minute everything comes one after the other, the questions
// before the kick-off too, each of which must be asked once only.
func TestAnExportWithOneRequestAMinuteComesToItsEnd(t *testing.T) {
	for _, preset := range []string{"standard", "ecw"} {
		t.Run(preset, func(t *testing.T) {
			spec := scenario.Spec{Kickoffs: 4, Tenant: scenario.Tenant{Preset: preset, Config: "requests_per_minute: 1", Types: []string{"Observation"}}}
			spec.Knobs = func(k *sandbox.Knobs) { k.Takes, k.RetryAfter = 0, time.Second }
			scenario.Run(t, spec, func(w *scenario.World) {
				began := time.Now()
				w.Want(w.Export(), life.Completed)
				if took := time.Since(began); took > 20*time.Minute {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}
