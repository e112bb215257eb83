package web

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/look"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

func (s *Server) refusedPage(w http.ResponseWriter, r *http.Request) error {
	list, err := s.look.RefusedPractices(r.Context())
	if err != nil {
		return err
	}
	return s.pages.Show(w, r, http.StatusOK, "refused", list)
}

// quarantined is what the page of a practice's refused lines shows.
type quarantined struct {
	Tenant, Name string
	Only         string // one export; empty: all
	Reason       string // only files with lines refused for it, or for its family
	Exports      []look.RefusedExport
	Reasons      []look.RefusedReason // of all exports shown
	Older        string               // the export behind which the next page begins; empty: there is none
	Over         []column
	OverFrom     time.Time
	OverTo       time.Time
	Most         string // the largest share of the columns
}

func (s *Server) quarantinePage(w http.ResponseWriter, r *http.Request) error {
	q := quarantined{Tenant: r.PathValue("tenant"), Only: r.FormValue("export"), Reason: r.FormValue("reason")}
	names, err := s.look.Names(r.Context())
	if err != nil {
		return err
	}
	q.Name = cmp.Or(names[q.Tenant], q.Tenant)
	if q.Exports, q.Older, err = s.look.RefusedExports(r.Context(), q.Tenant, q.Only, q.Reason, r.FormValue("before")); err != nil {
		return err
	}
	all := map[string]int64{}
	for _, x := range q.Exports {
		for _, r := range x.Reasons {
			all[r.Reason] += r.Lines
		}
	}
	q.Reasons = look.Explained(all)
	if err := s.fillRefusedOver(r.Context(), &q); err != nil {
		return err
	}
	return s.pages.Show(w, r, http.StatusOK, "quarantine", q)
}

// overTime is how many deliveries charts over time look back on.
const overTime = 60

// fillRefusedOver draws the share of refused lines of the last deliveries.
func (s *Server) fillRefusedOver(ctx context.Context, q *quarantined) error {
	judged, err := s.opts.Store.In(q.Tenant).JudgedOverTime(ctx, overTime)
	if err != nil || len(judged) < 2 {
		return err
	}
	shares, most := make([]float64, len(judged)), 0.0
	for i, j := range judged {
		shares[i] = look.Share(j.Refused, j.Lines)
		most = max(most, shares[i])
	}
	limit := float64(s.opts.Config().Alerts.RefusedPercent) / 100
	q.Over = columnsOf(shares, limit/10, func(i int) (class, text string) {
		class = "good"
		if shares[i] > limit {
			class = "bad"
		}
		return class, judged[i].EndedAt.Format("2006-01-02 15:04") + ": " + wording.Count(judged[i].Refused) + " of " + wording.Count(judged[i].Lines) + " lines"
	})
	q.OverFrom, q.OverTo, q.Most = judged[0].EndedAt, judged[len(judged)-1].EndedAt, page.Percent(max(most, limit/10))
	return nil
}
