package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/quality"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A judged practice is what its last delivery was worth.
type judged struct {
	Tenant    string    `json:"tenant"`
	Name      string    `json:"name"`
	Export    string    `json:"export"`
	Mode      string    `json:"mode" enum:"full,incremental"`
	EndedAt   time.Time `json:"completed_at"`
	Lines     int64     `json:"lines"`
	Refused   int64     `json:"quarantined"`
	Broken    int64     `json:"resources_that_break_rules"`
	Questions int64     `json:"questions" doc:"What a person should look at."`
	Question  string    `json:"worst_question,omitempty"`
}

// Share is how much was refused, in words.
func (j judged) Share() string { return percent(shareOf(j.Refused, j.Lines)) }

// BrokenShare is how much breaks a rule, in words.
func (j judged) BrokenShare() string { return percent(shareOf(j.Broken, j.Lines)) }

// qualities is what the page of all practices' quality shows.
type qualities struct {
	Practices []judged
	Asking    int // how many of them have questions
}

func (s *Server) qualitiesPage(w http.ResponseWriter, r *http.Request) error {
	list, err := s.judged(r.Context())
	if err != nil {
		return err
	}
	q := qualities{Practices: list}
	for _, j := range list {
		if j.Questions > 0 {
			q.Asking++
		}
	}
	return s.show(w, r, http.StatusOK, "qualities", q)
}

// judged gives what the last delivery of each practice was worth that who asks
// may see: those with questions first, then by the share that was refused.
func (s *Server) judged(ctx context.Context) ([]judged, error) {
	all, err := s.opts.Store.LastJudged(ctx)
	if err != nil {
		return nil, err
	}
	list, actor := []judged{}, actorOf(ctx)
	for _, j := range all {
		if actor.May(access.See, j.Tenant) {
			list = append(list, judged{j.Tenant, cmp.Or(j.Name, j.Tenant), j.Export, j.Mode, j.EndedAt, j.Lines, j.Refused, j.Broken, j.Questions, j.Question})
		}
	}
	slices.SortStableFunc(list, func(a, b judged) int {
		return cmp.Or(cmp.Compare(min(b.Questions, 1), min(a.Questions, 1)), cmp.Compare(shareOf(b.Refused, b.Lines), shareOf(a.Refused, a.Lines)), cmp.Compare(a.Tenant, b.Tenant))
	})
	return list, nil
}

// A qualityPoint is what one delivery was worth, of a practice's over time.
type qualityPoint struct {
	Export    string             `json:"export"`
	Mode      string             `json:"mode" enum:"full,incremental"`
	EndedAt   time.Time          `json:"completed_at"`
	Lines     int64              `json:"lines"`
	Refused   int64              `json:"quarantined"`
	Types     []typePoint        `json:"types"`
	Questions []quality.Question `json:"questions,omitempty"`
}

// A typePoint counts the resources of one type in one delivery.
type typePoint struct {
	ResourceType string  `json:"type"`
	Resources    int64   `json:"resources"`
	New          int64   `json:"new"`
	Changed      int64   `json:"changed"`
	Broken       int64   `json:"that_break_rules"`
	Filled       float64 `json:"must_support_filled" doc:"How well the columns of must-support elements are filled, from 0 to 1; -1 when there are none."`
}

// pointsOf reads summaries.
func pointsOf(list []store.Summarised) ([]qualityPoint, error) {
	points := make([]qualityPoint, len(list))
	for i, one := range list {
		var q quality.Summary
		if err := json.Unmarshal(one.Summary, &q); err != nil {
			return nil, fmt.Errorf("read the quality summary of export %s: %w", one.Export, err)
		}
		p := qualityPoint{Export: one.Export, Mode: one.Mode, EndedAt: one.EndedAt, Lines: q.Lines - q.Blank, Refused: q.Quarantined, Types: []typePoint{}, Questions: q.Questions}
		for _, t := range q.Types {
			p.Types = append(p.Types, typePoint{t.ResourceType, t.Resources, t.New, t.Changed, t.Verdicts.Errors, filledOf(t)})
		}
		points[i] = p
	}
	return points, nil
}

// filledOf says how well the columns of a type's must-support elements are
// filled, on average; -1 when it has none.
func filledOf(t quality.Type) float64 {
	sum, n := 0.0, 0
	for _, c := range t.Columns {
		if c.MustSupport {
			sum, n = sum+c.Share, n+1
		}
	}
	if n == 0 {
		return -1
	}
	return sum / float64(n)
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
	Points       []qualityPoint
	Latest       qualityPoint
	Trends       []typeTrend
	Rates        []column
	Most         string
}

// pointsShown is how many deliveries are compared.
const pointsShown = 40

func (s *Server) qualityPage(w http.ResponseWriter, r *http.Request) error {
	q := practiceQuality{Tenant: r.PathValue("tenant"), Mode: r.FormValue("mode")}
	names, err := s.names(r.Context())
	if err != nil {
		return err
	}
	q.Name = cmp.Or(names[q.Tenant], q.Tenant)
	list, err := s.opts.Store.In(q.Tenant).Qualities(r.Context(), pointsShown)
	if err != nil {
		return err
	}
	points, err := pointsOf(list)
	if err != nil {
		return err
	}
	q.fill(points, float64(s.opts.Config().Alerts.RefusedPercent)/100)
	return s.show(w, r, http.StatusOK, "quality", q)
}

// fill compares the deliveries of one mode: a full one says how much there is,
// an incremental one how much moves.
func (q *practiceQuality) fill(points []qualityPoint, limit float64) {
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
		shares[i] = shareOf(p.Refused, p.Lines)
		most = max(most, shares[i])
	}
	q.Most = percent(most)
	q.Rates = columnsOf(shares, limit/10, func(i int) (class, text string) {
		class = "good"
		if shares[i] > limit {
			class = "bad"
		}
		return class, q.Points[i].EndedAt.Format("2006-01-02 15:04") + ": " + percent(shares[i]) + " refused"
	})
}

func typesOf(points []qualityPoint) (names []string) {
	for _, p := range points {
		for _, t := range p.Types {
			names = append(names, t.ResourceType)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// trendOf draws one type over deliveries.
func trendOf(name string, points []qualityPoint) typeTrend {
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
				t.Filled = percent(of.Filled)
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
