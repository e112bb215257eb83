package quarantine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
)

// shuffled writes lines of the given numbers in an order of their own.
func shuffled(t testing.TB, w *Writer, reason string, numbers []int64) error {
	t.Helper()
	random := rand.New(rand.NewPCG(1, uint64(len(numbers))))
	for _, i := range random.Perm(len(numbers)) {
		n := numbers[i]
		if err := w.Add(reason, ndjson.Line{Number: n, Offset: 10 * n, Bytes: fmt.Appendf(nil, "line %d", n)}); err != nil {
			return err
		}
	}
	return nil
}

func TestRefusedLinesComeBackOnTheirOwnLines(t *testing.T) {
	scope := testScope(t)
	write(t, scope, "e1", func(w *Writer) error {
		if err := shuffled(t, w, "view_error:patient.id", []int64{3, 4, 9000, 1, 20}); err != nil {
			return err
		}
		return shuffled(t, w, ReasonNoID, []int64{2, 10_000})
	})
	var out bytes.Buffer
	n, err := Selection{scope, "e1", testFile, "view_error"}.Unroll(t.Context(), &out)
	if err != nil || n != 5 {
		t.Fatalf("%d lines, %v", n, err)
	}
	text, marked := strings.CutPrefix(out.String(), "\ufeff")
	lines := strings.Split(text, "\n")
	if !marked || len(lines) != 9001 {
		t.Fatalf("%d lines, marked %v", len(lines), marked)
	}
	for i, line := range lines {
		want := ""
		if n := i + 1; n == 1 || n == 3 || n == 4 || n == 20 || n == 9000 {
			want = fmt.Sprintf("line %d", n)
		}
		if line != want {
			t.Errorf("line %d is %q", i+1, line)
		}
	}
}

func TestWhatCannotWaitIsReadAgain(t *testing.T) {
	scope := testScope(t)
	numbers := make([]int64, 200)
	for i := range numbers {
		numbers[i] = int64(i) + 1
	}
	write(t, scope, "e1", func(w *Writer) error { return shuffled(t, w, ReasonNoID, numbers) })
	for _, most := range []int{0, 20, 200, waiting} {
		var out bytes.Buffer
		u := unrolling{to: &out, most: most, held: map[int64][]byte{}, lines: numbers}
		passes := 0
		for ; u.next < len(u.lines); passes++ {
			for e, err := range Entries(t.Context(), scope, "e1", testFile) {
				if err == nil {
					err = u.take(e)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		var want strings.Builder
		for _, n := range numbers {
			fmt.Fprintf(&want, "line %d\n", n)
		}
		if out.String() != want.String() || u.bytes != 0 {
			t.Errorf("with %d bytes to wait in: another text, or %d bytes left", most, u.bytes)
		}
		if most == waiting && passes != 1 || most == 0 && passes < 10 {
			t.Errorf("with %d bytes to wait in: %d passes", most, passes)
		}
	}
}

func TestAReasonMeansItsFamily(t *testing.T) {
	for _, tt := range []struct {
		reason, wanted string
		holds          bool
	}{
		{"id_missing", "", true},
		{"id_missing", "id_missing", true},
		{"id_missing", "id", false},
		{"view_error:patient.birth_date", "view_error", true},
		{"view_error:patient.birth_date", "view_error:", true},
		{"view_error:patient.birth_date", "view_error:patient", true},
		{"view_error:patient_name.use", "view_error:patient", false},
		{"invalid_json:syntax", "invalid", false},
	} {
		if got := Holds(tt.reason, tt.wanted); got != tt.holds {
			t.Errorf("%q means %q: %v", tt.wanted, tt.reason, got)
		}
	}
}

func TestWhatIsRefusedAgainKeepsItsPlaceAndGetsItsNewReason(t *testing.T) {
	scope := testScope(t)
	write(t, scope, "e1", func(w *Writer) error {
		if err := shuffled(t, w, "view_error:patient.id", []int64{1, 2, 3}); err != nil {
			return err
		}
		return shuffled(t, w, ReasonNoID, []int64{4})
	})
	again := func(lines ...int64) {
		write(t, scope, "r1", func(w *Writer) error {
			for _, n := range lines {
				if err := w.Add(ReasonBadID, ndjson.Line{Number: n, Bytes: []byte("what it was taken from")}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	again(2)
	s := Selection{scope, "e1", testFile, "view_error"}
	r, err := s.Renew(t.Context(), "r1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Renewed{3, 1, map[string]int64{ReasonBadID: 1, ReasonNoID: 1}}, r); diff != "" {
		t.Error(diff)
	}
	want := []kept{{ReasonBadID, testFile, 2, 20, "line 2"}, {ReasonNoID, testFile, 4, 40, "line 4"}}
	if diff := cmp.Diff(want, readAll(t, scope, "r1")); diff != "" {
		t.Error(diff)
	}
	if before := readAll(t, scope, "e1"); len(before) != 4 {
		t.Errorf("the quarantine that it was made from has %d entries", len(before))
	}
	again(2, 7)
	if _, err := s.Renew(t.Context(), "r1"); err == nil {
		t.Error("a line that was not selected was refused again, and nobody minds")
	}
}
