package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/look"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Charts are drawn by the server as SVG that stretches with the page; what must
// be read stands beside them as text. The numbers here are of their own units:
// a chart is wide by high.
const wide, high = 1000.0, 100.0

// A curve is a line that never falls: something that adds up over time.
type curve struct {
	Points string // of an SVG polyline
	Area   string // of the polygon below it
	Total  int64
	Label  string // for those who cannot see it
}

// curveOf draws sums per span of time as they add up.
func curveOf(sums []int64, label string) curve {
	c := curve{Label: label}
	for _, n := range sums {
		c.Total += n
	}
	if c.Total == 0 || len(sums) == 0 {
		return c
	}
	var b strings.Builder
	fmt.Fprintf(&b, "0,%.0f", high)
	sum := int64(0)
	for i, n := range sums {
		sum += n
		fmt.Fprintf(&b, " %.1f,%.1f", float64(i+1)/float64(len(sums))*wide, high-float64(sum)/float64(c.Total)*high)
	}
	c.Points = b.String()
	c.Area = c.Points + fmt.Sprintf(" %.0f,%.0f 0,%.0f", wide, high, high)
	return c
}

// A bar is one part of a row of parts that lie side by side.
type bar struct {
	X, Width string
	Class    string
	Says     string
}

// A lane is the life of one export as a row of bars.
type lane struct {
	Export store.Export
	Bars   []bar
	Took   time.Duration
	Lasts  bool
}

// lanesOf draws exports one below the other, each as long as it took, by the
// same measure.
func lanesOf(exports []store.Export, moves map[string][]store.Moved, now time.Time) []lane {
	lanes, longest := make([]lane, len(exports)), time.Duration(1)
	spells := make([][]look.Spell, len(exports))
	for i, x := range exports {
		spells[i] = look.SpellsOf(x, moves[x.ID], now)
		lanes[i] = lane{Export: x, Lasts: !x.State.Settled()}
		for _, s := range spells[i] {
			lanes[i].Took += s.To.Sub(s.From)
		}
		longest = max(longest, lanes[i].Took)
	}
	for i := range lanes {
		lanes[i].Bars = barsOf(spells[i], longest)
	}
	return lanes
}

// barsOf draws spells side by side; longest is how long the whole width is.
func barsOf(spells []look.Spell, longest time.Duration) []bar {
	var list []bar
	at, stages := 0.0, look.Stages()
	for _, s := range spells {
		width := s.To.Sub(s.From).Seconds() / longest.Seconds() * wide
		if s.Stage >= 0 && width > 0 {
			stage := stages[s.Stage]
			list = append(list, bar{number(at), number(max(width, 1.5)), "in-" + stage.Key, stage.Name + " " + page.Span(s.To.Sub(s.From))})
		}
		at += width
	}
	return list
}

// A column is one upright bar of a row of them.
type column struct {
	X, Y, Width, Height string
	Class, Says         string
}

// columnsOf draws values side by side against the largest of them, and against
// least when all are smaller.
func columnsOf(values []float64, least float64, says func(i int) (class, text string)) []column {
	most := least
	for _, v := range values {
		most = max(most, v)
	}
	if most <= 0 {
		most = 1
	}
	list := make([]column, len(values))
	each := wide / float64(max(len(values), 1))
	for i, v := range values {
		tall := v / most * high
		if v > 0 {
			tall = max(tall, 2)
		}
		class, text := says(i)
		list[i] = column{number(float64(i)*each + each*0.1), number(high - tall), number(each * 0.8), number(tall), class, text}
	}
	return list
}

// sparkOf draws values as a line that fills its frame; empty for fewer than two.
func sparkOf(values []int64) string {
	if len(values) < 2 {
		return ""
	}
	most := int64(1)
	for _, v := range values {
		most = max(most, v)
	}
	points := make([]string, len(values))
	for i, v := range values {
		points[i] = number(float64(i)/float64(len(values)-1)*wide) + "," + number(high-4-float64(v)/float64(most)*(high-8))
	}
	return strings.Join(points, " ")
}

func number(f float64) string { return fmt.Sprintf("%.1f", f) }
