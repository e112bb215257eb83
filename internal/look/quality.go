package look

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/quality"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A Judged practice is what its last delivery was worth.
type Judged struct {
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

// Share is how much was refused, of one.
func (j Judged) Share() float64 { return Share(j.Refused, j.Lines) }

// BrokenShare is how much breaks a rule, of one.
func (j Judged) BrokenShare() float64 { return Share(j.Broken, j.Lines) }

// Judged gives what the last delivery of each practice was worth that who asks
// may see: those with questions first, then by the share that was refused.
func (rd *Reader) Judged(ctx context.Context) ([]Judged, error) {
	all, err := rd.Store.LastJudged(ctx)
	if err != nil {
		return nil, err
	}
	list, actor := []Judged{}, access.ActorOf(ctx)
	for _, j := range all {
		if actor.May(access.See, j.Tenant) {
			list = append(list, Judged{j.Tenant, cmp.Or(j.Name, j.Tenant), j.Export, j.Mode, j.EndedAt, j.Lines, j.Refused, j.Broken, j.Questions, j.Question})
		}
	}
	slices.SortStableFunc(list, func(a, b Judged) int {
		return cmp.Or(cmp.Compare(min(b.Questions, 1), min(a.Questions, 1)), cmp.Compare(Share(b.Refused, b.Lines), Share(a.Refused, a.Lines)), cmp.Compare(a.Tenant, b.Tenant))
	})
	return list, nil
}

// A QualityPoint is what one delivery was worth, of a practice's over time.
type QualityPoint struct {
	Export    string             `json:"export"`
	Mode      string             `json:"mode" enum:"full,incremental"`
	EndedAt   time.Time          `json:"completed_at"`
	Lines     int64              `json:"lines"`
	Refused   int64              `json:"quarantined"`
	Types     []TypePoint        `json:"types"`
	Questions []quality.Question `json:"questions,omitempty"`
}

// A TypePoint counts the resources of one type in one delivery.
type TypePoint struct {
	ResourceType string  `json:"type"`
	Resources    int64   `json:"resources"`
	New          int64   `json:"new"`
	Changed      int64   `json:"changed"`
	Broken       int64   `json:"that_break_rules"`
	Filled       float64 `json:"must_support_filled" doc:"How well the columns of must-support elements are filled, from 0 to 1; -1 when there are none."`
}

// PointsOf reads summaries.
func PointsOf(list []store.Summarised) ([]QualityPoint, error) {
	points := make([]QualityPoint, len(list))
	for i, one := range list {
		var q quality.Summary
		if err := json.Unmarshal(one.Summary, &q); err != nil {
			return nil, fmt.Errorf("read the quality summary of export %s: %w", one.Export, err)
		}
		p := QualityPoint{Export: one.Export, Mode: one.Mode, EndedAt: one.EndedAt, Lines: q.Lines - q.Blank, Refused: q.Quarantined, Types: []TypePoint{}, Questions: q.Questions}
		for _, t := range q.Types {
			p.Types = append(p.Types, TypePoint{t.ResourceType, t.Resources, t.New, t.Changed, t.Verdicts.Errors, filledOf(t)})
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
