package store_test

import (
	"fmt"
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
		var joined, left int64
		do(t, s, func(tx *store.Tx) (err error) {
			joined, left, err = tx.Members("s1", c.patients, c.all)
			return err
		})
		members, err := in.Members(t.Context(), "s1")
		if joined != c.joined || left != c.left || members != c.members || err != nil {
			t.Errorf("%v: %d joined, %d left, %d are members, %v; want %d, %d, %d", c.patients, joined, left, members, err, c.joined, c.left, c.members)
		}
		<-time.After(2 * time.Millisecond) // who is in a group is told apart by the millisecond
	}
	if others, err := s.In("hillcrest").Strangers(t.Context(), "s1", []string{"a"}); len(others) != 1 || err != nil {
		t.Errorf("another practice's members are known: %v, %v", others, err)
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
			_, _, err := tx.Members("s1", patients, true)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
