package bulkdata

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAPaceGrowsToItsBoundWithJitter(t *testing.T) {
	t.Attr("shows", "BD-067 P1")
	steady := Pace{First: 10 * time.Second, Longest: time.Minute, Factor: 2, Jitter: -1}
	var got []time.Duration
	for asked := range 5 {
		got = append(got, steady.Wait(asked, 0, RetryAfter{}))
	}
	want := []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	seen := map[time.Duration]bool{}
	for range 50 {
		wait := Pace{}.Wait(0, 0, RetryAfter{})
		if wait < 10*time.Second || wait > 11*time.Second {
			t.Errorf("the default's first wait is %v", wait)
		}
		seen[wait] = true
	}
	if len(seen) < 2 {
		t.Error("there is no jitter")
	}
	if wait := steady.Wait(100_000, 100_000, RetryAfter{}); wait != time.Minute {
		t.Errorf("after very many: %v", wait)
	}
}

// polled asks for a status until it is complete, at a pace, and gives the times
// between the answers. The answers come one after another.
func polled(t *testing.T, pace Pace, answers ...*http.Response) (gaps []time.Duration) {
	t.Helper()
	var last time.Time
	c := clientOf(t, func(*http.Request) (*http.Response, error) {
		if !last.IsZero() {
			gaps = append(gaps, time.Since(last))
		}
		last = time.Now()
		answer := answers[0]
		answers = answers[1:]
		return answer, nil
	}, nil)
	for asked, tooOften := 0, 0; ; {
		s, err := c.Status(t.Context(), statusURL)
		told := RetryAfter{}
		e, failed := errors.AsType[*StatusError](err)
		switch {
		case failed && Temporary(err):
			told = e.RetryAfter
			if e.Status == http.StatusTooManyRequests {
				tooOften++
			}
		case err != nil:
			t.Fatal(err)
		case s.State == Complete:
			return gaps
		default:
			told = s.RetryAfter
		}
		wait := pace.Wait(asked, tooOften, told)
		if !told.Given {
			asked++
		}
		<-time.After(wait)
	}
}

func TestPollingWaitsAtLeastAsLongAsTold(t *testing.T) {
	t.Attr("shows", "BD-068 BD-069 P2 P3 P4")
	synctest.Test(t, func(t *testing.T) {
		date := func(in time.Duration) string { return time.Now().Add(in).UTC().Format(http.TimeFormat) }
		now := date(0)
		gaps := polled(t, Pace{First: 10 * time.Second, Jitter: -1},
			reply(202, "", "Retry-After", "120"),
			reply(202, "", "Retry-After", "18000"),
			reply(429, "", "Retry-After", "7"),
			reply(503, "", "Retry-After", "400"),
			reply(202, "", "Retry-After", "0"),
			reply(202, "", "Retry-After", date(-time.Hour)),
			reply(202, "", "Retry-After", date(time.Minute), "Date", now),
			reply(202, "", "Retry-After", "soon"),
			reply(202, "", "Retry-After", "1767323045"),
			reply(200, wholeManifest))
		want := []time.Duration{
			2 * time.Minute, 5 * time.Hour, 7 * time.Second, 400 * time.Second, time.Second, time.Second,
			time.Minute, 20 * time.Second, 40 * time.Second,
		}
		if diff := cmp.Diff(want, gaps); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTooManyRequestsOnlySlowThePollingDown(t *testing.T) {
	t.Attr("shows", "BD-072 P4")
	synctest.Test(t, func(t *testing.T) {
		gaps := polled(t, Pace{First: 10 * time.Second, Longest: time.Hour, Factor: 1, Jitter: -1},
			reply(429, outcomeOf("throttled")), reply(429, ""), reply(429, "<html>"), reply(202, ""), reply(200, wholeManifest))
		want := []time.Duration{20 * time.Second, 40 * time.Second, 80 * time.Second, 80 * time.Second}
		if diff := cmp.Diff(want, gaps); diff != "" {
			t.Error(diff)
		}
	})
}

func TestATransientFailureOfAPollIsNoFailureOfTheExport(t *testing.T) {
	t.Attr("shows", "BD-082 BD-084 P6 P13")
	synctest.Test(t, func(t *testing.T) {
		polled(t, Pace{}, reply(500, outcomeOf("timeout")), reply(500, outcomeOf("lock-error")),
			reply(500, outcomeOf("no-store")), reply(500, outcomeOf("exception")), reply(404, outcomeOf("incomplete")),
			reply(400, outcomeOf("throttled")), reply(500, outcomeOf("transient")),
			reply(502, "<html>"), reply(503, "<html>"), reply(504, ""), reply(202, ""), reply(200, wholeManifest))
	})
}
