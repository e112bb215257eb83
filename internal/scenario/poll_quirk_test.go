package scenario_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// pollTimes are when the server was asked for the status.
func pollTimes(w *scenario.World) []time.Time {
	var times []time.Time
	for _, r := range w.Requests() {
		if r.Kind == sandbox.KindPoll {
			times = append(times, r.At)
		}
	}
	return times
}

// gaps are the times between polls, the shortest and the longest.
func gaps(times []time.Time) (shortest, longest time.Duration) {
	for i := 1; i < len(times); i++ {
		gap := times[i].Sub(times[i-1])
		if shortest == 0 || gap < shortest {
			shortest = gap
		}
		longest = max(longest, gap)
	}
	return shortest, longest
}

func TestAServerThatDoesNotSayWhenIsPolledAtOurOwnPace(t *testing.T) {
	t.Attr("fault", "server: 202 without Retry-After -> own pace, complete")
	t.Attr("shows", "P1 BD-067")
	scenario.Run(t, vendor("standard", "retryAfter: none\ntakes: 2h"), func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		times := pollTimes(w)
		shortest, longest := gaps(times)
		if shortest < 5*time.Second || longest > 20*time.Minute || len(times) > 100 {
			t.Errorf("%d polls, %v to %v apart", len(times), shortest, longest)
		}
		if longest < 2*shortest {
			t.Errorf("the polls do not become rarer: %v to %v apart", shortest, longest)
		}
	})
}

func TestAServerThatSaysADateIsPolledThen(t *testing.T) {
	t.Attr("fault", "server: 202 with Retry-After as a date -> polled then, complete")
	t.Attr("shows", "P2 BD-069")
	spec := scenario.Spec{Tenant: scenario.Tenant{Knobs: func(k *sandbox.Knobs) {
		k.Takes, k.RetryAfter, k.RetryText = time.Hour, 10*time.Minute, "date"
	}}}
	scenario.Run(t, spec, func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		if shortest, longest := gaps(pollTimes(w)); shortest < 599*time.Second || longest > 11*time.Minute {
			t.Errorf("polls %v to %v apart, told every ten minutes", shortest, longest)
		}
	})
}

func TestAHugeWaitThatIsMeantIsWaited(t *testing.T) {
	t.Attr("fault", "server: 202 with Retry-After of five hours -> waited, complete")
	t.Attr("shows", "P3 BD-068")
	scenario.Run(t, vendor("standard", "retryAfter: '18000'\ntakes: 11h"), func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		if n := w.Count(sandbox.KindPoll); n < 3 || n > 4 {
			t.Errorf("%d polls in eleven hours, told every five", n)
		}
	})
}

func TestAWaitThatIsNonsenseIsNeitherWaitedNorIgnored(t *testing.T) {
	t.Attr("fault", "server: 202 with a Retry-After that is nonsense: Unix seconds, Unix milliseconds, negative, a word -> own pace, complete")
	t.Attr("shows", "P3 BD-069")
	for _, told := range []string{"epoch", "epochms", "-5", "abc"} {
		scenario.Run(t, vendor("standard", "retryAfter: '"+told+"'\ntakes: 1h"), func(w *scenario.World) {
			began := time.Now()
			w.Want(w.Export(), life.Completed)
			shortest, longest := gaps(pollTimes(w))
			if n := w.Count(sandbox.KindPoll); n > 40 || shortest < 5*time.Second || longest > 30*time.Minute {
				t.Errorf("%s: %d polls, %v to %v apart", told, n, shortest, longest)
			}
			if took := time.Since(began); took > 90*time.Minute {
				t.Errorf("%s: an export of an hour took %v", told, took)
			}
		})
	}
}

func TestNoPollIsEarlyAlsoAfterARestart(t *testing.T) {
	t.Attr("shows", "P4 BD-068")
	spec := vendor("standard", "retryAfter: 600s\nminPoll: 595s\ntakes: 3h")
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Await(w.Request(w.Tenant().ID, export.Wish{By: "test"}), life.Polling)
		for range 4 {
			w.Pass(17 * time.Minute)
			w.Restart()
		}
		w.Want(w.Settle(x), life.Completed)
		for _, r := range w.Requests() {
			if r.Kind == sandbox.KindPoll && r.Status == http.StatusTooManyRequests {
				t.Error("the server found a poll too early")
			}
		}
		if n := seen(w).EarlyPolls; n != 0 {
			t.Errorf("%d early polls", n)
		}
	})
}

func TestAServerThatIsPolledTooOftenForItsTasteIsGivenTime(t *testing.T) {
	t.Attr("shows", "P4 BD-072")
	scenario.Run(t, vendor("standard", "retryAfter: 10s\nminPoll: 60s\ntakes: 30m"), func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
	})
}

func TestProgressIsFreeText(t *testing.T) {
	t.Attr("shows", "P5 BD-071")
	knobs := `
takes: 2h
retryAfter: 600s
progress: ["6% Completed", "50%", "in-progress", "In Progress (50%)", "Build in progress - Status set to BUILDING", "", "3%", "0", "almost done, honestly"]
`
	scenario.Run(t, vendor("standard", knobs), func(w *scenario.World) {
		x := w.Await(w.Request(w.Tenant().ID, export.Wish{By: "test"}), life.Polling)
		said := map[string]bool{}
		for range 11 {
			w.Pass(10 * time.Minute)
			said[w.Await(x, life.Polling, life.Completed).Progress] = true
		}
		w.Want(w.Settle(x), life.Completed)
		for _, want := range []string{"6%", "50%", "3%", "in-progress"} {
			if !said[want] {
				t.Errorf("the progress %q is not shown: %v", want, said)
			}
		}
	})
}

func TestAPollThatFailsIsNoFailedExport(t *testing.T) {
	t.Attr("fault", "server: polls are answered 503 -> polled on, complete")
	t.Attr("shows", "P6 BD-082")
	scenario.Run(t, vendor("standard", "transient: 3\ntakes: 10m\nretryAfter: 60s"), func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		if n := seen(w).EarlyPolls; n != 0 {
			t.Errorf("%d early polls", n)
		}
	})
}

func TestAFailedExportIsSaidToHaveFailed(t *testing.T) {
	t.Attr("shows", "P7 BD-080")
	for how, most := range map[string]int{"500": 4, "400": 4, "html": 100} {
		scenario.Run(t, vendor("standard", "fail: '"+how+"'\ntakes: 10m\nretryAfter: 300s"), func(w *scenario.World) {
			x := w.Export()
			w.Want(x, life.Failed)
			if p := w.Problem(x); p == nil || (p.Code != problem.ExportFailed && p.Code != problem.ServerFailing) {
				t.Errorf("%s: problem %v", how, p)
			}
			if n := w.Count(sandbox.KindPoll); n > most {
				t.Errorf("%s: %d polls", how, n)
			}
		})
	}
}

func TestAnExportThatTheVendorCancelledIsGone(t *testing.T) {
	t.Attr("fault", "server: the vendor cancels an export -> gone")
	t.Attr("shows", "P8 BD-086")
	for preset, gone := range map[string]string{"standard": "404", "firely": "410", "ecw": "202forever"} {
		scenario.Run(t, vendor(preset, "gone: '"+gone+"'\ntakes: 6h\nretryAfter: 600s"), func(w *scenario.World) {
			x := w.Await(w.Request(w.Tenant().ID, export.Wish{By: "test"}), life.Polling)
			w.Pass(time.Hour)
			if n := w.Practice().Cancel(); n != 1 {
				t.Fatalf("%d exports cancelled", n)
			}
			before := w.Count(sandbox.KindPoll)
			complains(t, w, w.Settle(x), life.Gone, problem.ExportGone)
			if n := w.Count(sandbox.KindPoll) - before; n > 3 {
				t.Errorf("%s: %d polls of an export that is gone", gone, n)
			}
		})
	}
}

func TestAnExportThatNeverEndsIsShownToAPerson(t *testing.T) {
	t.Attr("fault", "server: an export never ends -> failed with export_stuck")
	t.Attr("shows", "P9")
	spec := vendor("ecw", "stuck: true\nretryAfter: 6h")
	spec.Bound = 60 * 24 * time.Hour
	scenario.Run(t, spec, func(w *scenario.World) {
		began := time.Now()
		x := w.Export()
		complains(t, w, x, life.Failed, problem.ExportStuck)
		if took := time.Since(began); took < 24*time.Hour {
			t.Errorf("given up after %v", took)
		}
	})
}

func TestAnExportKeepsToTheClientThatStartedIt(t *testing.T) {
	t.Attr("shows", "P10 BD-006")
	spec := vendor("standard", "bindClient: true\ntakes: 1h\nretryAfter: 600s")
	spec.More = []scenario.Tenant{{}}
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Await(w.Request(w.Tenant().ID, export.Wish{By: "test"}), life.Polling)
		y := w.Await(w.Request("lakeside-2", export.Wish{By: "test"}), life.Polling)
		w.Restart()
		w.Want(w.Settle(x), life.Completed)
		w.Want(w.Settle(y), life.Completed)
		for _, id := range []string{"lakeside", "lakeside-2"} {
			for _, e := range w.Sandbox.Observations(scenario.Tenant{ID: id}.Code()).Exports {
				if e.Client != "client-"+id {
					t.Errorf("%s was exported by %s", id, e.Client)
				}
			}
		}
	})
}

func TestTokensThatLiveShorterThanTheExportAreRenewed(t *testing.T) {
	t.Attr("fault", "server: tokens end or are revoked while an export runs -> renewed, complete")
	t.Attr("shows", "P11 BD-085")
	spec := vendor("standard", "takes: 2h\nretryAfter: 600s\ntoken: {life: 300s}")
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Await(w.Request(w.Tenant().ID, export.Wish{By: "test"}), life.Polling)
		w.Pass(25 * time.Minute)
		if n := unauthorized(w); n != 0 {
			t.Errorf("%d requests came with a token that had died", n)
		}
		w.Pass(4*time.Minute + 58*time.Second) // the next poll is two seconds away
		w.Sandbox.Revoke()
		w.Want(w.Settle(x), life.Completed)
		if n := unauthorized(w); n > 1 {
			t.Errorf("%d requests were refused after one revocation", n)
		}
		if tokens := w.Sandbox.TokenObservations("client-lakeside"); tokens.Requests > 20 || tokens.Refused != 0 {
			t.Errorf("tokens: %+v", tokens)
		}
	})
}

func unauthorized(w *scenario.World) (n int) {
	for _, r := range w.Requests() {
		if r.Status == http.StatusUnauthorized {
			n++
		}
	}
	return n
}

func TestAGroupThatIsSwitchedOffIsNotPolledForEver(t *testing.T) {
	t.Attr("shows", "P11")
	spec := vendor("ecw", "takes: 2h\nretryAfter: 600s")
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Await(w.Request(w.Tenant().ID, export.Wish{By: "test"}), life.Polling)
		w.Pass(15 * time.Minute)
		w.Change(func(k *sandbox.Knobs) { k.DisabledGroups = []string{scenario.Group} })
		before := w.Count(sandbox.KindPoll)
		x = w.Settle(x)
		if p := w.Problem(x); p == nil || x.State == life.Completed {
			t.Errorf("nothing is said: %s", x)
		}
		if n := w.Count(sandbox.KindPoll) - before; n > 3 {
			t.Errorf("%d polls without a right to", n)
		}
	})
}

func TestAManifestInPagesIsReadToItsEnd(t *testing.T) {
	t.Attr("shows", "P12 BD-110")
	for _, knobs := range []string{"pages: 3", "pages: 2\npageWaits: 2", "partial: true\ntakes: 1h\nretryAfter: 300s"} {
		scenario.Run(t, vendor("standard-stu3", knobs+"\nfilesPer: 15"), func(w *scenario.World) {
			x := w.Want(w.Export(), life.Completed)
			if rows := len(w.Rows("observation")); rows == 0 {
				t.Errorf("%q: no observations: %s", knobs, x)
			}
			for _, f := range w.Sandbox.Files(scenario.Tenant{ID: "lakeside"}.Code()) {
				if !f.Whole {
					t.Errorf("%q: file %s was not fetched", knobs, f.Name)
				}
			}
		})
	}
}

func TestAPageInHTMLIsNoAnswer(t *testing.T) {
	t.Attr("shows", "P13 BD-084")
	for _, knobs := range []string{"html: 3", "faults: [{on: poll, times: 2, do: html, status: 503}]"} {
		scenario.Run(t, vendor("standard", knobs+"\ntakes: 10m\nretryAfter: 120s"), func(w *scenario.World) {
			w.Want(w.Export(), life.Completed)
		})
	}
}

func TestAPageInHTMLIsNoManifest(t *testing.T) {
	t.Attr("fault", "server: a web page with 200 in the manifest's place -> failed with export_failed; resumed, complete")
	t.Attr("shows", "P13 BD-088")
	scenario.Run(t, vendor("standard", "faults: [{on: poll, times: 1, do: html, status: 200}]"), func(w *scenario.World) {
		x := w.Export()
		complains(t, w, x, life.Failed, problem.ExportFailed)
		w.Want(w.Resume(x), life.Completed)
		if n := w.Count(sandbox.KindKickoff); n != 1 {
			t.Errorf("%d kick-offs", n)
		}
	})
}

func TestCookiesStayWithTheirExport(t *testing.T) {
	t.Attr("shows", "P14")
	spec := vendor("ecw", "affinityCookie: true\nretryAfter: 60s")
	spec.More = []scenario.Tenant{{Preset: "ecw", KnobsYAML: "affinityCookie: true\nretryAfter: 60s"}}
	scenario.Run(t, spec, func(w *scenario.World) {
		for round := range 2 {
			x := w.Await(w.Request("lakeside", export.Wish{By: "test"}), life.Polling)
			y := w.Await(w.Request("lakeside-2", export.Wish{By: "test"}), life.Polling)
			w.Want(w.Settle(x), life.Completed)
			w.Want(w.Settle(y), life.Completed)
			if n := len(w.Rows("patient", fmt.Sprint("lakeside-", 2))); n == 0 {
				t.Errorf("round %d: no patients", round)
			}
		}
	})
}
