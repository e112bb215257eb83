package sandbox

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// struck says, request by request, whether a fault happens; pause is how long
// the sandbox's time goes on between two requests.
func struck(t *testing.T, fault Fault, scale float64, pause time.Duration) string {
	t.Helper()
	var hits strings.Builder
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{clock: newClock(scale, time.Time{})}
		f.set([]Fault{fault})
		for range 12 {
			_, ok := f.next(asked{kind: KindPoll})
			hits.WriteByte(".x"[map[bool]int{true: 1}[ok]])
			<-time.After(f.clock.real(pause)) // the bubble's time, not ours
		}
	})
	return hits.String()
}

func TestFaultsHaveAPlaceInTime(t *testing.T) {
	for name, tc := range map[string]struct {
		fault Fault
		want  string
	}{
		"the third poll":            {Fault{After: 2, Times: 1}, "..x........."},
		"every third":               {Fault{Every: 3}, "x..x..x..x.."},
		"every third after two":     {Fault{After: 2, Every: 3, Times: 6}, "..x..x......"},
		"for 90 s":                  {Fault{For: 90 * time.Second}, "xxxxxxxxx..."},
		"after 30 s for 20 s":       {Fault{From: 30 * time.Second, For: 20 * time.Second}, "...xx......."},
		"from the server's start":   {Fault{From: 100 * time.Second, Clock: FromStart}, "..........xx"},
		"with a probability":        {Fault{P: 0.5, Seed: 7}, "...x.x...x.."},
		"the same seed, the same":   {Fault{P: 0.5, Seed: 7}, "...x.x...x.."},
		"another seed, another":     {Fault{P: 0.5, Seed: 8}, ""},
		"requests of another kind":  {Fault{On: KindFile}, "............"},
		"a file that is not it":     {Fault{FileNo: 2}, "............"},
		"certain":                   {Fault{P: 1}, "xxxxxxxxxxxx"},
		"two times, and in no time": {Fault{Times: 2, From: time.Hour}, "............"},
	} {
		for _, scale := range []float64{1, 60} {
			if got := struck(t, tc.fault, scale, 10*time.Second); tc.want != "" && got != tc.want {
				t.Errorf("%s at %v: %s, want %s", name, scale, got, tc.want)
			}
		}
	}
	if struck(t, Fault{P: 0.5, Seed: 7}, 1, 0) == struck(t, Fault{P: 0.5, Seed: 8}, 1, 0) {
		t.Error("two seeds draw the same requests")
	}
}

func TestAFaultMeetsAFileByItsPlace(t *testing.T) {
	p, c := withFault(t, Fault{On: KindFile, FileNo: 2, AtByte: 150, Do: ActionTruncate})
	m := c.wait(c.kickoff(p.Base(), "/$export"))
	for i, item := range m.Output[:4] {
		if r := c.get(item.URL, 200); (len(r.body) == 150) != (i == 1) {
			t.Errorf("file %d: %d bytes", i+1, len(r.body))
		}
	}
}

func TestAnswersAreGarbageOrAPage(t *testing.T) {
	p, c := withFault(t, Fault{On: KindMetadata, Times: 1, Do: ActionGarbage})
	if r := c.get(p.Base()+"/metadata", 200); bytes.Contains(r.body, []byte("CapabilityStatement")) || len(r.body) == 0 {
		t.Errorf("body %q", r.body)
	}
	c.get(p.Base()+"/metadata", 200)
	p.Set(func(k *Knobs) {
		k.Faults = []Fault{{On: KindPoll, Do: ActionHTML}, {On: KindSMART, Do: ActionHTML, Status: 200}}
	})
	if r := c.get(c.kickoff(p.Base(), "/$export"), 502); !bytes.Contains(r.body, []byte("<html>")) {
		t.Errorf("body %s", r.body)
	}
}

func TestLengthsAreWrong(t *testing.T) {
	p, c := withFault(t, Fault{On: KindFile, Times: 1, Do: ActionWrongLength})
	u := c.wait(c.kickoff(p.Base(), "/$export?_type=Patient")).Output[0].URL
	r, err := c.do(http.MethodGet, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	whole := c.get(u, 200)
	if !errors.Is(r.err, io.ErrUnexpectedEOF) || !bytes.Equal(r.body, whole.body) {
		t.Errorf("error %v after %d bytes, want one after %d", r.err, len(r.body), len(whole.body))
	}
	p.Set(func(k *Knobs) { k.Faults = []Fault{{On: KindFile, Do: ActionWrongLength, AtByte: 70}} })
	if r := c.get(u, 200); r.ContentLength != 70 || !bytes.Equal(r.body, whole.body[:70]) {
		t.Errorf("Content-Length %d, %d bytes, want 70", r.ContentLength, len(r.body))
	}
}

// arrivals notes when the bytes of an answer come, in a bubble.
type arrivals struct {
	http.ResponseWriter
	start  time.Time
	header http.Header
	at     []time.Duration
	sizes  []int
}

func (w *arrivals) Header() http.Header { return w.header }
func (w *arrivals) WriteHeader(int)     {}
func (w *arrivals) Write(b []byte) (int, error) {
	w.at, w.sizes = append(w.at, time.Since(w.start)), append(w.sizes, len(b))
	return len(b), nil
}

func TestBodiesTrickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tc := range []struct {
			fault Fault
			size  int
			took  time.Duration
		}{
			{Fault{Do: ActionStall, AtByte: 4, Pace: time.Second}, 10, 6 * time.Second},
			{Fault{Do: ActionSlow, Rate: 1000}, 5000, 5 * time.Second},
			{Fault{Do: ActionSlow, Rate: 3}, 6, 2 * time.Second},
		} {
			w := &arrivals{start: time.Now(), header: http.Header{}}
			a := &answer{ResponseWriter: w, ctx: t.Context()}
			suffer(a, tc.fault, func() { a.Write(make([]byte, tc.size)) })
			if took := time.Since(w.start); took.Round(time.Millisecond) != tc.took || a.sent != int64(tc.size) {
				t.Errorf("%s: %d bytes took %v, want %v", tc.fault.Do, a.sent, took, tc.took)
			}
		}
	})
}

func TestFaultsMeetTokensAndAttachments(t *testing.T) {
	k := quick(ECW())
	k.OwnToken = true
	k.Faults = []Fault{{On: KindToken, Times: 1, Do: ActionStatus, Status: 503}, {On: KindAttachment, Do: ActionStatus, Status: 418}}
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(k)}})
	base := srv.Practice("ABCDEF").Base()
	endpoint := srv.Summary().Practices[0].Token
	if r := c.ask(endpoint, sign(t, rs384(), honest(endpoint)), ecwScope); r.StatusCode != 503 {
		t.Errorf("status %d, want 503", r.StatusCode)
	}
	c.login(base, ecwScope)
	c.get(base+"/Binary/x", 418)
	c.get(base+"/metadata", 200)
}
