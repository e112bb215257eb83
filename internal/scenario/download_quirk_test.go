package scenario_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// arrives checks that an export of the practice ends well and whole.
func (p practice) arrives(t *testing.T, also func(w *scenario.World, x *scenario.Export)) {
	t.Helper()
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		p.complete(w, x)
		if also != nil {
			also(w, x)
		}
	})
}

func TestTheTokenDoesNotFollowARedirectToTheStorage(t *testing.T) {
	t.Attr("fault", "hostile: a file redirects to another origin -> complete, without the token there")
	t.Attr("shows", "D1 BD-130")
	odd(func(k *sandbox.Knobs) { k.Access = sandbox.AccessRedirect }).arrives(t, func(w *scenario.World, x *scenario.Export) {
		if files, stored := w.Count(sandbox.KindFile), w.Count(sandbox.KindStorage); files < len(x.Files) || stored < len(x.Files) {
			t.Errorf("%d requests for files, %d to the storage, for %d files", files, stored, len(x.Files))
		}
		if strings.Contains(w.Log(), "signature=") {
			t.Error("the query of a signed link is in the log")
		}
	})
}

func TestSignedLinksGetNoToken(t *testing.T) {
	t.Attr("shows", "D2 BD-127 BD-128")
	for _, dialect := range []sandbox.Dialect{sandbox.STU1, sandbox.STU3} {
		t.Run(string(dialect), func(t *testing.T) {
			p := odd(func(k *sandbox.Knobs) { k.Dialect, k.Access = dialect, sandbox.AccessPresigned })
			p.Profile = "standard-" + string(dialect)
			p.arrives(t, func(w *scenario.World, x *scenario.Export) {
				if w.Count(sandbox.KindFile) != 0 || w.Count(sandbox.KindStorage) < len(x.Files) {
					t.Errorf("%d requests for files, %d to the storage", w.Count(sandbox.KindFile), w.Count(sandbox.KindStorage))
				}
				if strings.Contains(w.Log(), "signature=") {
					t.Error("the query of a signed link is in the log")
				}
			})
		})
	}
}

func TestFilesAreFetchedWithTheScopeOfTheirType(t *testing.T) {
	t.Attr("shows", "D3 BD-126")
	odd(func(k *sandbox.Knobs) { k.Access = sandbox.AccessScoped }).arrives(t, func(w *scenario.World, _ *scenario.Export) {
		for _, r := range w.Requests() {
			if r.Kind == sandbox.KindFile && !r.Authorized {
				t.Error("a file was asked for without a token")
			}
		}
	})
}

func TestFilesAreLandedTheFirstTime(t *testing.T) {
	t.Attr("shows", "D5")
	odd(func(k *sandbox.Knobs) { k.MaxDownloads = 1 }).arrives(t, func(w *scenario.World, _ *scenario.Export) {
		for _, f := range w.Sandbox.Files("LAKESIDE") {
			if f.Gets != 1 || !f.Whole {
				t.Errorf("file %s was asked for %d times", f.Name, f.Gets)
			}
		}
	})
}

func TestABrokenTransferGoesOnWhereItBroke(t *testing.T) {
	t.Attr("fault", "network: a file is reset in its body, the server serves ranges -> goes on where it broke, complete")
	t.Attr("shows", "D5")
	p := odd(func(k *sandbox.Knobs) {
		k.MaxDownloads, k.Gzip = 6, false
		k.Faults = []sandbox.Fault{{On: sandbox.KindFile, Type: "Observation", Times: 3, AtByte: 9000, Do: sandbox.ActionReset}}
	})
	p.arrives(t, func(w *scenario.World, _ *scenario.Export) {
		parts := count206(w)
		if parts == 0 {
			t.Error("the rest of the file was never asked for")
		}
		for _, f := range w.Sandbox.Files("LAKESIDE") {
			if f.Gets > 4 || !f.Whole {
				t.Errorf("file %s was asked for %d times", f.Name, f.Gets)
			}
		}
	})
}

func count206(w *scenario.World) (n int) {
	for _, r := range w.Requests() {
		if r.Status == 206 {
			n++
		}
	}
	return n
}

func TestAFileThatChangedIsTakenFromItsBeginning(t *testing.T) {
	t.Attr("fault", "server: a file changes between two Range requests -> taken from its beginning, complete")
	t.Attr("shows", "D5 BD-134")
	odd(func(k *sandbox.Knobs) {
		k.Changed, k.Gzip = 1, false
		k.Faults = []sandbox.Fault{{On: sandbox.KindFile, Type: "Observation", Times: 1, AtByte: 9000, Do: sandbox.ActionReset}}
	}).arrives(t, func(w *scenario.World, x *scenario.Export) {
		if n := len(w.Quarantine(x)); n > 0 {
			t.Errorf("%d lines made of two versions of a file", n)
		}
	})
}

func TestAServerThatGivesNoMoreIsNotAskedForEver(t *testing.T) {
	t.Attr("fault", "server: a file resets each time and may be had only twice -> failed with download_failed; resumed, complete")
	t.Attr("shows", "D5 BD-136")
	p := odd(func(k *sandbox.Knobs) {
		k.MaxDownloads, k.Ranges = 2, false
		k.Faults = []sandbox.Fault{{On: sandbox.KindFile, Type: "Observation", AtByte: 2000, Do: sandbox.ActionReset}}
	})
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		x := w.Export()
		wantProblem(w, x, problem.DownloadFailed)
		for _, f := range x.Files {
			if failed := f.State == "failed"; failed != (f.ResourceType == "Observation") {
				t.Errorf("file %s is %s", f.Name, f.State)
			}
		}
		w.Change(func(k *sandbox.Knobs) { k.MaxDownloads, k.Faults = 0, nil })
		p.complete(w, w.Want(w.Resume(x), life.Completed))
	})
}

func TestEveryContentCodingIsUndoneOrRefused(t *testing.T) {
	t.Attr("fault", "server: gzip of gzip, gzip of many members, gzip without a word -> undone, complete")
	t.Attr("fault", "server: Brotli that nobody asked for -> failed with download_failed")
	t.Attr("shows", "D6 BD-131 BD-132 BD-133")
	for _, enc := range []sandbox.Enc{
		sandbox.EncGzip, sandbox.EncNone, sandbox.EncDeflate, sandbox.EncMultiMember, sandbox.EncDoubleGz, sandbox.EncGzNoHeader,
	} {
		t.Run(string(enc), func(t *testing.T) {
			odd(func(k *sandbox.Knobs) { k.Enc = enc }).arrives(t, func(w *scenario.World, x *scenario.Export) {
				smaller := 0
				for _, f := range x.Files {
					if f.WireBytes < f.Bytes {
						smaller++
					}
				}
				if asked := enc != sandbox.EncNone && enc != sandbox.EncDeflate; (smaller == len(x.Files)) != asked {
					t.Errorf("%d of %d files came compressed", smaller, len(x.Files))
				}
			})
		})
	}
	t.Run("br", func(t *testing.T) {
		p := odd(func(k *sandbox.Knobs) { k.Enc = sandbox.EncBr })
		scenario.Run(t, p.Spec, func(w *scenario.World) { wantProblem(w, w.Export(), problem.DownloadFailed) })
	})
}

func TestAFileThatIsCutIsFetchedAgain(t *testing.T) {
	t.Attr("fault", "server: a file cut once: against its length, in its gzip, looking whole, against its count -> fetched again, complete")
	t.Attr("shows", "D7 BD-134")
	for name, cut := range map[string]func(*sandbox.Knobs){
		"length told": func(k *sandbox.Knobs) { k.CutLength = true },
		"gzip":        func(k *sandbox.Knobs) { k.Enc = sandbox.EncGzip },
		"looks whole": func(k *sandbox.Knobs) { k.Count = sandbox.CountNone },
		"count given": func(k *sandbox.Knobs) { k.Count = sandbox.CountRight },
	} {
		t.Run(name, func(t *testing.T) {
			p := odd(func(k *sandbox.Knobs) {
				k.Gzip, k.CutAt, k.BadGets, k.OddTypes = false, 900, 1, sandbox.Names{"Observation", "Patient"}
				cut(k)
			})
			p.arrives(t, func(w *scenario.World, x *scenario.Export) {
				if n := len(w.Quarantine(x)); n > 0 {
					t.Errorf("%d lines of a cut file were refused in place of the file", n)
				}
				for _, f := range w.Sandbox.Files("LAKESIDE") {
					if again := f.Type == "Observation" || f.Type == "Patient"; (f.Gets > 1) != again {
						t.Errorf("file %s was asked for %d times", f.Name, f.Gets)
					}
				}
			})
		})
	}
}

func TestAFileThatIsAlwaysCutIsNeverPublished(t *testing.T) {
	t.Attr("fault", "server: a file is cut against its length each time -> failed with download_failed")
	t.Attr("shows", "D7")
	p := odd(func(k *sandbox.Knobs) {
		k.Gzip, k.CutAt, k.CutLength, k.OddTypes = false, 3000, true, sandbox.Names{"Observation"}
	})
	scenario.Run(t, p.Spec, func(w *scenario.World) { wantProblem(w, w.Export(), problem.DownloadFailed) })
}

func TestWhatIsNoFileIsNotTakenForOne(t *testing.T) {
	t.Attr("fault", "server: an OperationOutcome or a page to log in in the place of a file -> failed with download_failed; resumed, complete")
	t.Attr("shows", "D8 BD-135 BD-144")
	for _, kind := range []sandbox.FileError{sandbox.FileErrorWhole, sandbox.FileErrorHTML} {
		t.Run(string(kind), func(t *testing.T) {
			p := odd(func(k *sandbox.Knobs) { k.FileError, k.OddTypes = kind, sandbox.Names{"Condition"} })
			scenario.Run(t, p.Spec, func(w *scenario.World) {
				x := w.Export()
				wantProblem(w, x, problem.DownloadFailed)
				for _, f := range x.Files {
					if failed := f.State == "failed"; failed != (f.ResourceType == "Condition") {
						t.Errorf("file %s is %s", f.Name, f.State)
					}
				}
				w.Change(func(k *sandbox.Knobs) { k.FileError = sandbox.FileErrorNone })
				p.complete(w, w.Want(w.Resume(x), life.Completed))
			})
		})
	}
	t.Run("line", func(t *testing.T) {
		odd(func(k *sandbox.Knobs) { k.FileError, k.OddTypes = sandbox.FileErrorLine, sandbox.Names{"Condition"} }).arrives(t,
			func(w *scenario.World, x *scenario.Export) {
				refused := w.Quarantine(x)
				if len(refused) == 0 || refused[0].Reason != "operation_outcome" {
					t.Errorf("the OperationOutcome among the lines is not reported: %+v", refused)
				}
			})
	})
}

func TestFilesAreAskedForByTheirMediaType(t *testing.T) {
	t.Attr("shows", "D9 BD-125")
	odd(func(k *sandbox.Knobs) { k.AcceptStrict = true }).arrives(t, nil)
}

func TestEveryAnswerToDeleteIsTakenForDone(t *testing.T) {
	t.Attr("fault", "server: DELETE is answered 404, 410 or 500 -> complete")
	t.Attr("shows", "D10 BD-120")
	for _, status := range []int{202, 404, 410, 500} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			odd(func(k *sandbox.Knobs) { k.Delete = status }).arrives(t, func(w *scenario.World, x *scenario.Export) {
				if n := w.Count(sandbox.KindDelete); n == 0 || status < 500 && n > 1 {
					t.Errorf("%d DELETEs", n)
				}
				if failed := x.Happened("release_failed") > 0; failed != (status >= 500) {
					t.Errorf("a failed DELETE was told: %v", failed)
				}
			})
		})
	}
}

func TestTheSlotIsFreedForTheNextExport(t *testing.T) {
	t.Attr("shows", "D11 BD-121")
	p := odd(func(k *sandbox.Knobs) { k.SlotUntilDelete, k.Duplicate, k.FilesPer = true, sandbox.Duplicate429, 20 })
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		w.Want(w.Export(), life.Completed)
		if n := w.Count(sandbox.KindDelete); n != 2 {
			t.Errorf("%d DELETEs of two exports", n)
		}
		if n := w.Count(sandbox.KindKickoff); n != 2 {
			t.Errorf("%d kick-offs: one met a slot that was still held", n)
		}
		if n := w.Sandbox.EarlyDeletes("LAKESIDE"); n != 0 {
			t.Errorf("%d DELETEs before every file was here", n)
		}
	})
}

func TestTroubleThatPassesIsWaitedOut(t *testing.T) {
	t.Attr("fault", "network: one of each trouble in one export: 503, lost answers, resets, a hang, a wrong length, garbage, HTML, tokens refused at random -> complete, with one kick-off")
	t.Attr("shows", "BD-136 D7")
	p := odd(func(k *sandbox.Knobs) {
		k.Takes, k.FilesPer = 10*time.Minute, 10
		k.Faults = []sandbox.Fault{
			{On: sandbox.KindPoll, After: 2, Times: 1, Do: sandbox.ActionStatus, Status: 503},
			{On: sandbox.KindPoll, After: 4, Times: 1, Do: sandbox.ActionLost},
			{On: sandbox.KindFile, FileNo: 2, Times: 1, AtByte: 2000, Do: sandbox.ActionReset},
			{On: sandbox.KindFile, FileNo: 3, Times: 1, AtByte: 1000, Do: sandbox.ActionHang},
			{On: sandbox.KindFile, FileNo: 4, Times: 1, Do: sandbox.ActionWrongLength},
			{On: sandbox.KindFile, FileNo: 5, Times: 1, Do: sandbox.ActionGarbage, Status: 502},
			{On: sandbox.KindFile, FileNo: 6, Times: 1, Do: sandbox.ActionHTML},
			{On: sandbox.KindFile, FileNo: 7, Do: sandbox.ActionStatus, Status: 503, For: 90 * time.Second},
			{On: sandbox.KindToken, P: 0.3, Seed: 5, Do: sandbox.ActionStatus, Status: 503},
		}
	})
	p.arrives(t, func(w *scenario.World, x *scenario.Export) {
		met := map[sandbox.Action]bool{}
		for _, r := range w.Requests() {
			met[r.Fault] = true
		}
		for _, action := range []sandbox.Action{
			sandbox.ActionStatus, sandbox.ActionLost, sandbox.ActionReset, sandbox.ActionHang,
			sandbox.ActionWrongLength, sandbox.ActionGarbage, sandbox.ActionHTML,
		} {
			if !met[action] {
				t.Errorf("the export never met %s", action)
			}
		}
		if x.Kickoffs != 1 {
			t.Errorf("%d kick-offs", x.Kickoffs)
		}
	})
}
