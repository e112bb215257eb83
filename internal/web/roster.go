package web

import (
	"net/http"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/look"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// A rosterShown is what the page of a practice's group shows.
type rosterShown struct {
	look.RosterView
	look.Movement
	Days     int64 // how far back Joined and Left look
	Seen     bool  // who looks may see them
	Columns  []column
	From, To time.Time
	Most     int64
}

// Latest are the lists that the page names; its chart has more.
func (v rosterShown) Latest() []look.RosterList { return v.Lists[:min(len(v.Lists), listsNamed)] }

// listsNamed is how many lists the page names.
const listsNamed = 20

func (s *Server) rosterPage(w http.ResponseWriter, r *http.Request) error {
	roster, stream, err := s.look.Roster(r.Context(), r.PathValue("tenant"))
	if err != nil {
		return err
	}
	v := rosterShown{RosterView: roster}
	v.draw()
	actor := access.ActorOf(r.Context())
	v.Seen = actor.May(access.Operate, v.Tenant) || actor.May(access.Reveal, v.Tenant)
	v.Days = min(max(whole(r.FormValue("days"), 30), 1), 400)
	if v.Seen && v.Known {
		if v.Movement, err = s.look.Movement(r.Context(), v.Tenant, stream, v.Days); err != nil {
			return err
		}
	}
	return s.pages.Show(w, r, http.StatusOK, "roster", v)
}

// draw makes the columns of how many members each list showed.
func (v *rosterShown) draw() {
	if len(v.Lists) < 2 {
		return
	}
	values := make([]float64, len(v.Lists))
	for i := range v.Lists { // the oldest first
		l := v.Lists[len(v.Lists)-1-i]
		values[i] = float64(l.Members)
		v.Most = max(v.Most, l.Members)
	}
	v.From, v.To = v.Lists[len(v.Lists)-1].SeenAt, v.Lists[0].SeenAt
	v.Columns = columnsOf(values, 1, func(i int) (class, text string) {
		l := v.Lists[len(v.Lists)-1-i]
		return "run", l.SeenAt.Format("2006-01-02 15:04") + ": " + wording.Count(l.Members) + " members, " + wording.Count(l.Joined) + " joined, " + wording.Count(l.Left) + " left"
	})
}
