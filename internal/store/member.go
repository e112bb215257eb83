package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// A group may have tens of thousands of patients: they go to the database as one
// list, not one by one.

// The patients of a list who are not members; and those who are no members
// whose records are all here.
const (
	unknown   = `SELECT value FROM json_each(?3) WHERE value NOT IN (SELECT patient FROM member WHERE tenant_id = ?1 AND stream = ?2 AND left_at = 0)`
	strangers = `SELECT value FROM json_each(?3) WHERE value NOT IN (SELECT patient FROM member WHERE tenant_id = ?1 AND stream = ?2 AND left_at = 0 AND held = 1)`
)

// Strangers gives those of the patients who are not known as members of the
// stream's group whose records are all here, in the order of the list.
func (s *Scope) Strangers(ctx context.Context, stream string, patients []string) (list []string, err error) {
	text, err := json.Marshal(append([]string{}, patients...)) // a list also when it is empty
	if err != nil {
		return nil, err
	}
	err = eachRow(ctx, s.store.read, strangers+` ORDER BY key`, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		list = append(list, id)
		return err
	}, s.tenant, stream, string(text))
	if err != nil {
		return nil, Explain(fmt.Errorf("look up members: %w", err))
	}
	return list, nil
}

// Members counts the known members of the stream's group whose records are all
// here.
func (s *Scope) Members(ctx context.Context, stream string) (int64, error) {
	n, err := s.store.queries().CountHeldMembers(ctx, gen.CountHeldMembersParams{TenantID: s.tenant, Stream: stream})
	return n, Explain(err)
}

// Shown is what an export shows of who is in its group.
type Shown struct {
	Patients []string // Patient.id, each as often as it came
	Whole    bool     // nobody else is in the group
	Held     bool     // all records of these patients are here
}

// A GroupList is what one export showed of a group, in numbers.
type GroupList struct {
	Export  string
	SeenAt  time.Time
	Whole   bool  // it showed everybody; else only those of whom something changed
	Members int64 // known to be in the group after it
	Joined  int64 // not known before
	Left    int64
	First   bool // no list was known before: that all of it joined is no news
}

// Members records who is in the group of a stream, and returns what that says
// in numbers.
func (tx *Tx) Members(stream string, m Shown) (l GroupList, err error) {
	text, err := json.Marshal(append([]string{}, m.Patients...)) // a list also when it is empty
	if err != nil {
		return l, err
	}
	known, err := tx.KnowsGroup(stream)
	if err != nil {
		return l, err
	}
	l.Whole, l.First = m.Whole, !known
	err = tx.sql.QueryRowContext(tx.ctx, `SELECT count(DISTINCT value) FROM (`+unknown+`)`, tx.tenant, stream, string(text)).Scan(&l.Joined)
	if err != nil {
		return l, fmt.Errorf("count who joined: %w", err)
	}
	since := ms(tx.now)
	if l.First {
		since = 0
	}
	_, err = tx.sql.ExecContext(tx.ctx, `INSERT INTO member (tenant_id, stream, patient, seen_at, joined_at, held)
		SELECT ?1, ?2, value, ?4, ?5, ?6 FROM json_each(?3) WHERE true
		ON CONFLICT (tenant_id, stream, patient) DO UPDATE SET seen_at = excluded.seen_at,
			joined_at = iif(left_at = 0, joined_at, excluded.joined_at), held = iif(left_at = 0, max(held, excluded.held), excluded.held), left_at = 0`,
		tx.tenant, stream, string(text), ms(tx.now), since, flag(m.Held))
	if err != nil {
		return l, fmt.Errorf("record members: %w", err)
	}
	if m.Whole {
		l.Left, err = tx.q.LeaveMembers(tx.ctx, gen.LeaveMembersParams{Now: ms(tx.now), TenantID: tx.tenant, Stream: stream})
		if err != nil {
			return l, fmt.Errorf("record who left: %w", err)
		}
	}
	l.Members, err = tx.q.CountMembers(tx.ctx, gen.CountMembersParams{TenantID: tx.tenant, Stream: stream})
	return l, err
}

// KnowsGroup reports whether a list of the stream's group has been recorded.
func (tx *Tx) KnowsGroup(stream string) (bool, error) {
	lists, err := tx.q.GroupLists(tx.ctx, gen.GroupListsParams{TenantID: tx.tenant, Stream: stream, AtMost: 1})
	if err != nil || len(lists) > 0 {
		return err == nil, err
	}
	n, err := tx.q.CountMembers(tx.ctx, gen.CountMembersParams{TenantID: tx.tenant, Stream: stream})
	return n > 0, err // recorded before there were lists
}

// PutGroupList records the numbers of the export's list.
func (tx *Tx) PutGroupList(x *Export, l GroupList) error {
	if l.First {
		l.Joined = 0
	}
	err := tx.q.PutGroupList(tx.ctx, gen.PutGroupListParams{
		TenantID: tx.tenant, Stream: x.Stream, SeenAt: ms(tx.now), ExportID: x.ID,
		Whole: flag(l.Whole), Members: l.Members, Joined: l.Joined, Departed: l.Left,
	})
	if err != nil {
		return fmt.Errorf("record the list of a group: %w", err)
	}
	return nil
}

// GroupLists gives the last lists of the stream's group, the latest first, at
// most limit; only whole ones if whole is true.
func (s *Scope) GroupLists(ctx context.Context, stream string, whole bool, limit int) ([]GroupList, error) {
	rows, err := s.store.queries().GroupLists(ctx, gen.GroupListsParams{TenantID: s.tenant, Stream: stream, Whole: flag(whole), AtMost: int64(limit)})
	if err != nil {
		return nil, Explain(fmt.Errorf("read the lists of a group: %w", err))
	}
	lists := make([]GroupList, len(rows))
	for i, r := range rows {
		lists[i] = GroupList{Export: r.ExportID, SeenAt: at(r.SeenAt), Whole: r.Whole == 1, Members: r.Members, Joined: r.Joined, Left: r.Departed}
	}
	return lists, nil
}

// GroupListOf gives when an export showed the stream's group; false when it
// did not.
func (s *Scope) GroupListOf(ctx context.Context, stream, export string) (time.Time, bool, error) {
	rows, err := s.store.queries().GroupListOf(ctx, gen.GroupListOfParams{TenantID: s.tenant, Stream: stream, ExportID: export})
	if err != nil || len(rows) == 0 {
		return time.Time{}, false, Explain(err)
	}
	return at(rows[0]), true, nil
}

// GroupChanged gives when a list of the stream's group last showed somebody
// who joined or left, or else its first list, and how many whole lists came
// after that. The time is zero without any list.
func (s *Scope) GroupChanged(ctx context.Context, stream string) (changed time.Time, lists int64, err error) {
	q := s.store.queries()
	since, err := q.GroupChanged(ctx, gen.GroupChangedParams{TenantID: s.tenant, Stream: stream})
	if err != nil {
		return changed, 0, Explain(fmt.Errorf("read when a group changed: %w", err))
	}
	lists, err = q.CountGroupLists(ctx, gen.CountGroupListsParams{TenantID: s.tenant, Stream: stream, SeenAt: since})
	return at(since), lists, Explain(err)
}

// Movement is who joined and who left a group since a time and is still in it,
// or out of it. One who left and came back has joined.
type Movement struct {
	Joined, Left []string // Patient.id
}

// GroupMovement gives who has joined and left the stream's group since a time.
// It is PHI: whoever shows it puts that on record first.
func (s *Scope) GroupMovement(ctx context.Context, stream string, since time.Time) (m Movement, err error) {
	rows, err := s.store.queries().MembersChanged(ctx, gen.MembersChangedParams{TenantID: s.tenant, Stream: stream, Since: ms(since)})
	if err != nil {
		return m, Explain(fmt.Errorf("read who joined and left: %w", err))
	}
	for _, r := range rows {
		if r.LeftAt == 0 {
			m.Joined = append(m.Joined, r.Patient)
		} else {
			m.Left = append(m.Left, r.Patient)
		}
	}
	return m, nil
}

// CountGroupMovement is GroupMovement in numbers, which are no PHI.
func (s *Scope) CountGroupMovement(ctx context.Context, stream string, since time.Time) (joined, left int64, err error) {
	r, err := s.store.queries().CountMembersChanged(ctx, gen.CountMembersChangedParams{TenantID: s.tenant, Stream: stream, Since: ms(since)})
	return r.Joined, r.Departed, Explain(err)
}

// Fresh counts the exports since a time that brought a sink a resource that was
// new or had changed: whether the practice is alive while its group stands
// still.
func (s *Scope) Fresh(ctx context.Context, since time.Time) (n int64, err error) {
	err = s.store.read.QueryRowContext(ctx, `SELECT count(DISTINCT p.export_id) FROM publication p, json_each(p.receipt, '$.Types') t
		WHERE p.tenant_id = ?1 AND p.published_at > ?2 AND (t.value ->> '$.New') + (t.value ->> '$.Changed') > 0`, s.tenant, ms(since)).Scan(&n)
	if err != nil {
		return 0, Explain(fmt.Errorf("count exports that brought something new: %w", err))
	}
	return n, nil
}
