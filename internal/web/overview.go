package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/look"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A tally counts the practices of one mark.
type tally struct {
	Mark  string
	Class string
	Count int
}

type overview struct {
	Rows    []look.Row
	Tallies []tally
	Find    string // text that practices must have in name or id
	Only    string // the mark that they must have; empty for all
	Total   int
	House   []store.Alert // of no practice, that nobody has taken on
	Alerts  int           // of practices
}

// overviewPage shows every practice that who asks may see, those in trouble
// first.
func (s *Server) overviewPage(w http.ResponseWriter, r *http.Request) error {
	rows, err := s.look.Practices(r.Context())
	if err != nil {
		return err
	}
	o := overview{Find: strings.TrimSpace(r.URL.Query().Get("find")), Only: r.URL.Query().Get("only"), Total: len(rows)}
	for _, m := range look.Marks() {
		t := tally{Mark: m, Class: look.Row{Mark: m}.Class()}
		for _, row := range rows {
			if row.Mark == m {
				t.Count++
			}
		}
		if t.Count > 0 {
			o.Tallies = append(o.Tallies, t)
		}
	}
	find := strings.ToLower(o.Find)
	for _, row := range rows {
		if (o.Only == "" || o.Only == row.Mark) && (strings.Contains(strings.ToLower(row.Tenant), find) || strings.Contains(strings.ToLower(row.Name), find)) {
			o.Rows = append(o.Rows, row)
		}
	}
	if err := s.fillAlerts(r.Context(), &o); err != nil {
		return err
	}
	return s.pages.Show(w, r, http.StatusOK, "overview", o)
}

// fillAlerts puts beside each practice the worst alert that nobody has taken on.
func (s *Server) fillAlerts(ctx context.Context, o *overview) error {
	list, err := s.look.Alerts(ctx, "")
	if err != nil {
		return err
	}
	worst, now := map[string]*store.Alert{}, time.Now()
	for i, a := range list { // the worst first
		switch {
		case !a.ClosedAt.IsZero() || look.Quiet(a, now):
			continue
		case a.Tenant == "":
			o.House = append(o.House, a)
			continue
		case worst[a.Tenant] == nil:
			worst[a.Tenant] = &list[i]
		}
		o.Alerts++
	}
	for i := range o.Rows {
		o.Rows[i].Alert = worst[o.Rows[i].Tenant]
	}
	return nil
}
