package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A watched ledger has practices in every state that a board tells apart.
func watched(t testing.TB, practices int) (*store.Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	var tenants []store.Tenant
	for i := range practices {
		tenants = append(tenants, store.Tenant{ID: fmt.Sprintf("p%03d", i), Name: fmt.Sprint("Practice ", i)})
	}
	if err := s.PutTenants(t.Context(), tenants); err != nil {
		t.Fatal(err)
	}
	return s, path
}

// export writes an export of a practice and moves it by events, with a problem
// before the last of them if there is one.
func exported(t testing.TB, s *store.Store, tenant string, p *problem.Problem, events ...life.Event) (id string) {
	t.Helper()
	err := s.In(tenant).Do(t.Context(), func(tx *store.Tx) (err error) {
		id, err = tx.Request(store.Intent{Endpoint: "https://ehr.example/" + tenant, Level: "system", Types: []string{"Patient"}, Mode: "full", RequestedBy: "test"})
		if err != nil {
			return err
		}
		x, err := tx.Export(id)
		if err != nil {
			return err
		}
		for i, e := range events {
			if p != nil && i == len(events)-1 {
				if err := tx.SetProblem(&x, p); err != nil {
					return err
				}
			}
			if x.State == life.Polling && e == life.Listed {
				if err := tx.ListFiles(&x, 0, []store.File{{Name: "0-output-0-Patient", Section: "output", ResourceType: "Patient"}, {Name: "0-output-1-Patient", Position: 1, Section: "output", ResourceType: "Patient"}}); err != nil {
					return err
				}
				if err := tx.SetFileStored(&x, store.File{Name: "0-output-0-Patient", Bytes: 2_000_000, SHA256: "ab"}); err != nil {
					return err
				}
			}
			if err := tx.Move(&x, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

var (
	whole   = []life.Event{life.Admit, life.Accepted, life.Listed, life.Stored, life.Ingested, life.Complete}
	refused = problem.New(problem.TokenRefused, "the server refuses our key \x1b[2Jand more", "Ask the practice to activate the app.")
)

func boardOf(s *store.Store, out *bytes.Buffer) *board {
	return &board{
		g: &Globals{streams: Streams{Out: out}}, store: s, live: true, screen: screen{out: out}, tally: newTally(s), said: map[string]string{},
	}
}

func TestTheBoardShowsTheWorstFirstAndWhoMustAct(t *testing.T) {
	t.Setenv("COLUMNS", "120")
	t.Setenv("LINES", "8")
	s, _ := watched(t, 10)
	for i := range 8 {
		exported(t, s, fmt.Sprintf("p%03d", i), nil, whole...)
	}
	exported(t, s, "p008", nil, whole[:3]...)
	exported(t, s, "p009", refused, life.Admit, life.Refuse)
	var out bytes.Buffer
	b := boardOf(s, &out)
	if err := b.look(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(out.String(), "\x1b[2K", ""), "\n"), "\n")
	want := []string{
		`^[0-9:]{8}  10 practices: 1 needs somebody, 1 runs, 8 fresh$`, `^$`,
		`^p009    -  needs somebody the server refuses our key  ?\[2Jand more \(to act: you and the practice\)$`,
		`^p008    -  runs           downloading \[##########----------\]50% 1 of 2 files stored, 0 lines, 2.0 MB$`,
		`^p000 +[0-9]s  fresh$`, `^p001 +[0-9]s  fresh$`, `^and 6 more, none of which stands worse$`,
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	for i := range want {
		if !regexp.MustCompile(want[i]).MatchString(lines[i]) {
			t.Errorf("line %q, want %s", lines[i], want[i])
		}
	}
	out.Reset()
	if err := b.look(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "\x1b[7A\x1b[2K") {
		t.Errorf("it does not change in place: %q", out.String())
	}
}

func TestABoardThatStandsForLongKnowsTheNewConfiguration(t *testing.T) {
	s, _ := watched(t, 1)
	var out bytes.Buffer
	b := boardOf(s, &out)
	b.g.Config = filepath.Join(t.TempDir(), "bulkhead.yaml")
	now := time.Now()
	look := func(after time.Duration, text string, want int) {
		t.Helper()
		if err := os.WriteFile(b.g.Config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := b.look(t.Context(), now.Add(after)); err != nil {
			t.Fatal(err)
		}
		if got := b.config.Limits.Exports; got != want {
			t.Errorf("after %v it goes by %d exports at once, want %d", after, got, want)
		}
	}
	look(0, "limits: {exports: 3}\n", 3)
	look(30*time.Second, "limits: {exports: 4}\n", 3)
	look(time.Minute, "limits: {exports: 4}\n", 4)
	look(2*time.Minute, "limits: {exp", 4)
}

func TestABoardFitsItsTerminal(t *testing.T) {
	s, _ := watched(t, 30)
	exported(t, s, "p001", refused, life.Admit, life.Refuse)
	for _, size := range [][2]int{{200, 50}, {80, 24}, {40, 10}, {20, 5}, {1, 2}} {
		t.Setenv("COLUMNS", fmt.Sprint(size[0]))
		t.Setenv("LINES", fmt.Sprint(size[1]))
		for _, painted := range []bool{false, true} {
			var out bytes.Buffer
			b := boardOf(s, &out)
			b.colours = painted
			if err := b.look(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if len(lines) > max(size[1]-1, 1) {
				t.Errorf("%v: %d lines", size, len(lines))
			}
			for _, line := range lines {
				bare := regexp.MustCompile(`\x1b\[[0-9]*[mKAJ]`).ReplaceAllString(line, "")
				if n := utf8.RuneCountInString(bare); n > size[0] || strings.Contains(bare, "\x1b") {
					t.Errorf("%v: %d columns: %q", size, n, line)
				}
			}
			if colour := strings.Contains(out.String(), red); colour != painted && size[1] > 5 {
				t.Errorf("%v: coloured: %v", size, colour)
			}
		}
	}
}

func TestTheBoardSaysWhoHasPausedAPractice(t *testing.T) {
	s, _ := watched(t, 2)
	exported(t, s, "p001", nil, whole...)
	if _, err := s.Pause(audit.As(t.Context(), audit.Identity{Actor: "anna"}), store.Pause{Scope: store.PauseTenant, Object: "p001", Reason: "the practice moves house", By: "anna"}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	b := boardOf(s, &out)
	b.config = &config.Config{Tenants: []config.Tenant{{ID: "p000"}, {ID: "p001"}}}
	if err := b.look(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "1 paused") || !strings.Contains(text, "paused by anna: the practice moves house") {
		t.Errorf("shown: %s", text)
	}
}

func TestTheBoardOfOnePracticeSaysWhatToDo(t *testing.T) {
	s, _ := watched(t, 2)
	id := exported(t, s, "p001", refused, life.Admit, life.Refuse)
	var out bytes.Buffer
	b := boardOf(s, &out)
	b.tenant = "p001"
	if err := b.look(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"p001  Practice 1", "next:    Ask the practice to activate the app.", "to act:  you and the practice", id, "failed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not shown: %s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "\x1b[2Jand") {
		t.Error("what a server says reaches the terminal as it is")
	}
}

func TestElsewhereTheBoardWritesALineForEachChange(t *testing.T) {
	s, _ := watched(t, 3)
	var out bytes.Buffer
	b := boardOf(s, &out)
	b.live = false
	look := func() string {
		out.Reset()
		if err := b.look(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	exported(t, s, "p000", nil, whole...)
	if text := look(); strings.Count(text, "\n") != 2 || strings.Contains(text, "p000") {
		t.Errorf("at first: %s", text)
	}
	if text := look(); text != "" {
		t.Errorf("nothing has changed: %s", text)
	}
	exported(t, s, "p001", nil, life.Admit)
	if text := look(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "p001             runs") {
		t.Errorf("one has changed: %s", text)
	}
	b.g.JSON = true
	exported(t, s, "p002", refused, life.Admit, life.Refuse)
	if text := look(); strings.Count(text, "\n") != 1 || !strings.Contains(text, `"code":"token_refused"`) || !strings.Contains(text, `"stands":"needs somebody"`) {
		t.Errorf("as JSON: %s", text)
	}
}

func TestABoardFollowsUntilItIsInterrupted(t *testing.T) {
	s, _ := watched(t, 1)
	looked := 0
	out := &counting{lines: &looked}
	synctest.Test(t, func(t *testing.T) {
		b := &board{g: &Globals{streams: Streams{Out: out}}, store: s, live: true, screen: screen{out: out}, tally: newTally(s), said: map[string]string{}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+lookEvery/2)
		defer cancel()
		if err := b.follow(ctx); err != nil {
			t.Error(err)
		}
	})
	if looked != 11 {
		t.Errorf("it looked %d times in ten seconds", looked)
	}
}

type counting struct{ lines *int }

func (c *counting) Write(p []byte) (int, error) { *c.lines++; return len(p), nil }

// BenchmarkABoardOfFiveHundredPractices says how much of a core a board takes:
// it looks once a second.
func BenchmarkABoardOfFiveHundredPractices(b *testing.B) {
	s, path := watched(b, 500)
	for i := range 500 {
		events := whole
		if i%50 == 0 {
			events = whole[:3]
		}
		exported(b, s, fmt.Sprintf("p%03d", i), nil, events...)
	}
	look, err := store.Look(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	defer look.Close()
	out, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	board := &board{g: &Globals{streams: Streams{Out: out}}, store: look, live: true, colours: true, screen: screen{out: out}, tally: newTally(look), said: map[string]string{}}
	var before, after syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for b.Loop() {
		if err := board.look(b.Context(), time.Now()); err != nil {
			b.Fatal(err)
		}
	}
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cpu := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(100*cpu.Seconds()/float64(b.N), "%core")
}
