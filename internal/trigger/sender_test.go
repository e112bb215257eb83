package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/secret"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A callee is the other end of call-backs, without a network.
type callee struct {
	mu     sync.Mutex
	does   func(r *http.Request) (*http.Response, error)
	got    []string // deliveries that were taken
	tries  int
	bodies []string
	bad    int // that were not signed
}

func (c *callee) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.tries++
	does := c.does
	c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if does != nil {
		return does(r)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id, err := Verify(secret.New("thirty-two bytes of a test's own"), r.Header, body, time.Now())
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		c.bad++
	}
	c.got, c.bodies = append(c.got, id), append(c.bodies, string(body))
	return answered(http.StatusNoContent, http.NoBody), nil
}

func answered(status int, body io.ReadCloser) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: body}
}

func (c *callee) set(does func(r *http.Request) (*http.Response, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.does = does
}

func (d *desk) sender(ways map[bool]http.RoundTripper) *Sender {
	return &Sender{
		Store: d.store, Config: d.keeper.o.Config, Log: slog.New(slog.NewTextHandler(d.Output(), nil)),
		Way: func(here bool) http.RoundTripper { return ways[here] },
	}
}

// ended makes a request of a practice with a call-back, whose export ends.
func (d *desk) ended(tenant, callback string) string {
	d.Helper()
	id := d.insert(tenant, "callback", callback, "reference", "n-1")
	d.catchUp()
	x := d.request(tenant, id).Export
	d.finish(tenant, x, nil)
	d.catchUp()
	return x
}

// pass lets time pass as the engine's tick does, and sends what is due.
func (d *desk) pass(s *Sender, how time.Duration) {
	d.Helper()
	for end := time.Now().Add(how); ; {
		if err := s.SendDue(d.Context()); err != nil {
			d.Fatal(err)
		}
		next, err := d.store.NextCallback(d.Context())
		if err != nil {
			d.Fatal(err)
		}
		if next.IsZero() || next.After(end) {
			<-time.After(time.Until(end))
			return
		}
		<-time.After(time.Until(next))
	}
}

// bubble runs f in simulated time with a desk that was made in it.
func bubble(t *testing.T, practices int, f func(d *desk)) {
	t.Helper()
	t.Setenv("MIRTH_SECRET", "thirty-two bytes of a test's own")
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, practices)
		f(d)
		d.store.Close()
	})
}

func TestTheEndOfAnExportIsToldWithCountsAndReference(t *testing.T) {
	d := newDesk(t, 1)
	d.config.Web.Listen, d.config.Web.URL = "127.0.0.1:8080", "https://bulkhead.example/"
	id := d.insert("p0", "callback", "https://mirth.example/done/night", "reference", "n-1")
	d.catchUp()
	x := d.request("p0", id).Export
	err := d.store.In("p0").Do(t.Context(), func(tx *store.Tx) error {
		known, err := tx.Export(x)
		if err != nil {
			return err
		}
		var files []store.File
		for i, name := range []string{"Patient", "Observation", "Observation"} {
			files = append(files, store.File{Name: fmt.Sprintf("0-output-%d-%s", i, name), Position: int64(i), Section: "output", ResourceType: name, URL: "https://ehr.example/f?secret=x"})
		}
		return tx.ListFiles(&known, 0, files)
	})
	if err != nil {
		t.Fatal(err)
	}
	d.finish("p0", x, nil)
	d.catchUp()
	d.catchUp()
	c := &callee{}
	if err := d.sender(map[bool]http.RoundTripper{false: c}).SendDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(c.bodies) != 2 || c.bad > 0 { // lake is told of all of p0
		t.Fatalf("%d call-backs, %d badly signed", len(c.bodies), c.bad)
	}
	var m Message
	if err := json.Unmarshal([]byte(c.bodies[0]), &m); err != nil {
		t.Fatal(err)
	}
	want := Told{
		Tenant: "p0", Export: x, State: "completed", Mode: "incremental", Purpose: "delivery", Request: id, Reference: "n-1", RequestedBy: "table:mirth",
		RequestedAt: m.Data.RequestedAt, EndedAt: m.Data.EndedAt,
		Types: []TypeTold{{Type: "Observation", Section: "output", Files: 2}, {Type: "Patient", Section: "output", Files: 1}},
		Links: &Links{Page: "https://bulkhead.example/practices/p0/exports/" + x, API: "https://bulkhead.example/api/v1/practices/p0/exports/" + x},
	}
	if diff := cmp.Diff(want, m.Data); diff != "" || m.Type != "export.completed" || m.Data.EndedAt == nil {
		t.Errorf("%s: %s", m.Type, diff)
	}
	if strings.Contains(c.bodies[0], "secret") || strings.Contains(c.bodies[1], "n-1") || !strings.Contains(c.bodies[1], `"tenant":"p0"`) {
		t.Errorf("told: %v", c.bodies)
	}
	if n := len(d.calls("p0", x)); n != 2 {
		t.Errorf("%d call-backs are recorded", n)
	}
}

func TestOthersAreNotToldOfAPracticeThatIsNotTheirs(t *testing.T) {
	d := newDesk(t, 2)
	x := d.ended("p1", "mirth")
	if calls := d.calls("p1", x); len(calls) != 1 || calls[0].Target != "mirth" {
		t.Errorf("call-backs: %+v", calls)
	}
}

func TestAnEndIsWrittenOnceWheneverTheProcessEnds(t *testing.T) {
	t.Attr("fault", "step: the process ends while the end of an export is told -> recorded once, delivered")
	for _, at := range []string{"end: written", "end: committed"} {
		t.Run(at, func(t *testing.T) {
			d := newDesk(t, 1)
			id := d.insert("p0", "callback", "mirth")
			d.catchUp()
			x := d.request("p0", id).Export
			d.finish("p0", x, nil)
			d.dies(at)
			if err := d.keeper.CatchUp(t.Context()); !errors.Is(err, errDied) {
				t.Fatalf("it did not end there: %v", err)
			}
			d.restart()
			d.catchUp()
			if calls := d.calls("p0", x); len(calls) != 2 {
				t.Errorf("call-backs: %+v", calls)
			}
		})
	}
}

func TestACalleeThatIsDownForHoursIsToldAllOfIt(t *testing.T) {
	t.Attr("fault", "network: the callee of call-backs does not answer for five hours -> each end is told once it is back, in an hour at most")
	bubble(t, 5, func(d *desk) {
		c := &callee{does: func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED }}
		s := d.sender(map[bool]http.RoundTripper{false: c})
		want := map[string]bool{}
		for i := range 4 {
			tenant := fmt.Sprint("p", i+1)
			for _, call := range d.calls(tenant, d.ended(tenant, "mirth")) {
				want[call.Delivery] = true
			}
			d.pass(s, time.Hour)
		}
		d.pass(s, time.Hour)
		down := c.tries
		if len(c.got) > 0 || down > 60 {
			d.Errorf("%d were taken, %d tries", len(c.got), down)
		}
		c.set(nil)
		d.pass(s, 61*time.Minute)
		for _, id := range c.got {
			if !want[id] {
				d.Errorf("%s came twice, or was never sent", id)
			}
			delete(want, id)
		}
		if len(want) > 0 || c.bad > 0 {
			d.Errorf("%d never came, %d badly signed", len(want), c.bad)
		}
		if list, err := d.store.NotCalledBack(d.Context(), time.Now().Add(-48*time.Hour)); err != nil || len(list) != 0 {
			d.Errorf("not called back: %+v, %v", list, err)
		}
	})
}

func TestACalleeThatIsDownForADayIsGivenUp(t *testing.T) {
	t.Attr("fault", "network: the callee of call-backs does not answer for more than a day -> given up, on record and in the alerts; others are told")
	bubble(t, 2, func(d *desk) {
		dead := &callee{does: func(*http.Request) (*http.Response, error) {
			return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
		}}
		s := d.sender(map[bool]http.RoundTripper{false: dead})
		x := d.ended("p1", "mirth")
		d.pass(s, 12*time.Hour)
		list, err := d.store.NotCalledBack(d.Context(), time.Now().Add(-48*time.Hour))
		if err != nil || len(list) != 1 || list[0].Target != "mirth" || list[0].GivenUp != 0 || list[0].Why != "its name does not resolve" {
			d.Errorf("after half a day: %+v, %v", list, err)
		}
		d.pass(s, 13*time.Hour)
		c := d.calls("p1", x)[0]
		if c.GivenUpAt.IsZero() || c.GivenUpAt.Sub(c.MadeAt) < 22*time.Hour || !c.SentAt.IsZero() {
			d.Errorf("call-back = %+v", c)
		}
		dead.set(nil)
		d.pass(s, 48*time.Hour)
		if len(dead.got) != 0 {
			d.Error("what was given up is sent")
		}
	})
}

func TestHostileCalleesHoldUpNothing(t *testing.T) {
	t.Attr("fault", "hostile: callees never answer, answer without end, redirect to the machine's own link -> bounded, nothing is followed, others are told")
	forever := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	}
	endless := func(*http.Request) (*http.Response, error) {
		return answered(http.StatusOK, io.NopCloser(zeros{})), nil
	}
	redirect := func(*http.Request) (*http.Response, error) {
		a := answered(http.StatusTemporaryRedirect, http.NoBody)
		a.Header.Set("Location", "http://169.254.169.254/latest/meta-data")
		return a, nil
	}
	slow := func(r *http.Request) (*http.Response, error) {
		return answered(http.StatusOK, drip{r.Context()}), nil
	}
	for name, c := range map[string]struct {
		does func(*http.Request) (*http.Response, error)
		sent bool
		why  string
	}{
		"never answers": {forever, false, "it did not answer in time"}, "answers without end": {endless, true, ""}, "answers by drops": {slow, true, ""},
		"redirects": {redirect, false, "it answered 307; no redirect is followed"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 2, func(d *desk) {
				hostile, other := &callee{does: c.does}, &callee{}
				d.config.Callbacks[1].Tenants, d.config.Callbacks[1].URL = nil, "http://127.0.0.1:9/"
				s := d.sender(map[bool]http.RoundTripper{false: hostile, true: other})
				x := d.ended("p1", "mirth")
				began := time.Now()
				if err := s.SendDue(d.Context()); err != nil {
					d.Fatal(err)
				}
				if took := time.Since(began); took > patience+time.Second {
					d.Errorf("it took %v", took)
				}
				if len(other.got) != 1 || hostile.tries != 1 {
					d.Errorf("the other was told %d times, the hostile one tried %d", len(other.got), hostile.tries)
				}
				for _, call := range d.calls("p1", x) {
					if call.Target == "mirth" && (call.SentAt.IsZero() == c.sent || call.LastError != c.why) {
						d.Errorf("call-back = %+v", call)
					}
				}
			})
		})
	}
}

// zeros is an answer without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// drip is an answer of a byte a second.
type drip struct{ ctx context.Context }

func (d drip) Read(p []byte) (int, error) {
	select {
	case <-d.ctx.Done():
		return 0, context.Cause(d.ctx)
	case <-time.After(time.Second):
		p[0] = 'x'
		return 1, nil
	}
}

func (drip) Close() error { return nil }

func TestACallBackThatIsNoLongerAllowedIsNotSent(t *testing.T) {
	d := newDesk(t, 2)
	x := d.ended("p1", "https://mirth.example/done/x")
	d.config.Callbacks[0].URL = "https://mirth.example/elsewhere"
	c := &callee{}
	if err := d.sender(map[bool]http.RoundTripper{false: c}).SendDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if call := d.calls("p1", x)[0]; c.tries > 0 || call.GivenUpAt.IsZero() || call.LastError != "the configuration no longer allows it" {
		t.Errorf("%d tries, %+v", c.tries, call)
	}
}

func TestOneWrongAddressDoesNotSilenceItsCallee(t *testing.T) {
	d := newDesk(t, 3)
	c := &callee{}
	c.does = func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/wrong") {
			return answered(http.StatusNotFound, http.NoBody), nil
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.got = append(c.got, r.URL.Path)
		return answered(http.StatusOK, http.NoBody), nil
	}
	d.ended("p1", "https://mirth.example/done/wrong")
	d.ended("p2", "https://mirth.example/done/right")
	if err := d.sender(map[bool]http.RoundTripper{false: c}).SendDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/done/right"}, c.got); diff != "" || c.tries != 2 {
		t.Errorf("%d tries: %s", c.tries, diff)
	}
}
