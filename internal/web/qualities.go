package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/look"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
)

// qualities is what the page of all practices' quality shows.
type qualities struct {
	Practices []look.Judged
	Asking    int // how many of them have questions
}

func (s *Server) qualitiesPage(w http.ResponseWriter, r *http.Request) error {
	list, err := s.look.Judged(r.Context())
	if err != nil {
		return err
	}
	q := qualities{Practices: list}
	for _, j := range list {
		if j.Questions > 0 {
			q.Asking++
		}
	}
	return s.pages.Show(w, r, http.StatusOK, "qualities", q)
}

// A typeTrend is one resource type over time.
type typeTrend struct {
	ResourceType string
	Latest       int64
	Before       int64 // in the delivery of the mode before; -1: there was none
	Drift        string
	Points       string // of a polyline
	Broken       int64
	Filled       string
	FilledPoints string
	Says         string // for those who cannot see the line
}

// A practiceQuality is what the page of one practice's quality shows.
type practiceQuality struct {
	Tenant, Name string
	Mode         string // the mode whose deliveries are compared
	Modes        []string
	Points       []look.QualityPoint
	Latest       look.QualityPoint
	Trends       []typeTrend
	Rates        []column
	Most         string
}

// pointsShown is how many deliveries are compared.
const pointsShown = 40

func (s *Server) qualityPage(w http.ResponseWriter, r *http.Request) error {
	q := practiceQuality{Tenant: r.PathValue("tenant"), Mode: r.FormValue("mode")}
	names, err := s.look.Names(r.Context())
	if err != nil {
		return err
	}
	q.Name = cmp.Or(names[q.Tenant], q.Tenant)
	list, err := s.opts.Store.In(q.Tenant).Qualities(r.Context(), pointsShown)
	if err != nil {
		return err
	}
	points, err := look.PointsOf(list)
	if err != nil {
		return err
	}
	q.fill(points, float64(s.opts.Config().Alerts.RefusedPercent)/100)
	return s.pages.Show(w, r, http.StatusOK, "quality", q)
}

// fill compares the deliveries of one mode: a full one says how much there is,
// an incremental one how much moves.
func (q *practiceQuality) fill(points []look.QualityPoint, limit float64) {
	for _, p := range points {
		if !slices.Contains(q.Modes, p.Mode) {
			q.Modes = append(q.Modes, p.Mode)
		}
	}
	slices.Sort(q.Modes)
	if !slices.Contains(q.Modes, q.Mode) && len(points) > 0 {
		q.Mode = points[len(points)-1].Mode
	}
	for _, p := range points {
		if p.Mode == q.Mode {
			q.Points = append(q.Points, p)
		}
	}
	if len(q.Points) == 0 {
		return
	}
	q.Latest = q.Points[len(q.Points)-1]
	for _, name := range typesOf(q.Points) {
		q.Trends = append(q.Trends, trendOf(name, q.Points))
	}
	shares, most := make([]float64, len(q.Points)), limit/10
	for i, p := range q.Points {
		shares[i] = look.Share(p.Refused, p.Lines)
		most = max(most, shares[i])
	}
	q.Most = page.Percent(most)
	q.Rates = columnsOf(shares, limit/10, func(i int) (class, text string) {
		class = "good"
		if shares[i] > limit {
			class = "bad"
		}
		return class, q.Points[i].EndedAt.Format("2006-01-02 15:04") + ": " + page.Percent(shares[i]) + " refused"
	})
}

func typesOf(points []look.QualityPoint) (names []string) {
	for _, p := range points {
		for _, t := range p.Types {
			names = append(names, t.ResourceType)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// trendOf draws one type over deliveries.
func trendOf(name string, points []look.QualityPoint) typeTrend {
	t := typeTrend{ResourceType: name, Before: -1, Filled: "–"}
	counts, filled := make([]int64, len(points)), make([]int64, 0, len(points))
	for i, p := range points {
		for _, of := range p.Types {
			if of.ResourceType != name {
				continue
			}
			counts[i], t.Broken = of.Resources, of.Broken
			if of.Filled >= 0 {
				filled = append(filled, int64(of.Filled*1000))
				t.Filled = page.Percent(of.Filled)
			}
		}
	}
	last := len(points) - 1
	t.Latest = counts[last]
	if last > 0 {
		t.Before = counts[last-1]
	}
	t.Points, t.FilledPoints = sparkOf(counts), sparkOf(filled)
	t.Says = fmt.Sprintf("%s over %d exports, now %d", name, len(points), t.Latest)
	t.Drift = driftOf(t.Latest, t.Before, points[last].Mode)
	return t
}

// When a change of a full delivery is marked; as the questions of quality are.
const (
	driftBelow, driftAbove = 0.8, 1.5
	driftFrom              = 20
)

// driftOf marks a type of which a full delivery brought far less, or far more,
// than the one before; empty otherwise.
func driftOf(now, before int64, mode string) string {
	if mode != "full" || before < driftFrom {
		return ""
	}
	switch change := float64(now) / float64(before); {
	case now == 0:
		return "vanished"
	case change < driftBelow:
		return "shrunk"
	case change > driftAbove:
		return "grown"
	}
	return ""
}
