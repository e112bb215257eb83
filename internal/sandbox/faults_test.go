package sandbox

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// faulty starts an open practice with one fault.
func withFault(t *testing.T, f Fault) (*PracticeServer, *caller) {
	t.Helper()
	k := quick(Standard())
	k.FilesPer = 5
	k.Faults = []Fault{f}
	srv, c := play(t, Config{Practices: []Practice{openPractice(k)}})
	return srv.Practice("open"), c
}

func TestDownloadsFailAfterSoManyFiles(t *testing.T) {
	p, c := withFault(t, Fault{On: KindFile, After: 2, Do: ActionStatus, Status: 503})
	m := c.wait(c.kickoff(p.Base(), "/$export"))
	for i, item := range m.Output {
		want := 200
		if i >= 2 {
			want = 503
		}
		c.get(item.URL, want)
	}
	p.Set(func(k *Knobs) { k.Faults = nil })
	c.get(m.Output[2].URL, 200)
}

func TestDownloadsBreakAtAByte(t *testing.T) {
	for action, check := range map[Action]func(*testing.T, reply){
		ActionReset: func(t *testing.T, r reply) {
			if !errors.Is(r.err, syscall.ECONNRESET) && !errors.Is(r.err, io.ErrUnexpectedEOF) {
				t.Errorf("reset: error %v", r.err)
			}
		},
		ActionTruncate: func(t *testing.T, r reply) {
			if r.err != nil {
				t.Errorf("truncate: error %v, want a body that looks whole", r.err)
			}
		},
	} {
		p, c := withFault(t, Fault{On: KindFile, Type: "Observation", Times: 1, AtByte: 200, Do: action})
		m := c.wait(c.kickoff(p.Base(), "/$export?_type=Observation"))
		r, err := c.do(http.MethodGet, m.Output[0].URL, nil)
		if err != nil {
			t.Fatalf("%s: %v", action, err)
		}
		if len(r.body) > 200 || (action == ActionTruncate && len(r.body) != 200) {
			t.Errorf("%s: %d bytes, want 200", action, len(r.body))
		}
		check(t, r)
		if whole := c.get(m.Output[0].URL, 200); !strings.HasPrefix(string(whole.body), string(r.body)) || len(whole.body) <= 200 {
			t.Errorf("%s: the second try is not the whole file", action)
		}
	}
}

func TestAResetBeforeTheAnswerIsATransportError(t *testing.T) {
	p, c := withFault(t, Fault{On: KindKickoff, Times: 1, Do: ActionReset})
	c.http.Transport.(*http.Transport).DisableKeepAlives = true // or the client tries again by itself
	if _, err := c.do(http.MethodGet, p.Base()+"/$export", asyncHeaders); err == nil {
		t.Error("an answer came")
	}
	if n := len(p.exports); n != 0 {
		t.Errorf("%d exports run", n)
	}
}

func TestALostKickoffRunsAllTheSame(t *testing.T) {
	k := quick(ECW())
	k.Stuck = true
	k.Faults = []Fault{{On: KindKickoff, Times: 1, Do: ActionLost}}
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(k)}})
	base := srv.Practice("ABCDEF").Base()
	c.login(base, ecwScope)
	c.http.Transport.(*http.Transport).DisableKeepAlives = true
	if _, err := c.do(http.MethodGet, groupExport(base), asyncHeaders); err == nil {
		t.Fatal("an answer came")
	}
	if r := c.send(http.MethodGet, groupExport(base), asyncHeaders, 200); r.outcome() != "duplicate" {
		t.Errorf("second kick-off: %s", r.body)
	}
	lost := srv.Requests("ABCDEF")
	for _, q := range lost {
		if q.Kind == KindKickoff && q.Fault == ActionLost && q.Status != 0 {
			t.Errorf("a lost answer is recorded as %d", q.Status)
		}
	}
}

// untilPending waits until n requests to code are being answered.
func untilPending(srv *Server, code string, n int) {
	for {
		more := srv.More()
		if srv.Pending(code) == n {
			return
		}
		<-more
	}
}

func TestAHangingPracticeLetsGoWhenEitherSideEnds(t *testing.T) {
	for kind, path := range map[Kind]string{
		KindKickoff: "/$export", KindPoll: "/$export-poll-location?job_id=x",
		KindFile: "/bulkdata/download?job_id=x&file_name=y", "": "/metadata",
	} {
		p, c := withFault(t, Fault{On: kind, Do: ActionHang})
		for _, end := range []func(context.CancelFunc){func(cancel context.CancelFunc) { cancel() }, func(context.CancelFunc) { p.s.Close() }} {
			ctx, cancel := context.WithCancel(t.Context())
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Base()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			hung := make(chan error, 1)
			go func() {
				resp, err := c.http.Do(req)
				if err == nil {
					resp.Body.Close()
				}
				hung <- err
			}()
			untilPending(p.s, "open", 1)
			end(cancel)
			if err := <-hung; err == nil {
				t.Errorf("%q: an answer came", kind)
			}
			untilPending(p.s, "open", 0)
			cancel()
		}
	}
}

func TestATokenEndpointOfOneFailsAlone(t *testing.T) {
	bad, good := ecwPractice(quick(ECW())), ecwPractice(quick(ECW()))
	good.Code = "GHIJKL"
	bad.Knobs.OwnToken = true
	bad.Knobs.Token.Faults = []Fault{{Do: ActionStatus}}
	srv, c := play(t, Config{Practices: []Practice{bad, good}})
	c.login(srv.Practice("GHIJKL").Base(), ecwScope)
	endpoint := srv.Summary().Practices[0].Token
	if r := c.ask(endpoint, sign(t, rs384(), honest(endpoint)), ecwScope); r.StatusCode != 500 {
		t.Errorf("status %d, want 500", r.StatusCode)
	}
	srv.Practice("ABCDEF").Set(func(k *Knobs) { k.Token.Faults = nil })
	c.token = ""
	c.login(srv.Practice("ABCDEF").Base(), ecwScope)
	c.get(srv.Practice("ABCDEF").Base()+"/Group", 200)
}

func TestSharedTokenEndpointHasKnobs(t *testing.T) {
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(quick(ECW()))}})
	srv.SetToken(func(k *TokenKnobs) {
		k.Faults = []Fault{{Do: ActionStatus, Status: 502, Times: 1}}
		k.BadScope = "invalid_scope"
	})
	endpoint := srv.Summary().Token
	if r := c.ask(endpoint, sign(t, rs384(), honest(endpoint)), ecwScope); r.StatusCode != 502 {
		t.Errorf("status %d, want 502", r.StatusCode)
	}
	if r := c.ask(endpoint, sign(t, rs384(), honest(endpoint)), "system/Nothing.read"); oauthCode(t, r) != "invalid_scope" {
		t.Errorf("body %s", r.body)
	}
}

func TestEverythingFailsAndGoneIs404(t *testing.T) {
	p, c := withFault(t, Fault{Do: ActionStatus})
	c.get(p.Base()+"/metadata", 500)
	c.get(p.Base()+"/$export", 500)
	p.Set(func(k *Knobs) { k.Faults = []Fault{{On: KindPoll, After: 1, Do: ActionGone}}; k.Stuck = true })
	status := c.kickoff(p.Base(), "/$export")
	c.get(status, 202)
	c.get(status, 404)
}
