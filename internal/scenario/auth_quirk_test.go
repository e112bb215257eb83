package scenario_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// tokensOf is what the token endpoints saw of the first tenant.
func tokensOf(w *scenario.World) sandbox.TokenObservations {
	return w.Sandbox.TokenObservations("client-" + w.Tenant().ID)
}

func TestATokensLifeIsReadHoweverItIsWritten(t *testing.T) {
	t.Attr("shows", "A1")
	for _, written := range []string{"string", "missing", "300.0"} {
		spec := vendor("standard", "takes: 30m\nretryAfter: 300s\ntoken: {expiresIn: '"+written+"'}")
		scenario.Run(t, spec, func(w *scenario.World) {
			w.Want(w.Export(), life.Completed)
			if n := unauthorized(w); n > 6 {
				t.Errorf("%s: %d requests with a dead token", written, n)
			}
		})
	}
}

func TestATokenWhoseLifeIsNonsenseIsNotUsed(t *testing.T) {
	t.Attr("shows", "A1")
	scenario.Run(t, vendor("standard", "token: {expiresIn: soon}"), func(w *scenario.World) {
		complains(t, w, w.Export(), life.Failed, problem.TokenRefused)
		if n := w.Count(sandbox.KindToken); n > 2 {
			t.Errorf("%d token requests", n)
		}
	})
}

func TestATokenEndpointWithALimitIsNotHammered(t *testing.T) {
	t.Attr("fault", "server: the token endpoint answers 429 -> waits as told, complete")
	t.Attr("shows", "A2")
	spec := vendor("standard", "takes: 30m\nretryAfter: 300s\ntoken: {limit: 1, limitWindow: 10m, life: 120s}")
	scenario.Run(t, spec, func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		tokens, refused := 0, 0
		for _, r := range w.Requests() {
			if r.Kind == sandbox.KindToken {
				tokens++
				if r.Status == http.StatusTooManyRequests {
					refused++
				}
			}
		}
		if tokens > 10 || refused > 6 {
			t.Errorf("%d token requests, %d of them beyond the limit", tokens, refused)
		}
	})
}

func TestOneTokenServesAWholeExport(t *testing.T) {
	t.Attr("shows", "A2 BS-093")
	scenario.Run(t, vendor("standard", "filesPer: 2\ntoken: {life: 1h}"), func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		if n := tokensOf(w).Requests; n > 2 {
			t.Errorf("%d token requests for %d files", n, w.Count(sandbox.KindFile))
		}
	})
}

func TestAScopeThatIsNarrowerThanAskedIsNoticed(t *testing.T) {
	t.Attr("shows", "A3")
	scenario.Run(t, vendor("standard", "token: {narrow: [Observation]}"), func(w *scenario.World) {
		x := w.Export()
		complains(t, w, x, life.Failed, problem.AccessDenied)
		if !strings.Contains(x.ProblemRemedy, "lacks system/Observation.") {
			t.Errorf("what is missing is not named: %s", x.ProblemRemedy)
		}
		if n := w.Count(sandbox.KindKickoff); n > 1 {
			t.Errorf("%d kick-offs", n)
		}
	})
}

func TestARefusalThatTheServerCallsAnExceptionIsARefusal(t *testing.T) {
	t.Attr("fault", "server: 401 or 403 with an OperationOutcome that says exception -> told as access denied at once, not waited out")
	for name, on := range map[string]sandbox.Kind{
		"on: kickoff, status: 403": sandbox.KindKickoff, "on: poll, status: 403": sandbox.KindPoll, "on: poll, status: 401": sandbox.KindPoll,
	} {
		t.Run(name, func(t *testing.T) {
			scenario.Run(t, vendor("standard", "faults: [{"+name+", do: status}]"), func(w *scenario.World) {
				began := time.Now()
				complains(t, w, w.Export(), life.Failed, problem.AccessDenied)
				if n := w.Count(on); n > 2 || time.Since(began) > 10*time.Minute {
					t.Errorf("told after %d requests and %v", n, time.Since(began))
				}
			})
		})
	}
}

func TestAnActivationThatIsRevokedInMidExportIsThePractices(t *testing.T) {
	t.Attr("fault", "server: the activation is revoked while files are downloaded: 401 or 403 whatever the token, from files and status -> failed with access_denied, which names the practice, after few requests; activated again and resumed, complete, with the same kick-off")
	t.Attr("fault", "server: the activation is revoked while files are downloaded by links that lapse, so that only the status says so -> failed with access_denied; activated again and resumed, complete")
	t.Attr("shows", "P11")
	for name, c := range map[string]struct {
		access sandbox.Access
		status int
	}{
		"403, files with a token": {sandbox.AccessBearer, 403}, "401, files with a token": {sandbox.AccessBearer, 401},
		"403, links that lapse": {sandbox.AccessPresigned, 403}, "403, files that lead to the storage": {sandbox.AccessRedirect, 403},
	} {
		t.Run(name, func(t *testing.T) {
			p := odd(func(k *sandbox.Knobs) {
				k.Access, k.Takes, k.FilesPer, k.LinkLife = c.access, 0, 5, 2*time.Minute
				k.Faults = []sandbox.Fault{{On: sandbox.KindStorage, Do: sandbox.ActionSlow, Rate: 16}, {On: sandbox.KindFile, Do: sandbox.ActionSlow, Rate: 64}}
			})
			scenario.Run(t, p.Spec, func(w *scenario.World) {
				x := w.Await(w.Request(w.Tenant().ID, export.Wish{}), life.Downloading)
				w.Pass(5 * time.Second)
				w.Change(func(k *sandbox.Knobs) {
					k.Faults = []sandbox.Fault{{On: sandbox.KindStorage, Do: sandbox.ActionSlow, Rate: 16}}
					for _, on := range []sandbox.Kind{sandbox.KindFile, sandbox.KindPoll} {
						k.Faults = append(k.Faults, sandbox.Fault{On: on, Do: sandbox.ActionStatus, Status: c.status})
					}
				})
				before := w.Count(sandbox.KindFile) + w.Count(sandbox.KindPoll)
				complains(t, w, w.Settle(x), life.Failed, problem.AccessDenied)
				if n := w.Count(sandbox.KindFile) + w.Count(sandbox.KindPoll) - before; n > 12 {
					t.Errorf("%d requests to a server that does not let us", n)
				}
				if !strings.Contains(x.ProblemRemedy, "practice") || !strings.Contains(x.ProblemRemedy, "activated") {
					t.Errorf("who must act is not said: %s", x.ProblemRemedy)
				}
				w.Change(func(k *sandbox.Knobs) { k.Faults = nil })
				p.complete(w, w.Want(w.Resume(x), life.Completed))
				if x.Kickoffs != 1 {
					t.Errorf("%d kick-offs", x.Kickoffs)
				}
			})
		})
	}
}

func TestTheAlgorithmIsTheServers(t *testing.T) {
	t.Attr("shows", "A4")
	scenario.Run(t, vendor("ecw", "token: {algorithms: [RS384]}"), func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
	})
}

func TestAKeyThatIsNotTakenIsSaidClearly(t *testing.T) {
	t.Attr("shows", "A4 A5")
	for name, knobs := range map[string]string{
		"the key id is unknown":      "token: {jwks: unknownKid}",
		"the keys are unreachable":   "token: {jwks: unreachable}",
		"keys by hand are not taken": "token: {jwksURLOnly: true}",
		"another algorithm":          "token: {algorithms: [RS384], advertise: false}",
	} {
		t.Run(name, func(t *testing.T) {
			scenario.Run(t, vendor("standard", knobs), func(w *scenario.World) {
				x := w.Export()
				complains(t, w, x, life.Failed, problem.TokenRefused)
				w.Restart()
				w.Pass(24 * time.Hour)
				if n := w.Count(sandbox.KindToken); n > 2 {
					t.Errorf("%d token requests after a final no", n)
				}
				if n := w.Count(sandbox.KindKickoff); n != 0 {
					t.Errorf("%d kick-offs without a token", n)
				}
			})
		})
	}
}

func TestARegistrationThatHasNotSpreadYetIsRecognised(t *testing.T) {
	t.Attr("shows", "A6")
	scenario.Run(t, vendor("standard", "token: {propagationDelay: 3h}"), func(w *scenario.World) {
		x := w.Export()
		complains(t, w, x, life.Failed, problem.TokenRefused)
		if text := x.ProblemSummary + x.ProblemRemedy; !strings.Contains(text, "hours") && !strings.Contains(text, "recent") {
			t.Errorf("nothing is said of a change that takes time: %s %s", x.ProblemSummary, x.ProblemRemedy)
		}
		w.Pass(4 * time.Hour)
		w.Want(w.Resume(x), life.Completed)
	})
}

func TestAClockThatIsALittleWrongDoesNotMatter(t *testing.T) {
	t.Attr("shows", "A7")
	for _, skew := range []string{"45s", "-20s"} {
		scenario.Run(t, vendor("standard", "token: {skew: "+skew+"}"), func(w *scenario.World) {
			if x := w.Export(); x.State != life.Completed {
				t.Errorf("skew %s: %s", skew, x)
			}
		})
	}
}

func TestAClockThatIsVeryWrongIsSaidClearly(t *testing.T) {
	t.Attr("shows", "A7")
	for _, skew := range []string{"20m", "-20m"} {
		scenario.Run(t, vendor("standard", "token: {skew: "+skew+"}"), func(w *scenario.World) {
			x := w.Export()
			complains(t, w, x, life.Failed, problem.TokenRefused)
			if !strings.Contains(x.ProblemRemedy, "clock differs") {
				t.Errorf("skew %s: nothing is said of clocks: %s", skew, x.ProblemRemedy)
			}
		})
	}
}

func TestAnAssertionIsNeverUsedAgain(t *testing.T) {
	t.Attr("shows", "A7")
	scenario.Run(t, vendor("standard", "takes: 1h\nretryAfter: 600s\ntoken: {replay: 3, life: 60s}"), func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		if seen := tokensOf(w); seen.Replays != 0 || seen.Requests < 4 {
			t.Errorf("tokens: %+v", seen)
		}
	})
}

func TestScopesAreSpeltAsTheServerHasThem(t *testing.T) {
	t.Attr("shows", "A8")
	for knobs, preset := range map[string]string{
		"scopeDialect: mixed": "ecw", "scopeDialect: read": "athena", "scopeDialect: rs": "nextgen",
		"scopeDialect: all": "standard", "scopeDialect: rs\ntoken: {badScope: invalid_grant}": "standard",
	} {
		spec := vendor(preset, knobs)
		if preset == "ecw" {
			spec.Types = []string{"Patient", "Coverage", "Observation"} // of which one is .r alone
		}
		scenario.Run(t, spec, func(w *scenario.World) {
			x := w.ExportOf(w.Tenant().ID, export.Wish{By: "test"})
			if x.State != life.Completed {
				t.Errorf("%s, %q: %s", preset, knobs, x)
			}
			if refused := tokensOf(w).Refused; refused != 0 {
				t.Errorf("%s, %q: %d token requests were refused", preset, knobs, refused)
			}
		})
	}
}
