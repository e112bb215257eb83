package telemetry

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// metricLabels are the labels of each metric, as they are served.
func metricLabels(t *testing.T) map[string][]string {
	t.Helper()
	r := newRoom(t, 2, "")
	r.work()
	_, text := r.get("/metrics", "")
	of := map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^(bulkhead_[a-z_]+)(?:\{(.*)\})? `).FindAllStringSubmatch(text, -1) {
		of[m[1]] = of[m[1]][:0:0]
		for _, l := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(m[2], -1) {
			of[m[1]] = append(of[m[1]], l[1])
		}
	}
	if len(of) < 20 || !slices.Contains(of["bulkhead_step_duration_seconds_bucket"], "le") {
		t.Fatalf("labels: %v", of)
	}
	return of
}

var (
	metricUsed = regexp.MustCompile(`\b(bulkhead_[a-z_]+)(?:\{([^}]*)\})?`)
	matcher    = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	grouped    = regexp.MustCompile(`\bby \(([^)]*)\)`)
	shown      = regexp.MustCompile(`\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}`)
)

// foreignLabels gives what an expression, and texts about what it gives, take for
// labels and are none.
func foreignLabels(of map[string][]string, expr string, texts ...string) (foreign []string) {
	var all []string
	for _, m := range metricUsed.FindAllStringSubmatch(expr, -1) {
		all = append(all, of[m[1]]...)
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(of[m[1]], l[1]) {
				foreign = append(foreign, m[1]+"{"+l[1]+"}")
			}
		}
	}
	for _, m := range grouped.FindAllStringSubmatch(expr, -1) {
		var left []string
		for l := range strings.SplitSeq(m[1], ",") {
			if l = strings.TrimSpace(l); !slices.Contains(all, l) {
				foreign = append(foreign, "by "+l)
			}
			left = append(left, l)
		}
		all = left
	}
	for _, m := range shown.FindAllStringSubmatch(strings.Join(texts, " "), -1) {
		if !slices.Contains(all, m[1]) {
			foreign = append(foreign, "shown "+m[1])
		}
	}
	return foreign
}

func TestTheDashboardAndTheRulesUseLabelsThatExist(t *testing.T) {
	of := metricLabels(t)
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	for file, parse := range map[string]func([]byte) error{
		"grafana/bulkhead.json":  func(b []byte) error { return json.Unmarshal(b, &board) },
		"prometheus/alerts.yaml": func(b []byte) error { return yaml.Unmarshal(b, &rules) },
	} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", file))
		if err == nil {
			err = parse(text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	looked := 0
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			looked++
			if f := foreignLabels(of, target.Expr, target.LegendFormat); len(f) > 0 {
				t.Errorf("panel %q: %v", p.Title, f)
			}
		}
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			looked++
			if f := foreignLabels(of, r.Expr, r.Annotations["summary"], r.Annotations["todo"]); len(f) > 0 {
				t.Errorf("rule %s: %v", r.Alert, f)
			}
		}
	}
	if looked < 35 {
		t.Errorf("looked at %d expressions", looked)
	}
	if f := foreignLabels(of, `sum by (tenant) (bulkhead_alerts{practice="a"})`, "{{ $labels.kind }}"); len(f) != 3 {
		t.Errorf("of a bad rule: %v", f)
	}
}

func TestFiveHundredPracticesHaveSoManyMetricsAndNoMore(t *testing.T) {
	r := newRoom(t, 500, "")
	for i := range 500 {
		id := fmt.Sprint("p", i+1)
		r.completes(id)
		for _, status := range []int{0, 100, 200, 204, 301, 404, 429, 500, 599, 777} {
			r.Answered(id, status)
		}
	}
	_, text := r.get("/metrics", "")
	series := strings.Count(text, "\nbulkhead_")
	if each := strings.Count(text, `tenant="p77"`); each < 10 || each > 30 || series > 500*each+200 {
		t.Errorf("%d metrics of a practice, %d in all", each, series)
	}
}
