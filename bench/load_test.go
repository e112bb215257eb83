package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Each part checks itself that every line came, on both sides.
func TestEachLoadIsMeasuredAndTold(t *testing.T) {
	o := options{out: io.Discard, load: loads{files: 6, lines: 5, mega: 1, practices: 2, idle: 200 * time.Millisecond, exports: 300}}
	for name, told := range map[string][]string{
		"load-small": {"6 files of 5 lines", "curl, one after another", "--parallel-max 4", "bulkhead, to staged", "ledger and executor", "Load average"},
		"load-large": {"Observation file of 1 MB", "curl to disk", "Wall ratio **", "SHA-256|receive|start", "Load average"},
		"load-many":  {"looks after 2 practices", "admitted to completed", "Fairness ", "Load average"},
		"load-idle":  {"2 scheduled practices", "knows 300 exports", "share of one processor", "Load average"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := parts[name](t.Context(), o, &corpus{dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range told {
				if !slices.ContainsFunc(strings.Split(want, "|"), func(one string) bool { return strings.Contains(text, one) }) {
					t.Errorf("%q is not told:\n%s", want, text)
				}
			}
		})
	}
}

func TestADayIsTold(t *testing.T) {
	text := day{Practices: 200, Exports: 800, Full: 200, Requests: 8000, LagMedian: 91, LagWorst: 270, LagOutage: 1380, OldestData: 6.4, Ledger: 24e6, PerExport: 13700, CPU: 120, Wall: 130}.tell()
	for _, want := range []string{"| 800, 200 |", "10.0 an export", "| 91, 270 |", "| 13.7 |", "0.150 an export"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not told:\n%s", want, text)
		}
	}
}

func TestAStateIsEnteredOnce(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	got := entered(timelineOf(at, "kicking_off", "polling", "downloading", "failed", "downloading", "ingesting"))
	want := map[life.State]time.Time{life.KickingOff: at(0), life.Polling: at(1), life.Downloading: at(2), life.Failed: at(3), life.Ingesting: at(5)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheInnermostKnownFunctionSaysWhatTimeIsSpentOn(t *testing.T) {
	got, err := sharesOfTraces([]byte(`File: bench
Type: cpu
-----------+-------------------------------------------------------
      30ms   runtime.memmove
             internal/poll.(*FD).Read
             net.(*conn).Read
             github.com/klauspost/compress/zstd.(*Encoder).ReadFrom
-----------+-------------------------------------------------------
      10ms   github.com/klauspost/compress/huff0.(*Scratch).compress1xDo
             github.com/klauspost/compress/zstd.(*blockEnc).encode
             github.com/klauspost/compress/zstd.(*Encoder).ReadFrom
-----------+-------------------------------------------------------
      1.20s   runtime.scanobject
             runtime.gcBgMarkWorker
-----------+-------------------------------------------------------
      20ms   somebody.else
`))
	if err != nil {
		t.Fatal(err)
	}
	want := shares{
		"receive (HTTP, kernel's copy included)": 30 * time.Millisecond, "zstd: compress": 10 * time.Millisecond,
		"garbage collector": 1200 * time.Millisecond, otherWork: 20 * time.Millisecond,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := sharesOfTraces([]byte("File: bench\n")); err == nil {
		t.Error("a profile without samples has shares")
	}
}

func TestWhatAProcessTookIsThatOfTheLatestSample(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	p := &process{began: at(1), samples: []sample{{at: at(2), cpu: 1}, {at: at(4), cpu: 3}}}
	for s, want := range map[int]time.Duration{1: 0, 2: 1, 3: 1, 4: 3, 9: 3} {
		if got := p.at(at(s)).cpu; got != want {
			t.Errorf("at %d s: %d, want %d", s, got, want)
		}
	}
}

// timelineOf is one move a second.
func timelineOf(at func(int) time.Time, states ...string) (timeline []store.Entry) {
	for n, s := range states {
		timeline = append(timeline, store.Entry{At: at(n), Detail: s})
	}
	return timeline
}
