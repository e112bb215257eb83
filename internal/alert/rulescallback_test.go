package alert

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

func TestCallBacksThatDoNotArriveAreTold(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	list := Evaluate(now, Facts{Machine: MachineFacts{Free: 6 << 30}, Callees: []CalleeFacts{
		{"mirth", 3, 0, now.Add(-time.Hour), "it answered 500"},
		{"lake", 9, 4, now.Add(-26 * time.Hour), "nothing listens at its address"},
		{"new", 1, 0, now.Add(-time.Minute), "it did not answer in time"},
	}}, config.Alerts{})
	var got []string
	for _, c := range list {
		if c.Kind == Callback {
			got = append(got, c.Object+" "+c.Severity)
		}
		if c.Kind == Callback && (c.Remedy == "" || c.Party != Us || c.Since.IsZero() || !strings.Contains(c.Summary, c.Object)) {
			t.Errorf("condition = %+v", c)
		}
	}
	if want := "mirth warning, lake critical"; strings.Join(got, ", ") != want {
		t.Errorf("told: %v, want %s", got, want)
	}
}
