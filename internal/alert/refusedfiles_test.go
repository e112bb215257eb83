package alert

import (
	"strings"
	"testing"
	"time"
)

func TestFilesThatWereNotTakenUpAreToldUntilTheyAre(t *testing.T) {
	t.Attr("fault", "machine: SIGHUP with files that cannot be read -> the configuration before stays in force, told once after two minutes; its recovery once")
	run(t, 2, ", stale_after: 60d, stuck_floor: 60d, stuck_after: 60d", "", func(w *world) {
		var asked FilesFacts
		w.files = func() FilesFacts { return asked }
		w.begin()
		w.nightly("p1")
		asked = FilesFacts{Since: time.Now(), Why: "bulkhead.yaml:3: no field stat"}
		w.pass(time.Minute, 30*time.Second)
		if open := w.openAlerts(); len(open) != 0 {
			t.Errorf("after a minute: %+v", open)
		}
		w.pass(time.Hour, time.Minute)
		if len(w.sent) != 1 || !strings.Contains(w.sent[0].Body, "no field stat") || !strings.Contains(w.sent[0].Body, "bulkhead config check") {
			t.Errorf("told: %+v", w.sent)
		}
		w.want("[bulkhead] critical: the configuration is not taken up")
		asked = FilesFacts{}
		w.pass(time.Hour, time.Minute)
		w.want("[bulkhead] over: the configuration is not taken up")
	})
}
