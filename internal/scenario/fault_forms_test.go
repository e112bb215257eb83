package scenario_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// smallAnswers are the kinds of requests whose answers are read whole before
// anything comes of them.
var smallAnswers = []sandbox.Kind{sandbox.KindSMART, sandbox.KindMetadata, sandbox.KindToken, sandbox.KindPoll}

func TestAnAnswerThatEndsBeforeItBeginsIsHadAgain(t *testing.T) {
	t.Attr("fault", "network: the connection ends in good order before the status line, at requests of every kind -> asked for again, complete; a kick-off becomes unknown, and a resume asks once more")
	spec := withDocuments(func(k *sandbox.Knobs) {
		k.Takes, k.Access, k.Attach = 0, sandbox.AccessPresigned, sandbox.AttachURL
	})
	spec.Kickoffs = 2
	scenario.Run(t, spec, func(w *scenario.World) {
		want := map[sandbox.Kind]bool{
			sandbox.KindSMART: true, sandbox.KindMetadata: true, sandbox.KindToken: true, sandbox.KindKickoff: true, sandbox.KindPoll: true,
			sandbox.KindStorage: true, sandbox.KindAttachment: true, sandbox.KindDelete: true,
		}
		ended := map[sandbox.Kind]bool{}
		w.Play(func(q sandbox.Request, a http.ResponseWriter, r *http.Request, usual func() *httptest.ResponseRecorder) bool {
			if ended[q.Kind] {
				return false
			}
			ended[q.Kind] = true
			return wire("")(q, a, r, usual)
		})
		x := w.Want(w.Export(), life.Unknown)
		w.Want(w.Resume(x), life.Completed)
		if !maps.Equal(ended, want) {
			t.Errorf("connections ended at %v, want %v", ended, want)
		}
		if got := documents(w); len(got) != 1 || got["stored"] == 0 {
			t.Errorf("documents %v", got)
		}
	})
}

func TestASmallAnswerThatComesByteByByteIsGivenUp(t *testing.T) {
	t.Attr("fault", "hostile: slow-loris, a byte in ten seconds of the body of discovery, token, status and CapabilityStatement -> given up after two minutes, asked for again, complete")
	crawl := sandbox.Fault{Do: sandbox.ActionStall, AtByte: 5, Pace: 10 * time.Second, Times: 1}
	p := suffers(smallAnswers, crawl)
	p.arrives(t, func(w *scenario.World, x *scenario.Export) {
		wantMet(w, smallAnswers, sandbox.ActionStall)
		if took := time.Since(x.RequestedAt); took > 20*time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}

func TestTheLengthOfASmallAnswerIsNotBelieved(t *testing.T) {
	t.Attr("fault", "server: Content-Length longer than the body of discovery, token, status and CapabilityStatement -> asked for again, complete")
	p := suffers(smallAnswers, sandbox.Fault{Do: sandbox.ActionWrongLength, Times: 1})
	p.arrives(t, func(w *scenario.World, _ *scenario.Export) {
		wantMet(w, smallAnswers, sandbox.ActionWrongLength)
	})
}

// suffers gives a practice to whose requests of each kind a fault happens, and
// a bulkhead that is patient.
func suffers(kinds []sandbox.Kind, fault sandbox.Fault) practice {
	p := odd(func(k *sandbox.Knobs) {
		k.Takes = 0
		for _, kind := range kinds {
			fault.On = kind
			if kind == sandbox.KindToken {
				k.Token.Faults = []sandbox.Fault{fault}
				continue
			}
			k.Faults = append(k.Faults, fault)
		}
	})
	p.Spec.Config, p.EarlyPolls = "limits: {retry: {attempts: 20, longest_wait: 30s}}", 1
	return p
}

// wantMet demands that a fault has happened to requests of each kind.
func wantMet(w *scenario.World, kinds []sandbox.Kind, do sandbox.Action) {
	w.T().Helper()
	for _, kind := range kinds {
		if n := met(w, kind)[do]; n != 1 {
			w.T().Errorf("%d faults at %s, want 1", n, kind)
		}
	}
}

func TestAStormOf429AtStorageAndDocumentsIsWaitedOut(t *testing.T) {
	t.Attr("fault", "server: 429 from the storage of files and of documents, Retry-After in seconds and as a date -> waits as told, complete")
	kinds := []sandbox.Kind{sandbox.KindStorage, sandbox.KindAttachment}
	spec := withDocuments(func(k *sandbox.Knobs) {
		k.Takes, k.Access, k.Attach = 0, sandbox.AccessPresigned, sandbox.AttachURL
		for _, kind := range kinds {
			for i, told := range []string{"90s", "date 90s"} {
				k.Faults = append(k.Faults, sandbox.Fault{On: kind, Do: sandbox.ActionStatus, Status: 429, RetryAfter: told, After: i, Times: 1})
			}
		}
	})
	scenario.Run(t, spec, func(w *scenario.World) {
		began := time.Now()
		w.Want(w.Export(), life.Completed)
		if took := time.Since(began); took < 4*89*time.Second/2 || took > 40*time.Minute {
			t.Errorf("the export took %v", took)
		}
		for _, kind := range kinds {
			if n := met(w, kind)[sandbox.ActionStatus]; n != 2 {
				t.Errorf("%d refusals at %s", n, kind)
			}
		}
		whole(w)
	})
}

func TestAServerWhoseNameBeginsToLeadToThisMachineIsNotFollowed(t *testing.T) {
	for host, what := range map[string]string{fhirHost: "the FHIR server", tokenHost: "the token endpoint"} {
		t.Run(what, func(t *testing.T) {
			t.Attr("fault", "hostile: DNS rebinding in mid-export: the name of "+what+" leads to this machine -> failed with server_unreachable, nothing sent, the address is named; resumed when it leads to the server again, complete, with the same kick-off")
			p := working()
			p.KnobsYAML = "token: {life: 300s}"
			scenario.Run(t, p.Spec, func(w *scenario.World) {
				reached := func() int {
					if host == tokenHost {
						return w.Sandbox.TokenObservations("client-lakeside").Requests
					}
					return w.Count(sandbox.KindPoll)
				}
				x := w.Await(w.Request(w.Tenant().ID, export.Wish{}), life.Polling)
				w.Pass(15 * time.Minute)
				w.Net.Resolve(host, "127.0.0.1:443")
				w.Net.Break(host)
				before := reached()
				x = w.Settle(x)
				wantProblem(w, x, problem.ServerUnreachable)
				if n := reached() - before; n != 0 {
					t.Errorf("%d requests after the name led here", n)
				}
				w.Net.Resolve(host, "10.20.30.40:443")
				p.complete(w, w.Want(w.Resume(x), life.Completed))
				if x.Kickoffs != 1 {
					t.Errorf("%d kick-offs", x.Kickoffs)
				}
			})
		})
	}
}

func TestACapabilityStatementThatBreaksStopsNothing(t *testing.T) {
	t.Attr("fault", "network: reset, hang, stall and end in the midst of an answer, at every stage: CapabilityStatement -> asked for again or passed over, complete")
	p := odd(func(k *sandbox.Knobs) { k.Takes = 0 })
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		for _, fault := range breaks() {
			fault.On, fault.Times = sandbox.KindMetadata, 1
			w.Change(func(k *sandbox.Knobs) { k.Faults = []sandbox.Fault{fault} })
			before := met(w, sandbox.KindMetadata)[fault.Do]
			w.Restart() // what is known of the server is forgotten
			w.Want(w.Full(), life.Completed)
			if met(w, sandbox.KindMetadata)[fault.Do] == before {
				t.Errorf("%s (stage %q) did not happen", fault.Do, fault.Stage)
			}
		}
	})
}
