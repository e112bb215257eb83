package look

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const (
	listsShown  = 60
	hashesShown = 50
	hashDigits  = 10
)

// A RosterView says who is in a practice's group, in numbers.
type RosterView struct {
	Tenant    string       `json:"tenant"`
	Name      string       `json:"name"`
	Group     string       `json:"group,omitempty" doc:"Absent: the practice exports no group."`
	Known     bool         `json:"known" doc:"A list of the group was seen."`
	Members   int64        `json:"members"`
	SeenAt    *time.Time   `json:"seen_at,omitempty"`
	ChangedAt *time.Time   `json:"changed_at,omitempty" doc:"When a list last showed somebody who joined or left."`
	Unchanged int64        `json:"whole_lists_since" doc:"Lists of everybody that came after that and showed nobody."`
	Lists     []RosterList `json:"lists" doc:"The latest first."`
}

// A Movement is who joined and left a group of late.
type Movement struct {
	Joined, Left []string // short keyed hashes of ids
	More         bool     // there are more of them
}

// A RosterList is what one export showed of a group.
type RosterList struct {
	Export  string    `json:"export"`
	SeenAt  time.Time `json:"seen_at"`
	Whole   bool      `json:"whole" doc:"It showed everybody; another one only those of whom something changed."`
	Members int64     `json:"members"`
	Joined  int64     `json:"joined"`
	Left    int64     `json:"left"`
}

// Roster reads who is in a practice's group, in numbers; and the stream whose
// group it is.
func (rd *Reader) Roster(ctx context.Context, tenant string) (v RosterView, stream string, err error) {
	names, err := rd.Names(ctx)
	if err != nil {
		return v, "", err
	}
	c := rd.Config()
	v = RosterView{Tenant: tenant, Name: cmp.Or(names[tenant], tenant), Lists: []RosterList{}}
	t, err := c.Tenant(tenant)
	if err != nil || t.Level != config.LevelGroup || t.Group == "" {
		return v, "", nil //nolint:nilerr // a practice that is not configured has no group now
	}
	v.Group, stream = t.Group, export.Order{Config: c, Tenant: t}.Stream()
	in := rd.Store.In(tenant)
	lists, err := in.GroupLists(ctx, stream, false, listsShown)
	if err != nil || len(lists) == 0 {
		return v, stream, err
	}
	for _, l := range lists {
		v.Lists = append(v.Lists, RosterList{l.Export, l.SeenAt, l.Whole, l.Members, l.Joined, l.Left})
	}
	v.Known, v.Members, v.SeenAt = true, lists[0].Members, maybe(lists[0].SeenAt)
	changed, since, err := in.GroupChanged(ctx, stream)
	v.ChangedAt, v.Unchanged = maybe(changed), since
	return v, stream, err
}

// unveil gives the patients of a movement by the ids that the server gave them,
// so that a change of the practice's key does not change their hashes. Where its
// keys do not open them they stay as the ledger has them.
func (rd *Reader) unveil(ctx context.Context, tenant string, m *store.Movement) error {
	if rd.Files == nil {
		return nil
	}
	scope, err := rd.Files.Tenant(tenant)
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

// Movement gives who joined and left in so many days, as hashes under a key of the
// practice's own: two pages name the same patient alike, and nobody can try which.
// That somebody looked is on record first.
func (rd *Reader) Movement(ctx context.Context, tenant, stream string, days int64) (seen Movement, err error) {
	in := rd.Store.In(tenant)
	if err := rd.Store.Record(ctx, audit.Event{Action: audit.PatientsListed, Object: "roster", Facts: map[string]any{"days": days, "shown": "hashes"}}, tenant); err != nil {
		return seen, err
	}
	m, err := in.GroupMovement(ctx, stream, time.Now().AddDate(0, 0, -int(days)))
	if err != nil {
		return seen, err
	}
	if err := rd.unveil(ctx, tenant, &m); err != nil {
		return seen, err
	}
	seen.More = len(m.Joined) > hashesShown || len(m.Left) > hashesShown
	return seen, in.Do(ctx, func(tx *store.Tx) error {
		for to, ids := range map[*[]string][]string{&seen.Joined: m.Joined, &seen.Left: m.Left} {
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
