package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A pager plays PagerDuty's Events API v2: it keeps which incidents are open.
type pager struct {
	server *httptest.Server
	open   map[string]string // summary and severity, by name
	begun  int
}

func newPager(t *testing.T) *pager {
	t.Helper()
	p := &pager{open: map[string]string{}}
	p.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var event struct {
			RoutingKey string `json:"routing_key"`
			Action     string `json:"event_action"`
			Name       string `json:"dedup_key"`
			Payload    struct{ Summary, Severity string }
		}
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil || r.URL.Path != "/v2/enqueue" || event.Name == "" || len(event.RoutingKey) != 32 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		switch event.Action {
		case "trigger":
			p.begun++
			p.open[event.Name] = event.Payload.Severity + " " + event.Payload.Summary
		case "resolve":
			delete(p.open, event.Name)
		}
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, `{"status":"success"}`)
	}))
	t.Cleanup(p.server.Close)
	return p
}

// tell is Post to the pager.
func (p *pager) tell(ctx context.Context, n store.Notice) error {
	address := "pagerduty://" + strings.TrimPrefix(p.server.URL, "https://") + "/0123456789abcdef0123456789abcdef"
	service, err := (&router.ServiceRouter{}).Locate(address)
	if err != nil {
		return err
	}
	service.(interface{ SetHTTPClient(c *http.Client) }).SetHTTPClient(p.server.Client())
	return call(ctx, service, eventsOf(schemeOf(address), n))
}

func TestAPagersIncidentEndsWhenAllOfItIsOverAndRecoveryWakesNobody(t *testing.T) {
	var told []store.Notice
	run(t, 3, ", stale_after: 60d", "", func(w *world) {
		w.sender.deliver = func(_ context.Context, _ config.AlertRoute, n store.Notice) error {
			told = append(told, n)
			return nil
		}
		for i := range 3 {
			w.nightly(fmt.Sprint("p", i+1))
		}
		w.fails("p1", unreachable)
		w.fails("p2", unreachable)
		w.pass(time.Hour, 5*time.Minute) // one message of both
		w.fails("p3", unreachable)
		w.pass(5*time.Hour, 10*time.Minute) // another
		w.nightly("p1")
		w.pass(5*time.Hour, 10*time.Minute)
		w.nightly("p3")
		w.pass(5*time.Hour, 10*time.Minute)
		w.nightly("p2")
		w.pass(5*time.Hour, 10*time.Minute)
	})
	p := newPager(t)
	var standing []string
	for _, n := range told {
		if err := p.tell(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		standing = append(standing, fmt.Sprint(len(p.open)))
	}
	if got, want := strings.Join(standing, " "), "1 2 2 1 0"; got != want || p.begun != 2 {
		t.Errorf("open incidents after each message: %s, want %s; %d were begun", got, want, p.begun)
	}
}

func TestAPagerGetsSeverityAndTheLedgersOwnIncidentEndsToo(t *testing.T) {
	t.Parallel()
	p, r := newPager(t), &routes{list: []config.AlertRoute{{Name: "night", Severity: config.SeverityInfo}}}
	for _, turn := range []store.Turn{store.Opened, store.Over} {
		for _, n := range direct(time.Now(), ledgerAlert(nil, noon, time.Time{}), turn, r) {
			if err := p.tell(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if turn == store.Opened {
			for name, text := range p.open {
				if !strings.HasPrefix(text, "critical [bulkhead] critical: the ledger") || !strings.HasPrefix(name, "bulkhead-ledger-") {
					t.Errorf("%s: %s", name, text)
				}
			}
		}
	}
	if len(p.open) != 0 || p.begun != 1 {
		t.Errorf("open: %v of %d", p.open, p.begun)
	}
}

type hanging struct{ types.Service }

func (hanging) Send(string, *types.Params) error {
	<-time.After(time.Hour)
	return nil
}

func TestAServiceThatHangsIsWaitedForForTenSecondsAndLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := call(t.Context(), hanging{}, make([]event, 3)); !errors.Is(err, errSilent) || time.Since(began) != within {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		<-time.After(2 * time.Hour) // what still waited has ended, or the bubble says so
	})
}
