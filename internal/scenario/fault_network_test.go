package scenario_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// breaks are the ways in which a connection fails, at every stage of an
// answer. What hangs takes minutes of a world's time each, and is last.
func breaks() []sandbox.Fault {
	return []sandbox.Fault{
		{Do: sandbox.ActionReset},
		{Do: sandbox.ActionReset, Stage: sandbox.StageHeader},
		{Do: sandbox.ActionTruncate, Stage: sandbox.StageHeader},
		{Do: sandbox.ActionReset, AtByte: 60},
		{Do: sandbox.ActionReset, Stage: sandbox.StageEnd},
		{Do: sandbox.ActionTruncate, Stage: sandbox.StageEnd},
		{Do: sandbox.ActionHang},
		{Do: sandbox.ActionStall, Stage: sandbox.StageHeader},
		{Do: sandbox.ActionHang, AtByte: 60},
		{Do: sandbox.ActionHang, Stage: sandbox.StageEnd},
	}
}

// inTurn lets the faults happen to one request each, one after the other.
func inTurn(on sandbox.Kind, faults []sandbox.Fault) []sandbox.Fault {
	for i := range faults {
		faults[i].On, faults[i].After, faults[i].Times = on, i, 1
	}
	return faults
}

// met counts the faults that happened to requests of a kind.
func met(w *scenario.World, on sandbox.Kind) map[sandbox.Action]int {
	n := map[sandbox.Action]int{}
	for _, r := range append(w.Requests(), w.Sandbox.Requests("")...) {
		if r.Kind == on && r.Fault != "" {
			n[r.Fault]++
		}
	}
	return n
}

func counted(faults []sandbox.Fault) map[sandbox.Action]int {
	n := map[sandbox.Action]int{}
	for _, f := range faults {
		n[f.Do]++
	}
	return n
}

// suffering gives a practice whose requests of a kind break in every way, one
// after the other, and a bulkhead that is patient.
func suffering(on sandbox.Kind, faults []sandbox.Fault, knobs func(*sandbox.Knobs)) practice {
	p := odd(func(k *sandbox.Knobs) {
		k.Takes = 0
		if knobs != nil {
			knobs(k)
		}
		if on == sandbox.KindToken {
			k.Token.Faults = inTurn(on, faults)
			return
		}
		k.Faults = inTurn(on, faults)
	})
	p.Spec.Config = "limits: {retry: {attempts: 20, longest_wait: 30s}}"
	return p
}

func TestAnAnswerThatBreaksIsHadAgain(t *testing.T) {
	t.Attr("fault", "hostile: slow-loris, a byte a second of a header -> given up after two minutes, asked for again, complete")
	for _, c := range []struct {
		name  string
		on    sandbox.Kind
		most  int // of the breaks
		knobs func(*sandbox.Knobs)
	}{
		{"discovery", sandbox.KindSMART, 10, nil},
		{"token", sandbox.KindToken, 10, nil},
		{"status", sandbox.KindPoll, 7, func(k *sandbox.Knobs) { k.Takes, k.RetryAfter = 3*time.Minute, 10*time.Second }},
		{"manifest", sandbox.KindPoll, 10, nil},
		{"file", sandbox.KindFile, 10, nil},
		{"file in a storage", sandbox.KindStorage, 7, func(k *sandbox.Knobs) { k.Access = sandbox.AccessPresigned }},
		{"delete", sandbox.KindDelete, 7, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Attr("fault", "network: reset, hang, stall and end in the midst of an answer, at every stage: "+c.name+" -> asked for again, complete")
			faults := breaks()[:c.most]
			if c.on == sandbox.KindDelete { // its answer has no body, so it is over when its header came
				faults = slices.DeleteFunc(faults, func(f sandbox.Fault) bool { return f.AtByte > 0 || f.Stage == sandbox.StageEnd })
			}
			p := suffering(c.on, faults, c.knobs)
			p.EarlyPolls = 2 // the answer that told us when was lost
			p.arrives(t, func(w *scenario.World, x *scenario.Export) {
				if got, want := met(w, c.on), counted(faults); !maps.Equal(got, want) {
					t.Errorf("met %v, want %v", got, want)
				}
				if n := len(w.Quarantine(x)); n > 0 {
					t.Errorf("%d lines were refused", n)
				}
			})
		})
	}
}

func TestAKickoffWhoseAnswerBreaksIsSentOnceAndShown(t *testing.T) {
	t.Attr("fault", "network: reset, hang, stall and end before or in the header of the answer to a kick-off -> unknown, a person decides; resumed, complete")
	t.Attr("fault", "network: the answer to a kick-off breaks in its body or at its end -> complete, the header was enough")
	p := odd(func(k *sandbox.Knobs) { k.Takes = 0 })
	p.Kickoffs = 2
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		for _, fault := range breaks() {
			fault.On, fault.Times = sandbox.KindKickoff, 1
			w.Change(func(k *sandbox.Knobs) { k.Faults = []sandbox.Fault{fault} })
			before := w.Count(sandbox.KindKickoff)
			x := w.Full()
			want := life.Unknown
			if fault.AtByte > 0 || fault.Stage == sandbox.StageEnd && fault.Do != sandbox.ActionReset {
				want = life.Completed
			}
			if x.State != want && fault.Stage != sandbox.StageEnd { // a reset at the end may overtake the header
				t.Errorf("%s (stage %q, byte %d): %s", fault.Do, fault.Stage, fault.AtByte, x)
			}
			if n := w.Count(sandbox.KindKickoff) - before; n > 1 { // one that still hangs is counted when it ends
				t.Errorf("%s (stage %q): %d kick-offs", fault.Do, fault.Stage, n)
			}
			if x.State == life.Unknown {
				complains(t, w, x, life.Unknown, problem.KickoffUnknown)
				w.Want(w.Resume(x), life.Completed)
			}
			p.complete(w, x)
		}
	})
}

func TestAnAnswerThatIsCutAndLooksWholeIsNotTakenForWhole(t *testing.T) {
	for name, c := range map[string]struct {
		on   sandbox.Kind
		code problem.Code
	}{
		"discovery": {sandbox.KindSMART, problem.DiscoveryFailed},
		"token":     {sandbox.KindToken, problem.TokenRefused},
		"manifest":  {sandbox.KindPoll, problem.ManifestInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Attr("fault", "network: "+name+" cut in the body, and the connection ends as if it were whole -> failed with "+string(c.code)+"; resumed, complete")
			p := suffering(c.on, []sandbox.Fault{{Do: sandbox.ActionTruncate, AtByte: 60}}, nil)
			scenario.Run(t, p.Spec, func(w *scenario.World) {
				x := w.Export()
				wantProblem(w, x, c.code)
				w.Pass(time.Hour)
				p.complete(w, w.Want(w.Resume(x), life.Completed))
			})
		})
	}
}

func TestDocumentsWhoseTransferBreaksAreHadAgain(t *testing.T) {
	t.Attr("fault", "network: reset, hang, stall and end in the midst of an answer, at every stage: attachment -> asked for again, complete")
	faults := inTurn(sandbox.KindAttachment, breaks())
	spec := withDocuments(func(k *sandbox.Knobs) { k.Takes, k.Attach, k.Faults = 0, sandbox.AttachURL, faults })
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		if got := documents(w); len(got) != 1 || got["stored"] == 0 {
			t.Errorf("outcomes %v, want all stored: %s", got, x)
		}
		if got, want := met(w, sandbox.KindAttachment), counted(faults); !maps.Equal(got, want) {
			t.Errorf("met %v, want %v", got, want)
		}
		whole(w)
	})
}

func TestALengthThatIsWrongIsNotBelieved(t *testing.T) {
	t.Attr("fault", "server: Content-Length longer than the body -> fetched again, complete")
	t.Attr("fault", "server: Content-Length shorter than the body -> fetched again, complete")
	p := odd(func(k *sandbox.Knobs) {
		k.Gzip = false
		k.Faults = []sandbox.Fault{
			{On: sandbox.KindFile, Type: "Patient", Times: 2, Do: sandbox.ActionWrongLength},
			{On: sandbox.KindFile, Type: "Observation", Times: 2, Do: sandbox.ActionWrongLength, AtByte: 1000},
		}
	})
	p.arrives(t, func(w *scenario.World, x *scenario.Export) {
		if n := len(w.Quarantine(x)); n > 0 {
			t.Errorf("%d lines of a cut file were refused in place of the file", n)
		}
		if n := met(w, sandbox.KindFile)[sandbox.ActionWrongLength]; n != 4 {
			t.Errorf("%d lengths were wrong, want 4", n)
		}
	})
}

func TestAStormOf429IsWaitedOutHoweverTheWaitIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		told           string
		least, longest time.Duration // of the whole export
	}{
		"seconds":  {"90s", 90 * time.Second, 40 * time.Minute},
		"date":     {"date 90s", 89 * time.Second, 40 * time.Minute},
		"past":     {"date -90s", time.Second, 40 * time.Minute},
		"absent":   {"", time.Minute, time.Hour},
		"garbage":  {"soon", time.Minute, time.Hour},
		"negative": {"-5", time.Minute, time.Hour},
		"huge":     {"99999999999", time.Minute, time.Hour},
		"zero":     {"0", 0, 40 * time.Minute},
		"fraction": {"90.5", time.Second, time.Hour},
		"spaces":   {"  90 ", 90 * time.Second, 40 * time.Minute},
		"two":      {"90, 90", time.Second, time.Hour},
		"RFC 850":  {scenario.Begin.Add(10 * time.Minute).Format("Monday, 02-Jan-06 15:04:05 GMT"), 10 * time.Minute, 40 * time.Minute},
		"asctime":  {scenario.Begin.Add(10 * time.Minute).Format(time.ANSIC), 10 * time.Minute, 40 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Attr("fault", "server: 429 to everything, Retry-After "+name+" -> waits as told, or a minute, and completes")
			storm := sandbox.Fault{Do: sandbox.ActionStatus, Status: 429, RetryAfter: c.told, Times: 2}
			p := odd(func(k *sandbox.Knobs) {
				k.Takes = 0
				for _, on := range []sandbox.Kind{sandbox.KindSMART, sandbox.KindMetadata, sandbox.KindKickoff, sandbox.KindPoll, sandbox.KindFile, sandbox.KindDelete} {
					storm.On = on
					k.Faults = append(k.Faults, storm)
				}
				storm.On = sandbox.KindToken
				k.Token.Faults = []sandbox.Fault{storm}
			})
			p.Kickoffs = 3
			scenario.Run(t, p.Spec, func(w *scenario.World) {
				began := time.Now()
				p.complete(w, w.Want(w.Export(), life.Completed))
				if took := time.Since(began); took < c.least || took > c.longest {
					t.Errorf("the export took %v", took)
				}
				told := map[sandbox.Kind]int{}
				for _, r := range w.Requests() {
					if r.Fault == sandbox.ActionStatus {
						told[r.Kind]++
					}
				}
				if told[sandbox.KindKickoff] != 2 || told[sandbox.KindPoll] != 2 || told[sandbox.KindFile] != 2 || told[sandbox.KindToken] != 2 {
					t.Errorf("refused: %v", told)
				}
			})
		})
	}
}

func TestABurstOf5xxIsWaitedOut(t *testing.T) {
	for _, status := range []int{500, 502, 503, 504} {
		t.Attr("fault", fmt.Sprintf("server: %d to everything but kick-offs for five minutes -> waits, complete", status))
	}
	p := odd(func(k *sandbox.Knobs) {
		k.Takes = 0
		for i, on := range []sandbox.Kind{sandbox.KindSMART, sandbox.KindPoll, sandbox.KindFile, sandbox.KindDelete} {
			k.Faults = append(k.Faults, sandbox.Fault{On: on, Do: sandbox.ActionStatus, Status: []int{500, 502, 503, 504}[i], For: 5 * time.Minute})
		}
		k.Token.Faults = []sandbox.Fault{{Do: sandbox.ActionStatus, Status: 503, For: 5 * time.Minute}}
	})
	p.Spec.Config = "limits: {retry: {attempts: 20}}"
	p.arrives(t, func(_ *scenario.World, x *scenario.Export) {
		if x.Kickoffs != 1 {
			t.Errorf("%d kick-offs", x.Kickoffs)
		}
	})
}
