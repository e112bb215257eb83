package audit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
)

var night = time.Date(2026, 3, 1, 2, 30, 0, 123_456_789, time.UTC)

// chain makes the rows of a chain of n events.
func chain(t *testing.T, tenant string, n int) []audit.Entry {
	t.Helper()
	var rows []audit.Entry
	head := audit.Head{Tenant: tenant}
	for i := range n {
		ev := audit.Event{Action: audit.FileStored, Export: "x", Object: fmt.Sprintf("file-%d", i), Facts: map[string]any{"bytes": i}}
		e, err := audit.Next(t.Context(), head, ev, night.Add(time.Duration(i)*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		rows, head = append(rows, e), e.Head()
	}
	return rows
}

// The two hashes were computed by a program in another language, from
// docs/audit.md alone.
func TestTheHashesAreThoseThatTheDocumentedFormGives(t *testing.T) {
	ctx := t.Context()
	first, err := audit.Next(ctx, audit.Head{Tenant: "lakeside"}, audit.Event{
		Action: audit.FileStored, Export: "20260301-023000-abcdefgh", Object: "0-output-0-Patient", Rule: "permitted",
		Facts: map[string]any{"sha256": "ab", "bytes": 90},
	}, night)
	if err != nil {
		t.Fatal(err)
	}
	if want := "633c2f94aaf697a0ff40829bece1af5f5c8c3fb441213a105c022f2a69e5f4d8"; first.Hash != want {
		t.Errorf("first hash = %s, want %s, of:\n%s", first.Hash, want, first.Canonical())
	}
	ctx = audit.As(ctx, audit.Identity{Actor: "zoë", Source: "192.0.2.7", Request: "r-1"})
	second, err := audit.Next(ctx, first.Head(), audit.Event{
		Action: audit.LinesRevealed, Export: "20260301-023000-abcdefgh", Object: "0-output-0-Patient line 3", Reason: "vendor asks, ticket <4711> & more",
	}, time.Date(2026, 3, 1, 2, 30, 1, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if want := "6de17d8a5640ac42f004248f4d68f7d5579861f794f96c47e74bc5c2f2411037"; second.Hash != want {
		t.Errorf("second hash = %s, want %s, of:\n%s", second.Hash, want, second.Canonical())
	}
}

func TestAWalkNamesTheFirstRowThatIsNotRight(t *testing.T) {
	t.Attr("fault", "hostile: rows of the audit record are changed, removed, added, exchanged or cut off -> the first one is named")
	cases := []struct {
		name   string
		change func(rows []audit.Entry) []audit.Entry
		row    int64
		what   string
	}{
		{"a word changed", func(r []audit.Entry) []audit.Entry { r[2].Object = "other"; return r }, 3, "is not what was recorded"},
		{"a time changed", func(r []audit.Entry) []audit.Entry { r[2].Time = audit.Instant(night); return r }, 3, "is not what was recorded"},
		{"one taken out", func(r []audit.Entry) []audit.Entry { return slices.Delete(r, 1, 2) }, 2, "was taken out"},
		{"three taken out", func(r []audit.Entry) []audit.Entry { return slices.Delete(r, 1, 4) }, 2, "up to row 4"},
		{"the first taken out", func(r []audit.Entry) []audit.Entry { return r[1:] }, 1, "was taken out"},
		{"one twice", func(r []audit.Entry) []audit.Entry { return slices.Insert(r, 2, r[1]) }, 2, "there twice"},
		{"all written anew", func([]audit.Entry) []audit.Entry { return anew(t) }, 4, "anchored at"},
		{"one and its hash written anew", func(r []audit.Entry) []audit.Entry { r[1] = anew(t)[1]; return r }, 2, "does not follow"},
		{"the end cut off", func(r []audit.Entry) []audit.Entry { return r[:2] }, 3, "the end of the chain was cut off"},
		{"all cut off", func([]audit.Entry) []audit.Entry { return nil }, 1, "the end of the chain was cut off"},
		{"of another tenant", func(r []audit.Entry) []audit.Entry { r[3] = chain(t, "hillcrest", 4)[3]; return r }, 4, "the chain of hillcrest"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			rows := chain(t, "lakeside", 6)
			anchors := []audit.Anchor{{Time: "then", Head: rows[3].Head()}, {Time: "then", Head: audit.Head{Tenant: "hillcrest", Seq: 9}}}
			f := walk(c.change(slices.Clone(rows)), anchors)
			if f == nil || f.Seq != c.row || !strings.Contains(f.What, c.what) {
				t.Errorf("fault = %v, want row %d: %q", f, c.row, c.what)
			}
		})
	}
	if f := walk(chain(t, "lakeside", 6), nil); f != nil {
		t.Errorf("a chain as it was recorded: %v", f)
	}
}

// anew is a chain of the same length with another past.
func anew(t *testing.T) []audit.Entry {
	t.Helper()
	head, rows := audit.Head{Tenant: "lakeside"}, []audit.Entry(nil)
	for range 6 {
		e, err := audit.Next(t.Context(), head, audit.Event{Action: audit.FileFailed}, night)
		if err != nil {
			t.Fatal(err)
		}
		rows, head = append(rows, e), e.Head()
	}
	return rows
}

func walk(rows []audit.Entry, anchors []audit.Anchor) *audit.Fault {
	w := audit.NewWalk("lakeside", anchors)
	for _, e := range rows {
		if f := w.Take(e); f != nil {
			return f
		}
	}
	return w.End(nil)
}

func TestTheLedgersOwnMemoryShowsACutAndAnAddition(t *testing.T) {
	rows := chain(t, "lakeside", 3)
	for end, what := range map[int64]string{2: "added by hand", 5: "the ledger remembers 5 rows"} {
		w := audit.NewWalk("lakeside", nil)
		for _, e := range rows {
			w.Take(e)
		}
		f := w.End(&audit.Head{Tenant: "lakeside", Seq: end, Hash: rows[1].Hash})
		if f == nil || !strings.Contains(f.What, what) {
			t.Errorf("remembered %d rows of 3: %v, want %q", end, f, what)
		}
	}
}

func TestACutThatPosesAsARestoreIsSeen(t *testing.T) {
	rows := chain(t, "lakeside", 6)
	cut := audit.Anchor{Time: "t", Head: rows[2].Head(), Restored: true}
	said, err := audit.Next(t.Context(), rows[2].Head(), audit.Event{Action: audit.LedgerRestored}, night)
	if err != nil {
		t.Fatal(err)
	}
	other, err := audit.Next(t.Context(), rows[2].Head(), audit.Event{Action: audit.FileStored}, night)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		rows  []audit.Entry
		fault bool
	}{
		"what follows is another row": {append(rows[:3:3], other), true},
		"nothing follows yet":         {rows[:3], true},
		"the record says so":          {append(rows[:3:3], said), false},
	} {
		w := audit.NewWalk("lakeside", []audit.Anchor{cut})
		for _, e := range c.rows {
			w.Take(e)
		}
		head := c.rows[len(c.rows)-1].Head()
		f := w.End(&head)
		if (f != nil) != c.fault || f != nil && (f.Seq != 4 || !strings.Contains(f.What, "which the record does not say")) {
			t.Errorf("%s: %v", name, f)
		}
	}
}

func TestAnchorsLastAndForgetWhatARestoreLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "anchors")
	if none, _, err := audit.ReadAnchors(path); err != nil || len(none) != 0 {
		t.Errorf("without a file: %v, %v", none, err)
	}
	at := func(tenant string, seq int64) audit.Anchor {
		return audit.Anchor{Time: "t", Head: audit.Head{Tenant: tenant, Seq: seq, Hash: fmt.Sprint(tenant, seq)}}
	}
	cut := at("a", 3)
	cut.Restored = true
	for _, lines := range [][]audit.Anchor{{at("a", 2), at("b", 9)}, {at("a", 7)}, {cut}, {at("a", 5)}} {
		if err := audit.Append(path, lines); err != nil {
			t.Fatal(err)
		}
	}
	half, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(half, `{"time":"t","ten`)
	half.Close()
	if err := audit.Append(path, []audit.Anchor{at("a", 6)}); err != nil {
		t.Fatal(err)
	}
	got, unreadable, err := audit.ReadAnchors(path)
	if err != nil || unreadable != 1 {
		t.Fatalf("%d lines cannot be read, %v", unreadable, err)
	}
	var seqs []string
	for _, a := range got {
		seqs = append(seqs, a.Hash)
	}
	slices.Sort(seqs)
	if diff := cmp.Diff([]string{"a2", "a3", "a5", "a6", "b9"}, seqs); diff != "" {
		t.Errorf("anchors (-want +got):\n%s", diff)
	}
}

func TestTextsOfOthersAreMadeHarmless(t *testing.T) {
	for give, want := range map[string]string{
		"https://u:p@ehr.example/x/y?token=1#f": "https://ehr.example/x/y",
		"::no url":                              "",
		"https://ehr.example/a%20b?":            "https://ehr.example/a%20b",
	} {
		if got := audit.URL(give); got != want {
			t.Errorf("URL(%q) = %q, want %q", give, got, want)
		}
	}
	if got := audit.Line("two\nlines\xff"); got != "two lines " {
		t.Errorf("Line = %q", got)
	}
	if got := audit.Line(strings.Repeat("é", 900)); len(got) != 1000 {
		t.Errorf("a long text has %d bytes", len(got))
	}
	if _, err := audit.Next(t.Context(), audit.Head{}, audit.Event{Action: "made_up"}, night); err == nil {
		t.Error("an action that nobody knows was recorded")
	}
}

func TestWhoActsComesFromTheContext(t *testing.T) {
	ctx := audit.As(t.Context(), audit.Identity{Actor: "alice", Source: "local"})
	e, err := audit.Next(ctx, audit.Head{}, audit.Event{Action: audit.LinesViewed}, night)
	if err != nil || e.Actor != "alice" || e.Source != "local" || e.Outcome != audit.Done {
		t.Errorf("entry = %+v, %v", e, err)
	}
	e, err = audit.Next(ctx, audit.Head{}, audit.Event{Action: audit.FileStored, Actor: audit.Service}, night)
	if err != nil || e.Actor != audit.Service || e.Source != "" {
		t.Errorf("entry of the service = %+v, %v", e, err)
	}
	if p := audit.Person(); p.Actor == "" || p.Source != "local" {
		t.Errorf("a person is %+v", p)
	}
}

func FuzzAnEntryHasOneCanonicalForm(f *testing.F) {
	f.Add("a", "b")
	f.Add("a\nreason=0:", "")
	f.Fuzz(func(t *testing.T, object, reason string) {
		make := func(o, r string) audit.Entry {
			return audit.Entry{Tenant: "t", Seq: 1, Object: o, Reason: r}
		}
		one, other := make(object, reason), make(object+reason, "")
		if same := string(one.Canonical()) == string(other.Canonical()); same != (reason == "") {
			t.Errorf("%q and %q have the same form: %v", object, reason, same)
		}
	})
}

// The tables of the page are printed here, so that they are those of the code.
func TestThePageExplainsEveryAction(t *testing.T) {
	page, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range audit.Actions() {
		if row := fmt.Sprintf("| `%s` | %s |\n", a, a.Means()); !strings.Contains(string(page), row) {
			t.Errorf("docs/audit.md lacks the row\n%s", row)
		}
	}
}
