package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestWhoJoinedAndWhoLeftAGroupIsCounted(t *testing.T) {
	s, _ := openLedger(t)
	request(t, s, "lakeside")
	in := s.In("lakeside")
	for _, c := range []struct {
		patients     []string
		all          bool
		strangers    []string
		joined, left int64
		members      int64
	}{
		{nil, false, nil, 0, 0, 0},
		{[]string{"b", "a", "b"}, true, []string{"b", "a", "b"}, 2, 0, 2},
		{[]string{"c", "a"}, false, []string{"c"}, 1, 0, 3},
		{[]string{"c", "it's \"odd\""}, true, []string{"it's \"odd\""}, 1, 2, 2},
		{[]string{"a"}, false, []string{"a"}, 1, 0, 3}, // who left and comes again joins
		{nil, true, nil, 0, 3, 0},
	} {
		strangers, err := in.Strangers(t.Context(), "s1", c.patients)
		if diff := cmp.Diff(c.strangers, strangers); diff != "" || err != nil {
			t.Errorf("strangers among %v, %v: %s", c.patients, err, diff)
		}
		var l store.GroupList
		do(t, s, func(tx *store.Tx) (err error) {
			l, err = tx.Members("s1", store.Shown{Patients: c.patients, Whole: c.all, Held: true})
			return err
		})
		members, err := in.Members(t.Context(), "s1")
		if l.Joined != c.joined || l.Left != c.left || l.Members != c.members || members != c.members || err != nil {
			t.Errorf("%v: %d joined, %d left, %d are members, %v; want %d, %d, %d", c.patients, l.Joined, l.Left, members, err, c.joined, c.left, c.members)
		}
		<-time.After(2 * time.Millisecond) // who is in a group is told apart by the millisecond
	}
	if others, err := s.In("hillcrest").Strangers(t.Context(), "s1", []string{"a"}); len(others) != 1 || err != nil {
		t.Errorf("another practice's members are known: %v, %v", others, err)
	}
}

func TestMembersAndPatientsOfRequestsTakeOtherNames(t *testing.T) {
	s, path := openLedger(t)
	x := request(t, s, "lakeside")
	in, odd := s.In("lakeside"), `it's "odd" - zz-canary`
	do(t, s, func(tx *store.Tx) error {
		_, first := tx.Members("s1", store.Shown{Patients: []string{"a", odd, "gone", "~both", "both"}, Whole: true, Held: true})
		_, second := tx.Members("s2", store.Shown{Patients: []string{"a"}, Whole: true, Held: true})
		return errors.Join(first, second)
	})
	if err := s.In("hillcrest").Do(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Members("s1", store.Shown{Patients: []string{"a"}, Whole: true})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if old, err := in.MembersUnlike(t.Context(), "s1", "~"); err != nil || !slices.Equal(old, []string{"a", "both", "gone", odd}) {
		t.Errorf("unlike: %q, %v", old, err)
	}
	do(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.RenameMembers("s1", map[string]string{"a": "~a", odd: "~odd", "gone": "", "both": "~both"}), tx.RenamePatients(x.ID, []string{"~a", "~odd"}))
	})
	if strangers, err := in.Strangers(t.Context(), "s1", []string{"a", "~a", odd, "~odd", "gone", "~both", "both"}); err != nil || !slices.Equal(strangers, []string{"a", odd, "gone", "both"}) {
		t.Errorf("strangers: %q, %v", strangers, err)
	}
	for _, other := range []struct{ tenant, stream string }{{"lakeside", "s2"}, {"hillcrest", "s1"}} {
		if names, err := s.In(other.tenant).MembersUnlike(t.Context(), other.stream, "~"); err != nil || !slices.Equal(names, []string{"a"}) {
			t.Errorf("members of %v: %q, %v", other, names, err)
		}
	}
	if e, err := in.Export(t.Context(), x.ID); err != nil || !slices.Equal(e.Parameters.Patients, []string{"~a", "~odd"}) || e.Plain() {
		t.Errorf("the request: %+v, %v", e.Parameters, err)
	}
	if streams, err := in.Streams(t.Context()); err != nil || !slices.Equal(streams, []string{"s1", "s2"}) {
		t.Errorf("streams: %q, %v", streams, err)
	}
	if err := s.Truncate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal"} {
		if text, err := os.ReadFile(name); err != nil || bytes.Contains(text, []byte("zz-canary")) {
			t.Errorf("%s still has the former name, %v", filepath.Base(name), err)
		}
	}
}

// BenchmarkMembers records the 50,000 patients of a large group.
func BenchmarkMembers(b *testing.B) {
	s, err := store.Open(b.Context(), b.TempDir()+"/ledger.db")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	patients := make([]string, 50_000)
	for i := range patients {
		patients[i] = fmt.Sprintf("patient-%d", i)
	}
	for b.Loop() {
		err := s.In("lakeside").Do(b.Context(), func(tx *store.Tx) error {
			_, err := tx.Members("s1", store.Shown{Patients: patients, Whole: true, Held: true})
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// lists records what exports showed of a group, one a call.
func lists(t *testing.T, s *store.Store, id string) func(store.Shown) store.GroupList {
	return func(m store.Shown) (l store.GroupList) {
		t.Helper()
		do(t, s, func(tx *store.Tx) error {
			x, err := tx.Export(id)
			if err != nil {
				return err
			}
			if l, err = tx.Members(x.Stream, m); err != nil {
				return err
			}
			return tx.PutGroupList(&x, l)
		})
		<-time.After(2 * time.Millisecond)
		return l
	}
}

func TestTheListsOfAGroupSayWhoCameAndWentSinceWhen(t *testing.T) {
	s, _ := openLedger(t)
	x := request(t, s, "lakeside")
	in, shows := s.In("lakeside"), lists(t, s, x.ID)
	if changed, n, err := in.GroupChanged(t.Context(), x.Stream); !changed.IsZero() || n != 0 || err != nil {
		t.Errorf("before any list: changed at %v, %d lists, %v", changed, n, err)
	}
	if first := shows(store.Shown{Patients: []string{"a", "b", "c"}, Whole: true, Held: true}); !first.First || first.Members != 3 {
		t.Errorf("the first list: %+v", first)
	}
	shows(store.Shown{Patients: []string{"a", "b", "c"}, Whole: true, Held: true})
	shows(store.Shown{Patients: []string{"b"}})
	all, err := in.GroupLists(t.Context(), x.Stream, false, 9)
	if err != nil || len(all) != 3 {
		t.Fatalf("lists: %+v, %v", all, err)
	}
	if changed, n, err := in.GroupChanged(t.Context(), x.Stream); !changed.Equal(all[2].SeenAt) || n != 1 || err != nil {
		t.Errorf("nobody came or went: changed at %v, %d whole lists after it, %v", changed, n, err)
	}

	shows(store.Shown{Patients: []string{"d"}}) // of whom something changed: nobody is missed
	shows(store.Shown{Patients: []string{"b", "d", "e"}, Whole: true, Held: true})
	m, err := in.GroupMovement(t.Context(), x.Stream, all[2].SeenAt)
	if diff := cmp.Diff(store.Movement{Joined: []string{"d", "e"}, Left: []string{"a", "c"}}, m); diff != "" || err != nil {
		t.Errorf("since the first list, %v: %s", err, diff)
	}
	if joined, left, err := in.CountGroupMovement(t.Context(), x.Stream, all[2].SeenAt); joined != 2 || left != 2 || err != nil {
		t.Errorf("in numbers: %d joined, %d left, %v", joined, left, err)
	}
	if m, err := s.In("hillcrest").GroupMovement(t.Context(), x.Stream, time.Time{}); len(m.Joined)+len(m.Left) > 0 || err != nil {
		t.Errorf("another practice's movement: %+v, %v", m, err)
	}
	whole, err := in.GroupLists(t.Context(), x.Stream, true, 1)
	if err != nil || len(whole) != 1 || whole[0].Members != 3 || whole[0].Joined != 1 || whole[0].Left != 2 {
		t.Errorf("the last whole list: %+v, %v", whole, err)
	}
}

func TestWhoIsSeenInAChangeOnlyIsNoMemberWhoseRecordsAreHere(t *testing.T) {
	s, _ := openLedger(t)
	x := request(t, s, "lakeside")
	in, shows := s.In("lakeside"), lists(t, s, x.ID)
	shows(store.Shown{Patients: []string{"a"}, Whole: true, Held: true})
	shows(store.Shown{Patients: []string{"b"}})
	if who, err := in.Strangers(t.Context(), x.Stream, []string{"a", "b"}); !cmp.Equal(who, []string{"b"}) || err != nil {
		t.Errorf("strangers: %v, %v; want b, whose older records may not be here", who, err)
	}
	if again := shows(store.Shown{Patients: []string{"b"}}); again.Joined != 0 || again.Members != 2 {
		t.Errorf("who was seen before joins again: %+v", again)
	}
	shows(store.Shown{Patients: []string{"a", "b"}, Whole: true, Held: true})
	if who, err := in.Strangers(t.Context(), x.Stream, []string{"a", "b"}); len(who) > 0 || err != nil {
		t.Errorf("strangers after a full export: %v, %v", who, err)
	}
}

func TestAPracticeIsAliveWhenASinkGotSomethingNew(t *testing.T) {
	s, _ := openLedger(t)
	x := request(t, s, "lakeside")
	before := time.Now().Add(-time.Minute)
	for _, c := range []struct {
		receipt string
		want    int64
	}{
		{`{}`, 0},
		{`{"Types":[{"ResourceType":"Patient","New":0,"Changed":0,"Unchanged":9}]}`, 0},
		{`{"Types":[{"ResourceType":"Patient","New":0,"Changed":0},{"ResourceType":"Condition","New":0,"Changed":2}]}`, 1},
	} {
		if _, err := s.DB().Exec(`DELETE FROM publication`); err != nil {
			t.Fatal(err)
		}
		do(t, s, func(tx *store.Tx) error { return tx.SetPublished(&x, "tables", []byte(c.receipt)) })
		if n, err := s.In("lakeside").Fresh(t.Context(), before); n != c.want || err != nil {
			t.Errorf("receipt %s: %d exports, %v; want %d", c.receipt, n, err, c.want)
		}
		if n, err := s.In("lakeside").Fresh(t.Context(), time.Now().Add(time.Minute)); n != 0 || err != nil {
			t.Errorf("in the future: %d, %v", n, err)
		}
	}
}
