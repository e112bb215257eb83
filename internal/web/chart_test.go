package web

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestLanesShareAMeasure(t *testing.T) {
	now := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	short := store.Export{Intent: store.Intent{}, ID: "a", State: life.Cancelled, RequestedAt: now.Add(-2 * time.Hour)}
	long := store.Export{ID: "b", State: life.Requested, RequestedAt: now.Add(-time.Hour)}
	lanes := lanesOf([]store.Export{short, long}, map[string][]store.Moved{"a": {{To: life.Cancelled, At: now.Add(-90 * time.Minute)}}}, now)
	want := [][]bar{{{"0.0", "500.0", "in-queue", "queue 30 min"}}, {{"0.0", "1000.0", "in-queue", "queue 60 min"}}}
	if diff := cmp.Diff(want, [][]bar{lanes[0].Bars, lanes[1].Bars}); diff != "" {
		t.Errorf("bars (-want +got):\n%s", diff)
	}
	if lanes[0].Lasts || !lanes[1].Lasts {
		t.Error("which of them lasts is not what the states say")
	}
}

func TestCurvesAndColumnsFitTheirFrames(t *testing.T) {
	c := curveOf([]int64{0, 30, 0, 10}, "")
	if c.Total != 40 || c.Points != "0,100 250.0,100.0 500.0,25.0 750.0,25.0 1000.0,0.0" {
		t.Errorf("the curve is %+v", c)
	}
	if none := curveOf(make([]int64, 5), ""); none.Points != "" {
		t.Errorf("nothing is drawn as %q", none.Points)
	}
	columns := columnsOf([]float64{0, 0.5, 1}, 2, func(int) (string, string) { return "good", "" })
	if columns[0].Height != "0.0" || columns[1].Height != "25.0" || columns[2].Y != "50.0" {
		t.Errorf("columns %+v", columns)
	}
	if spark := sparkOf([]int64{0, 5, 10}); spark != "0.0,96.0 500.0,50.0 1000.0,4.0" {
		t.Errorf("the line is %q", spark)
	}
	if sparkOf([]int64{7}) != "" {
		t.Error("one value is a line")
	}
}

func TestDriftIsMarkedOfFullDeliveriesOnly(t *testing.T) {
	for _, c := range []struct {
		now, before int64
		mode, want  string
	}{
		{0, 100, "full", "vanished"},
		{79, 100, "full", "shrunk"},
		{80, 100, "full", ""},
		{151, 100, "full", "grown"},
		{0, 19, "full", ""},
		{0, -1, "full", ""},
		{0, 100, "incremental", ""},
	} {
		if got := driftOf(c.now, c.before, c.mode); got != c.want {
			t.Errorf("%d after %d (%s) is %q, want %q", c.now, c.before, c.mode, got, c.want)
		}
	}
}
