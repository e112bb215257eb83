package scenario_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// vendor gives the world of one practice of a vendor, with YAML laid over its
// server's knobs.
func vendor(preset, knobs string) scenario.Spec {
	return scenario.Spec{Tenant: scenario.Tenant{Preset: preset, KnobsYAML: knobs}}
}

// seen is what the first tenant's server saw of us.
func seen(w *scenario.World) sandbox.Observations {
	return w.Sandbox.Observations(scenario.Tenant{ID: w.Tenant().ID}.Code())
}

// complains tells whether the export ended in that state with that problem.
func complains(t *testing.T, w *scenario.World, x *scenario.Export, state life.State, code problem.Code) {
	t.Helper()
	w.Want(x, state)
	if p := w.Problem(x); p == nil || p.Code != code {
		t.Errorf("problem %v, want %s: %s", p, code, x)
	}
}

// waitsForAnother lets the answer to a kick-off be lost, asks again while the
// server is busy with it, and wants patience and no failure.
func waitsForAnother(t *testing.T, spec scenario.Spec) {
	t.Helper()
	spec.KnobsYAML += "\ntakes: 30m\nfaults: [{on: kickoff, times: 1, do: lost}]\n"
	spec.Kickoffs = 5 // the lost one, three in vain, and the one that is taken
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Unknown)
		if err := w.Engine.Resume(t.Context(), x.Tenant, x.ID); err != nil {
			t.Fatal(err)
		}
		w.Await(x, life.Waiting)
		w.Restart()
		began := time.Now()
		w.Want(w.Settle(x), life.Completed)
		if took := time.Since(began); took < time.Hour {
			t.Errorf("it took %v, with a server that is busy for half an hour and works for another", took)
		}
		if n := len(seen(w).Exports); n != 2 {
			t.Errorf("the server ran %d exports, want the lost one and ours", n)
		}
	})
}

func TestADuplicateAnsweredWith200IsWaitedFor(t *testing.T) {
	t.Attr("shows", "K1")
	waitsForAnother(t, vendor("ecw", "duplicate: 200oo"))
}

func TestADuplicateAnsweredWith409IsWaitedFor(t *testing.T) {
	t.Attr("shows", "K2")
	waitsForAnother(t, vendor("standard", `duplicate: "409"`))
}

func TestADuplicateAnsweredWith429IsWaitedFor(t *testing.T) {
	t.Attr("fault", "server: the kick-off that was lost is running: 429 -> waits, complete")
	t.Attr("shows", "K3 BD-063")
	for name, knobs := range map[string]string{
		"told when":      "duplicate: '429'\nretryAfter: 600s",
		"not told when":  "duplicate: '429'\nretryAfter: none",
		"without a body": "duplicate: 429empty\nretryAfter: 600s",
		"with locations": "duplicate: 429+locations\nretryAfter: 600s",
	} {
		t.Run(name, func(t *testing.T) { waitsForAnother(t, vendor("standard", knobs)) })
	}
}

func TestAGroupThatMayBeExportedOnceADayIsAskedOnceADay(t *testing.T) {
	t.Attr("shows", "K4")
	scenario.Run(t, vendor("epic", "retryAfter: 600s"), func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		x := w.Request(w.Tenant().ID, export.Wish{By: "test"})
		w.Await(x, life.Waiting)
		w.Restart()
		w.Want(w.Settle(x), life.Completed)
		exports := seen(w).Exports
		if n := w.Count(sandbox.KindKickoff); n != 2 || len(exports) != 2 {
			t.Fatalf("%d kick-offs for %d exports at the server, want two", n, len(exports))
		}
		if apart := exports[1].Accepted.Sub(exports[0].Accepted); apart < 24*time.Hour {
			t.Errorf("the second kick-off came %v after the first", apart)
		}
	})
}

func TestAServerThatSaysTooRecentlyIsNotAskedInALoop(t *testing.T) {
	t.Attr("shows", "K4")
	scenario.Run(t, vendor("standard", "kickoffWindow: 24h"), func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		x := w.Export()
		complains(t, w, x, life.Failed, problem.KickoffRefused)
		if !strings.Contains(x.LastError, "business-rule") {
			t.Errorf("the server's reason is not told: %s", x.LastError)
		}
		if n := w.Count(sandbox.KindKickoff); n != 2 {
			t.Errorf("%d kick-offs", n)
		}
	})
}

func TestALostAnswerIsShownToAPerson(t *testing.T) {
	t.Attr("fault", "network: the answer to a kick-off is lost -> unknown, a person decides")
	t.Attr("shows", "K5 BD-064")
	for _, when := range []string{"do: lost", "do: hang"} {
		spec := vendor("ecw", "faults: [{on: kickoff, times: 1, "+when+"}]")
		scenario.Run(t, spec, func(w *scenario.World) {
			x := w.Export()
			complains(t, w, x, life.Unknown, problem.KickoffUnknown)
			w.Restart()
			w.Pass(48 * time.Hour)
			if n := w.Count(sandbox.KindKickoff); n != 1 {
				t.Errorf("%s: %d kick-offs without a person", when, n)
			}
		})
	}
}

func TestTheStatusURLIsFoundHoweverItIsTold(t *testing.T) {
	t.Attr("shows", "K6 BD-060")
	for _, form := range []string{"absolute", "relative", "lower"} {
		scenario.Run(t, vendor("standard", "contentLocation: "+form), func(w *scenario.World) {
			w.Want(w.Export(), life.Completed)
		})
	}
}

func TestAStatusURLThatCannotBeUsedIsSaidClearly(t *testing.T) {
	t.Attr("fault", "hostile: a status URL that cannot be used -> unknown, said clearly")
	t.Attr("shows", "K6")
	for _, form := range []string{"missing", "double", "otherHost"} {
		scenario.Run(t, vendor("standard", "contentLocation: "+form), func(w *scenario.World) {
			complains(t, w, w.Export(), life.Unknown, problem.KickoffUnknown)
			if n := w.Count(sandbox.KindPoll); n != 0 {
				t.Errorf("%s: %d polls", form, n)
			}
		})
	}
}

func TestAnExportThatTheServerDoesNotKnowYetIsWaitedFor(t *testing.T) {
	t.Attr("shows", "K7")
	scenario.Run(t, vendor("standard", "poll404First: 2"), func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
	})
}

func TestAnExportThatTheServerNeverKnowsIsGone(t *testing.T) {
	t.Attr("shows", "K7 BD-086")
	scenario.Run(t, vendor("standard", "poll404First: 1000"), func(w *scenario.World) {
		began := time.Now()
		x := w.Export()
		complains(t, w, x, life.Gone, problem.ExportGone)
		if n, took := w.Count(sandbox.KindPoll), time.Since(began); n > 20 || took > time.Hour {
			t.Errorf("%d polls in %v", n, took)
		}
	})
}

func TestOneListOfTypesIsSent(t *testing.T) {
	t.Attr("shows", "K8 BD-025")
	for _, preset := range []string{"standard", "oracle-millennium"} {
		scenario.Run(t, vendor(preset, "rejectRepeatedParams: true\nattach: none"), func(w *scenario.World) {
			w.Want(w.Export(), life.Completed)
			if types := seen(w).Exports[0].Types; len(types) != 4 {
				t.Errorf("%s: exported %v", preset, types)
			}
		})
	}
}

func TestEveryReleaseIsSpoken(t *testing.T) {
	t.Attr("shows", "K9 BD-019 BD-022")
	for preset, method := range map[string]string{"standard-stu1": "GET", "standard-stu2": "GET", "standard-stu3": "GET", "standard-stu4": "POST"} {
		scenario.Run(t, vendor(preset, ""), func(w *scenario.World) {
			w.Want(w.Export(), life.Completed)
			w.Want(w.Export(), life.Completed)
			for _, x := range seen(w).Exports {
				if x.Method != method || len(x.Types) != 4 {
					t.Errorf("%s: %s of %v", preset, x.Method, x.Types)
				}
			}
			if second := seen(w).Exports[1]; second.Since.IsZero() {
				t.Errorf("%s: the second export has no _since", preset)
			}
			if n := seen(w).Kickoffs[method]; n != 2 {
				t.Errorf("%s: kick-offs %v", preset, seen(w).Kickoffs)
			}
		})
	}
}

func TestTheReleaseIsDiscovered(t *testing.T) {
	t.Attr("shows", "K9 BD-013")
	for knobs, want := range map[string]sandbox.Dialect{
		"dialect: stu1":                                    sandbox.STU1,
		"dialect: stu3":                                    sandbox.STU3,
		"dialect: stu4\noperations: [export]":              sandbox.STU4,
		"dialect: stu3\noperations: [export, export-v4]":   sandbox.STU4,
		"dialect: stu1\noperations: [export]\npost: false": sandbox.STU1,
	} {
		scenario.Run(t, vendor("standard", knobs), func(w *scenario.World) {
			w.Want(w.Export(), life.Completed)
			if got := seen(w).Exports[0].Dialect; got != want {
				t.Errorf("%q: %s is spoken", knobs, got)
			}
		})
	}
}

func TestNoParameterIsSentThatTheServerDoesNotKnow(t *testing.T) {
	t.Attr("shows", "K10")
	for preset, knobs := range map[string]string{
		"oracle-millennium": "attach: none", "ecw": "", "epic": "retryAfter: 600s", "hapi": "unknownParam: ignore",
	} {
		scenario.Run(t, vendor(preset, knobs), func(w *scenario.World) {
			w.Want(w.Export(), life.Completed)
			w.Pass(24 * time.Hour)
			w.Want(w.Export(), life.Completed)
			for _, x := range seen(w).Exports {
				if len(x.Ignored) > 0 {
					t.Errorf("%s: the server ignored %v", preset, x.Ignored)
				}
			}
		})
	}
}

func TestAParameterThatIsRefusedIsSaidClearly(t *testing.T) {
	t.Attr("shows", "K10 BD-062")
	for _, answer := range []string{"400", "422"} {
		spec := vendor("standard", "lacksParams: [_typeFilter]\nunknownParam: '"+answer+"'")
		spec.Tenant.Config = "type_filters: ['Observation?status=final']"
		scenario.Run(t, spec, func(w *scenario.World) {
			x := w.Export()
			complains(t, w, x, life.Failed, problem.KickoffRefused)
			if !strings.Contains(x.LastError, "not-supported") {
				t.Errorf("the server's reason is not told: %s", x.LastError)
			}
			if n := w.Count(sandbox.KindKickoff); n != 1 {
				t.Errorf("%d kick-offs", n)
			}
		})
	}
}

func TestAdministrativeTypesAloneAreNotAskedForWhereTheyAreRefused(t *testing.T) {
	t.Attr("shows", "K11")
	spec := vendor("oracle-millennium", "")
	spec.Types = []string{"Practitioner", "Organization"}
	refusesItself(t, spec, "administrative types alone")
}

// refusesItself wants an export refused for that reason before anything is sent.
func refusesItself(t *testing.T, spec scenario.Spec, why string) {
	t.Helper()
	scenario.Run(t, spec, func(w *scenario.World) {
		_, err := w.Engine.Request(t.Context(), w.Tenant().ID, export.Wish{By: "test"})
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("error %v, want one about %s", err, why)
		}
		if n := w.Count(sandbox.KindKickoff); n != 0 {
			t.Errorf("%d kick-offs", n)
		}
	})
}

func TestAdministrativeTypesOfAWholePracticeAreTaken(t *testing.T) {
	t.Attr("shows", "K11 BD-049")
	spec := vendor("ecw", "adminOnly: practiceWide")
	spec.Types = []string{"Practitioner", "Patient"}
	scenario.Run(t, spec, func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		if n := len(w.Rows("practitioner")); n == 0 {
			t.Error("no practitioners")
		}
	})
}

func TestPatientAloneIsNotAskedForWhereItIsRefused(t *testing.T) {
	t.Attr("shows", "K12")
	spec := vendor("epic", "patientOnly: 400")
	spec.Types = []string{"Patient"}
	refusesItself(t, spec, "Patient alone")
}

func TestHeadersAreExactlyThoseOfTheStandard(t *testing.T) {
	t.Attr("shows", "K13 BD-029 BD-031")
	for _, preset := range []string{"standard-stu1", "standard", "standard-stu4", "ecw"} {
		scenario.Run(t, vendor(preset, "strictHeaders: true"), func(w *scenario.World) {
			w.Want(w.Export(), life.Completed)
		})
	}
}

func TestACommaWithinAFilterReachesTheSearch(t *testing.T) {
	t.Attr("shows", "K14 BD-028")
	const filter = "Observation?status=final,amended"
	for preset, quoting := range map[string]string{"standard-stu1": "percent", "standard-stu3": "both", "standard-stu4": "both", "epic": "both"} {
		spec := vendor(preset, "typeFilterCommas: "+quoting)
		spec.Tenant.Config = "type_filters: ['" + filter + "']"
		scenario.Run(t, spec, func(w *scenario.World) {
			w.Want(w.Export(), life.Completed)
			if got := seen(w).Exports[0].Filters; !slices.Equal(got, []string{filter}) {
				t.Errorf("%s, %s: the server understood %q", preset, quoting, got)
			}
		})
	}
}

func TestAGatewaysAnswerToAKickoffMayHideAnExport(t *testing.T) {
	t.Attr("fault", "server: takes the kick-off, and its gateway answers 502 or 504 in its place -> unknown, a person decides; the server has one export, and a resume waits for its end")
	t.Attr("fault", "server: answers 503 to a kick-off without beginning an export -> asked again after a pause, complete, with one export at the server")
	t.Attr("shows", "BD-064 K5")
	for _, status := range []int{502, 504} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			p := odd(func(k *sandbox.Knobs) {
				k.Duplicate, k.Takes = sandbox.Duplicate429, time.Hour
				k.Faults = []sandbox.Fault{{On: sandbox.KindKickoff, Times: 1, Do: sandbox.ActionLost, Status: status}}
			})
			p.Spec.Kickoffs = 20
			scenario.Run(t, p.Spec, func(w *scenario.World) {
				x := w.Export()
				complains(t, w, x, life.Unknown, problem.KickoffUnknown)
				w.Pass(12 * time.Hour)
				if n := w.Count(sandbox.KindKickoff); n != 1 {
					t.Errorf("%d kick-offs before anybody has decided", n)
				}
				if !strings.Contains(w.Problem(x).Summary, fmt.Sprint(status)) {
					t.Errorf("problem %v", w.Problem(x))
				}
				p.complete(w, w.Want(w.Resume(x), life.Completed))
			})
		})
	}
	t.Run("503", func(t *testing.T) {
		p := odd(func(k *sandbox.Knobs) {
			k.Takes = 0
			k.Faults = []sandbox.Fault{{On: sandbox.KindKickoff, Times: 2, Do: sandbox.ActionHTML, Status: 503}}
		})
		p.Spec.Kickoffs = 3
		scenario.Run(t, p.Spec, func(w *scenario.World) { p.complete(w, w.Want(w.Export(), life.Completed)) })
	})
}
