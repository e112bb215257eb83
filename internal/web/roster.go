package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A rosterView says who is in a practice's group, in numbers.
type rosterView struct {
	Tenant    string       `json:"tenant"`
	Name      string       `json:"name"`
	Group     string       `json:"group,omitempty" doc:"Absent: the practice exports no group."`
	Known     bool         `json:"known" doc:"A list of the group was seen."`
	Members   int64        `json:"members"`
	SeenAt    *time.Time   `json:"seen_at,omitempty"`
	ChangedAt *time.Time   `json:"changed_at,omitempty" doc:"When a list last showed somebody who joined or left."`
	Unchanged int64        `json:"whole_lists_since" doc:"Lists of everybody that came after that and showed nobody."`
	Lists     []rosterList `json:"lists" doc:"The latest first."`

	Days         int64     `json:"-"` // how far back Joined and Left look
	Joined, Left []string  `json:"-"` // short keyed hashes of ids
	More         bool      `json:"-"` // there are more of them
	Seen         bool      `json:"-"` // who looks may see the hashes
	Columns      []column  `json:"-"`
	From, To     time.Time `json:"-"`
	Most         int64     `json:"-"`
}

// A rosterList is what one export showed of a group.
type rosterList struct {
	Export  string    `json:"export"`
	SeenAt  time.Time `json:"seen_at"`
	Whole   bool      `json:"whole" doc:"It showed everybody; another one only those of whom something changed."`
	Members int64     `json:"members"`
	Joined  int64     `json:"joined"`
	Left    int64     `json:"left"`
}

// Latest are the lists that the page names; its chart has more.
func (v rosterView) Latest() []rosterList { return v.Lists[:min(len(v.Lists), listsNamed)] }

const (
	listsShown  = 60
	listsNamed  = 20
	hashesShown = 50
	hashDigits  = 10
)

func (s *Server) rosterPage(w http.ResponseWriter, r *http.Request) error {
	v, stream, err := s.roster(r.Context(), r.PathValue("tenant"))
	if err != nil {
		return err
	}
	v.draw()
	actor := actorOf(r.Context())
	v.Seen = actor.May(access.Operate, v.Tenant) || actor.May(access.Reveal, v.Tenant)
	v.Days = min(max(whole(r.FormValue("days"), 30), 1), 400)
	if v.Seen && v.Known {
		if err := s.fillMovement(r.Context(), &v, stream); err != nil {
			return err
		}
	}
	return s.show(w, r, http.StatusOK, "roster", v)
}

// roster reads who is in a practice's group, in numbers; and the stream whose
// group it is.
func (s *Server) roster(ctx context.Context, tenant string) (v rosterView, stream string, err error) {
	names, err := s.names(ctx)
	if err != nil {
		return v, "", err
	}
	c := s.opts.Config()
	v = rosterView{Tenant: tenant, Name: cmp.Or(names[tenant], tenant), Lists: []rosterList{}}
	t, err := c.Tenant(tenant)
	if err != nil || t.Level != config.LevelGroup || t.Group == "" {
		return v, "", nil //nolint:nilerr // a practice that is not configured has no group now
	}
	v.Group, stream = t.Group, export.Order{Config: c, Tenant: t}.Stream()
	in := s.opts.Store.In(tenant)
	lists, err := in.GroupLists(ctx, stream, false, listsShown)
	if err != nil || len(lists) == 0 {
		return v, stream, err
	}
	for _, l := range lists {
		v.Lists = append(v.Lists, rosterList{l.Export, l.SeenAt, l.Whole, l.Members, l.Joined, l.Left})
	}
	v.Known, v.Members, v.SeenAt = true, lists[0].Members, maybe(lists[0].SeenAt)
	changed, since, err := in.GroupChanged(ctx, stream)
	v.ChangedAt, v.Unchanged = maybe(changed), since
	return v, stream, err
}

// draw makes the columns of how many members each list showed.
func (v *rosterView) draw() {
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
		return "run", l.SeenAt.Format("2006-01-02 15:04") + ": " + count(l.Members) + " members, " + count(l.Joined) + " joined, " + count(l.Left) + " left"
	})
}

// unveil gives the patients of a movement by the ids that the server gave them,
// so that a change of the practice's key does not change their hashes. Where its
// keys do not open them they stay as the ledger has them.
func (s *Server) unveil(ctx context.Context, tenant string, m *store.Movement) error {
	if s.opts.Files == nil {
		return nil
	}
	scope, err := s.opts.Files.Tenant(tenant)
	if err != nil {
		return err
	}
	for _, part := range []*[]string{&m.Joined, &m.Left} {
		ids, err := scope.Unveil(ctx, *part)
		if _, told := errors.AsType[*problem.Problem](err); told {
			continue
		}
		if err != nil {
			return err
		}
		*part = ids
	}
	return nil
}

// fillMovement puts there who joined and left of late, as hashes under a key of
// the practice's own: two pages name the same patient alike, and nobody can try
// which. That somebody looked is on record first.
func (s *Server) fillMovement(ctx context.Context, v *rosterView, stream string) error {
	in := s.opts.Store.In(v.Tenant)
	since := time.Now().AddDate(0, 0, -int(v.Days))
	if err := s.opts.Store.Record(ctx, audit.Event{Action: audit.PatientsListed, Object: "roster", Facts: map[string]any{"days": v.Days, "shown": "hashes"}}, v.Tenant); err != nil {
		return err
	}
	m, err := in.GroupMovement(ctx, stream, since)
	if err != nil {
		return err
	}
	if err := s.unveil(ctx, v.Tenant, &m); err != nil {
		return err
	}
	v.More = len(m.Joined) > hashesShown || len(m.Left) > hashesShown
	return in.Do(ctx, func(tx *store.Tx) error {
		for to, ids := range map[*[]string][]string{&v.Joined: m.Joined, &v.Left: m.Left} {
			for _, id := range ids[:min(len(ids), hashesShown)] {
				sum, err := tx.Keyed([]byte(id))
				if err != nil {
					return err
				}
				*to = append(*to, sum[:hashDigits])
			}
		}
		return nil
	})
}
