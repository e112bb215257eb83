package scenario_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// A practice is a source whose records a test can look at, beside the world
// that exports them.
type practice struct {
	scenario.Spec
	records sandbox.Source
}

// odd gives a world of one practice with other knobs.
func odd(knobs func(*sandbox.Knobs)) practice {
	records := sandbox.FromPopulation(population.New(population.Config{
		Seed: 11, Practice: "lakeside", Patients: 8, Epoch: scenario.Begin, VisitsPerPatient: 3, ObservationsPerPatient: 6,
		ChangeRate: 0.05, DeleteRate: 0.01, JoinRate: 0.02, Canary: scenario.Canary,
	}))
	p := practice{Spec: with(knobs), records: records}
	p.Source = records
	return p
}

// tolerating lets bulkhead use a profile that tolerates more than the standard.
func (p practice) tolerating(t *testing.T, tolerances ...string) practice {
	t.Helper()
	dir := t.TempDir()
	text := "name: odd\nextends: standard\ntolerate: [" + strings.Join(tolerances, ", ") + "]\n"
	if err := os.WriteFile(filepath.Join(dir, "odd.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Registration, p.Spec.Config = "profile: odd", "profiles: "+dir
	return p
}

// held gives the ids of the practice's resources of a type as they were at an
// export's transactionTime.
func (p practice) held(w *scenario.World, x *scenario.Export, resourceType string) []string {
	w.T().Helper()
	until, err := fhir.ParseInstant(x.TransactionTime)
	if err != nil {
		w.T().Fatal(err)
	}
	var ids []string
	for line, err := range p.records.Open(w.T().Context(), sandbox.Query{Type: resourceType, Until: until}) {
		if err != nil {
			w.T().Fatal(err)
		}
		_, rest, _ := strings.Cut(string(line), `"id":"`)
		id, _, _ := strings.Cut(rest, `"`)
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// ids gives those of a published table, sorted.
func ids(w *scenario.World, table string) []string {
	w.T().Helper()
	var found []string
	for _, r := range w.Rows(table) {
		found = append(found, r["id"])
	}
	slices.Sort(found)
	return found
}

// tables are those that hold the default types of a world, one row for each resource.
var tables = map[string]string{"Patient": "patient", "Observation": "observation", "Condition": "condition", "Encounter": "encounter"}

// complete checks that the published tables hold what the practice holds, each
// resource once.
func (p practice) complete(w *scenario.World, x *scenario.Export) {
	w.T().Helper()
	for resourceType, table := range tables {
		if got, want := ids(w, table), p.held(w, x, resourceType); !slices.Equal(got, want) || len(want) == 0 {
			w.T().Errorf("%s: %d rows, the practice has %d: %s", table, len(got), len(want), x)
		}
	}
}

// told reports whether the timeline has an event of that kind and detail.
func told(x *scenario.Export, kind, detail string) bool {
	for _, e := range x.Timeline {
		if e.Kind == kind && strings.Contains(e.Detail, detail) {
			return true
		}
	}
	return false
}

// wantProblem ends the test unless the export failed with that problem and
// published nothing.
func wantProblem(w *scenario.World, x *scenario.Export, code problem.Code) {
	w.T().Helper()
	w.Want(x, life.Failed)
	if p := w.Problem(x); p == nil || p.Code != code {
		w.T().Errorf("problem %v, want %s: %s", p, code, x)
	}
	if n := len(w.Rows("patient")); n > 0 {
		w.T().Errorf("%d patients of a failed export are published", n)
	}
}

func TestAManifestWithoutErrorsIsRead(t *testing.T) {
	t.Attr("shows", "M1")
	p := odd(func(k *sandbox.Knobs) { k.Omit = sandbox.Names{"error"} })
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		p.complete(w, x)
		if !told(x, "deviation", "manifest-error-missing") {
			t.Errorf("nobody is told that error is missing: %s", x)
		}
	})
}

func TestCountsAreComparedWhereTheyAreGiven(t *testing.T) {
	t.Attr("shows", "M2 BD-098")
	for _, count := range []sandbox.Count{sandbox.CountNone, sandbox.CountRight, sandbox.CountString, sandbox.CountWrong} {
		t.Run("count "+string(count), func(t *testing.T) {
			p := odd(func(k *sandbox.Knobs) { k.Count = count })
			scenario.Run(t, p.Spec, func(w *scenario.World) {
				x := w.Want(w.Export(), life.Completed)
				p.complete(w, x)
				if wrong := told(x, "count_mismatch", "8 resources, the manifest promised 11"); wrong != (count == sandbox.CountWrong) {
					t.Errorf("a wrong count was told: %v: %s", wrong, x)
				}
				if held := x.Happened("watermark_kept") > 0; held != (count == sandbox.CountWrong) {
					t.Errorf("the watermark was held: %v: %s", held, x)
				}
				if strange := told(x, "deviation", "count-not-number"); strange != (count == sandbox.CountString) {
					t.Errorf("a count that is no number was told: %v", strange)
				}
			})
		})
	}
}

func TestRequiresAccessTokenIsTakenAtItsWordOrNotAtAll(t *testing.T) {
	t.Attr("shows", "M3 BD-093")
	for _, c := range []struct {
		rat       sandbox.RAT
		tolerance string
		want      life.State
	}{
		{sandbox.RATTrue, "", life.Completed},
		{sandbox.RATText, "", life.Failed},
		{sandbox.RATText, "token-flag-text", life.Completed},
		{sandbox.RATMissing, "", life.Failed},
		{sandbox.RATMissing, "token-flag-missing", life.Completed},
		{sandbox.RATWrong, "", life.Failed},
		{sandbox.RATWrong, "token-flag-text", life.Failed},
	} {
		t.Run(strings.TrimSpace(string(c.rat)+" "+c.tolerance), func(t *testing.T) {
			p := odd(func(k *sandbox.Knobs) { k.RAT = c.rat })
			if c.tolerance != "" {
				p = p.tolerating(t, c.tolerance)
			}
			scenario.Run(t, p.Spec, func(w *scenario.World) {
				x := w.Export()
				if c.want == life.Failed {
					wantProblem(w, x, problem.ManifestInvalid)
					if n := w.Count(sandbox.KindFile); n > 0 {
						t.Errorf("%d files were asked for", n)
					}
					return
				}
				w.Want(x, life.Completed)
				p.complete(w, x)
			})
		})
	}
}

func TestWithoutAWordNoTokenGoesToAnotherHost(t *testing.T) {
	t.Attr("fault", "hostile: files on another host, requiresAccessToken missing -> no token goes there")
	t.Attr("shows", "M3 BD-129")
	p := odd(func(k *sandbox.Knobs) { k.RAT, k.URLs = sandbox.RATMissing, sandbox.URLsOtherHost }).tolerating(t, "token-flag-missing")
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		wantProblem(w, w.Export(), problem.DownloadFailed)
		for _, r := range w.Requests() {
			if r.Kind == sandbox.KindStorage && r.Authorized {
				t.Error("a token reached a host that the manifest did not ask one for")
			}
		}
	})
}

func TestTheNextExportBeginsBeforeOurOwnKickoff(t *testing.T) {
	t.Attr("shows", "M4 M5")
	for _, c := range []struct {
		at        sandbox.TxTime
		tolerance string
	}{{sandbox.TxEnd, ""}, {sandbox.TxMissing, "transaction-time-missing"}, {sandbox.TxNoZone, ""}, {sandbox.TxGarbage, ""}} {
		t.Run(string(c.at), func(t *testing.T) {
			p := odd(func(k *sandbox.Knobs) { k.TxTime, k.Takes, k.RetryAfter = c.at, 3*time.Hour, time.Hour })
			if c.tolerance != "" {
				p = p.tolerating(t, c.tolerance)
			}
			scenario.Run(t, p.Spec, func(w *scenario.World) {
				x := w.Want(w.Export(), life.Completed)
				next, err := fhir.ParseInstant(x.NextSince)
				if err != nil || next.After(x.KickoffSentAt) || next.Before(x.KickoffSentAt.Add(-time.Minute)) {
					t.Errorf("next _since %q, kicked off at %s", x.NextSince, x.KickoffSentAt)
				}
				w.Pass(48 * time.Hour)
				if y := w.Want(w.Export(), life.Completed); y.Since != x.NextSince {
					t.Errorf("_since %s, want %s", y.Since, x.NextSince)
				}
			})
		})
	}
}

func TestAManifestWithoutATimeIsRefusedUnlessThatIsTolerated(t *testing.T) {
	t.Attr("shows", "M4 BD-088")
	p := odd(func(k *sandbox.Knobs) { k.TxTime = sandbox.TxMissing })
	scenario.Run(t, p.Spec, func(w *scenario.World) { wantProblem(w, w.Export(), problem.ManifestInvalid) })
}

func TestAnEmptyExportRemovesNothing(t *testing.T) {
	t.Attr("fault", "server: a full export that is empty -> complete, nothing removed")
	t.Attr("shows", "M6")
	p := odd(nil)
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		p.complete(w, w.Want(w.Export(), life.Completed))
		before := ids(w, "patient")
		w.Change(func(k *sandbox.Knobs) { k.Empty = true })
		x := w.Want(w.Full(), life.Completed)
		if !slices.Equal(ids(w, "patient"), before) {
			t.Errorf("%d patients after an empty export, %d before", len(ids(w, "patient")), len(before))
		}
		if x.Happened("absent_kept") == 0 {
			t.Errorf("nobody is told that everything is missing: %s", x)
		}
	})
}

func TestManyFilesOfATypeAreAllKeptApart(t *testing.T) {
	t.Attr("shows", "M7")
	p := odd(func(k *sandbox.Knobs) { k.FilesPerType = 75 })
	p.Types = []string{"Observation", "Patient"}
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		names := map[string]bool{}
		for _, f := range x.Files {
			names[f.Name] = true
		}
		if len(names) != 150 || len(x.Files) != 150 {
			t.Errorf("%d names of %d files, want 150", len(names), len(x.Files))
		}
		for _, resourceType := range p.Types {
			if got, want := ids(w, tables[resourceType]), p.held(w, x, resourceType); !slices.Equal(got, want) {
				t.Errorf("%s: %d rows, the practice has %d", resourceType, len(got), len(want))
			}
		}
	})
}

func TestEscapedAmpersandsAreUndoneWhereTheVendorWritesThem(t *testing.T) {
	t.Attr("shows", "M8")
	for profile, want := range map[string]life.State{"ecw": life.Completed, "standard": life.Failed} {
		t.Run(profile, func(t *testing.T) {
			p := odd(func(k *sandbox.Knobs) { k.AmpEscape = true })
			p.Preset = profile
			scenario.Run(t, p.Spec, func(w *scenario.World) {
				if x := w.Want(w.Export(), want); want == life.Completed {
					p.complete(w, x)
				}
			})
		})
	}
}

func TestWhatNoStandardNamesIsPassedOver(t *testing.T) {
	t.Attr("shows", "M9")
	for _, dialect := range []sandbox.Dialect{sandbox.STU2, sandbox.STU4} {
		t.Run(string(dialect), func(t *testing.T) {
			p := odd(func(k *sandbox.Knobs) {
				k.Dialect = dialect
				k.Extras = sandbox.Names{sandbox.ExtraMembers, sandbox.ExtraJobID, sandbox.ExtraChecksum}
			})
			p.Profile = "standard-" + string(dialect)
			scenario.Run(t, p.Spec, func(w *scenario.World) {
				p.complete(w, w.Want(w.Export(), life.Completed))
			})
		})
	}
}

func TestAChecksumTellsAFileThatIsNotWhatItShouldBe(t *testing.T) {
	t.Attr("fault", "server: a file differs from the manifest's checksum -> told")
	t.Attr("shows", "M9 D8")
	for bad, name := range map[int]string{1: "once", 0: "always"} {
		t.Run(name, func(t *testing.T) {
			p := odd(func(k *sandbox.Knobs) {
				k.Extras, k.FileError, k.BadGets = sandbox.Names{sandbox.ExtraChecksum}, sandbox.FileErrorLine, bad
				k.OddTypes = sandbox.Names{"Condition"}
			})
			p.arrives(t, func(w *scenario.World, x *scenario.Export) {
				if differs := told(x, "checksum_differs", "-Condition"); differs != (bad == 0) {
					t.Errorf("a wrong checksum was told: %v: %s", differs, x)
				}
				if refused := len(w.Quarantine(x)); (refused > 0) != (bad == 0) {
					t.Errorf("%d lines refused", refused)
				}
				for _, f := range w.Sandbox.Files("LAKESIDE") {
					if want := map[string]int{"Condition": 3 - bad}[f.Type]; f.Gets != max(want, 1) {
						t.Errorf("file %s was asked for %d times", f.Name, f.Gets)
					}
				}
			})
		})
	}
}

func TestOnlyErrorsOfTheServerHoldTheWatermark(t *testing.T) {
	t.Attr("shows", "M10 BD-100")
	for _, c := range []struct {
		dialect  sandbox.Dialect
		outcomes sandbox.Outcomes
		errors   int64
	}{
		{sandbox.STU2, sandbox.OutcomesInfo, 0},
		{sandbox.STU2, sandbox.OutcomesWarning, 0},
		{sandbox.STU2, sandbox.OutcomesError, 1},
		{sandbox.STU4, sandbox.OutcomesInfo, 0},
		{sandbox.STU4, sandbox.OutcomesMixed, 3},
	} {
		t.Run(string(c.dialect)+" "+string(c.outcomes), func(t *testing.T) {
			p := odd(func(k *sandbox.Knobs) { k.Dialect, k.Outcomes = c.dialect, c.outcomes })
			p.Profile = "standard-" + string(c.dialect)
			p.arrives(t, func(_ *scenario.World, x *scenario.Export) {
				if x.ServerErrors != c.errors {
					t.Errorf("%d errors of the server, want %d", x.ServerErrors, c.errors)
				}
				if kept := x.Happened("watermark_kept") > 0; kept != (c.errors > 0) {
					t.Errorf("the watermark was held: %v: %s", kept, x)
				}
			})
		})
	}
}

func TestDeletionsAreAppliedAndNothingElse(t *testing.T) {
	t.Attr("shows", "M11 BD-155 BD-156 BD-160")
	p := odd(func(k *sandbox.Knobs) { k.Deletions = false })
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		before := ids(w, "observation")
		w.Change(func(k *sandbox.Knobs) { k.Deleted = 7 })
		w.Pass(time.Minute)
		x := w.Want(w.Export(), life.Completed)
		after := ids(w, "observation")
		if len(after) != len(before)-7 {
			t.Errorf("%d observations after %d, want 7 fewer: %s", len(after), len(before), x)
		}
		var refused, deletions string
		for _, f := range x.Files {
			if f.Section == "deleted" {
				deletions = string(f.Summary)
			}
		}
		for _, q := range w.Quarantine(x) {
			refused += q.Reason
		}
		if !strings.Contains(deletions+refused, "deletion_method") {
			t.Errorf("the entry that is no deletion is not reported: %s %s", deletions, refused)
		}
	})
}

func TestLinksAreRenewedByTheManifest(t *testing.T) {
	t.Attr("fault", "server: links to files lapse -> renewed by the manifest, complete")
	t.Attr("shows", "M12 D4 BD-117 BD-109")
	for _, access := range []sandbox.Access{sandbox.AccessPresigned, sandbox.AccessBearer} {
		t.Run("file "+string(access), func(t *testing.T) {
			p := odd(func(k *sandbox.Knobs) {
				k.Access, k.LinkLife, k.FilesPer = access, 3*time.Minute, 5
				k.Rate, k.RateWindow = 5, time.Minute // the queue outlives the links
				k.Faults = []sandbox.Fault{{On: sandbox.KindStorage, Do: sandbox.ActionSlow, Rate: 12}}
			})
			scenario.Run(t, p.Spec, func(w *scenario.World) {
				x := w.Want(w.Export(), life.Completed)
				p.complete(w, x)
				if x.Happened("links_renewed") == 0 || x.Kickoffs != 1 {
					t.Errorf("%d renewals, %d kick-offs: %s", x.Happened("links_renewed"), x.Kickoffs, x)
				}
			})
		})
	}
}

func TestAManifestThatIsGivenAnewMayBeAnother(t *testing.T) {
	t.Attr("fault", "server: links lapse, and the manifest that renews them has the files in another order, or under other URLs -> each file is found again, or by its place where nothing says more; complete")
	t.Attr("fault", "server: links lapse, and the manifest that renews them has other URLs and another order or number, and nothing says which file is which -> failed with download_failed or manifest_invalid, nothing published; the next export completes")
	t.Attr("shows", "M12 D4")
	for relisted, c := range map[sandbox.Relisting]struct {
		access sandbox.Access
		ends   []problem.Code // none: it completes
	}{
		sandbox.RelistedTurned:       {sandbox.AccessBearer, nil},
		sandbox.RelistedOpaque:       {sandbox.AccessPresigned, nil},
		sandbox.RelistedOpaqueTurned: {sandbox.AccessBearer, []problem.Code{problem.ManifestInvalid, problem.DownloadFailed}},
		sandbox.RelistedOpaqueFewer:  {sandbox.AccessPresigned, []problem.Code{problem.DownloadFailed}},
	} {
		t.Run(string(relisted), func(t *testing.T) {
			p := odd(func(k *sandbox.Knobs) {
				k.Access, k.LinkLife, k.FilesPer, k.Relisted, k.Count = c.access, 3*time.Minute, 5, relisted, sandbox.CountNone
				k.Rate, k.RateWindow = 5, time.Minute // the queue outlives the links
				k.Faults = []sandbox.Fault{{On: sandbox.KindStorage, Do: sandbox.ActionSlow, Rate: 12}}
			})
			p.Spec.Kickoffs = 3 // the server holds the place of an export that failed
			scenario.Run(t, p.Spec, func(w *scenario.World) {
				x := w.Export()
				if len(c.ends) == 0 {
					p.complete(w, w.Want(x, life.Completed))
					if x.Happened("links_renewed") == 0 {
						t.Errorf("no link was renewed: %s", x)
					}
					return
				}
				if w.Want(x, life.Failed); !slices.Contains(c.ends, problem.Code(x.ProblemCode)) || len(w.Rows("patient")) > 0 {
					t.Errorf("%s, %d patients in the table", x, len(w.Rows("patient")))
				}
				w.Change(func(k *sandbox.Knobs) { k.LinkLife = 0 })
				p.complete(w, w.Want(w.Export(), life.Completed))
			})
		})
	}
}

func TestFilesOrganizedByPatientGiveTheSameTables(t *testing.T) {
	t.Attr("shows", "BD-145 BD-146 BD-147 BD-148")
	p := odd(func(k *sandbox.Knobs) { k.Dialect, k.FilesPer = sandbox.STU3, 7 })
	p.Profile, p.Tenant.Config = "standard-stu3", "organize_output_by: Patient"
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		p.complete(w, x)
		for _, f := range x.Files {
			if f.Quarantined > 0 || f.ResourceType == "Patient" {
				t.Errorf("file %s of type %s: %d lines refused", f.Name, f.ResourceType, f.Quarantined)
			}
		}
		if manifest := w.Manifest(x); !strings.Contains(manifest, "continuesInFile") {
			t.Error("no block goes on in another file, so nothing is shown")
		}
	})
}

func TestPagesOfARunningExportAreEachReadOnce(t *testing.T) {
	t.Attr("shows", "BD-108 BD-109 P12")
	p := odd(func(k *sandbox.Knobs) {
		k.Dialect, k.Partial, k.Pages, k.FilesPer, k.Takes, k.RetryAfter = sandbox.STU3, true, 4, 5, 4*time.Hour, 10*time.Minute
	})
	p.Profile = "standard-stu3"
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		began := time.Now()
		x := w.Want(w.Export(), life.Completed)
		p.complete(w, x)
		if took := time.Since(began); took < 4*time.Hour || took > 5*time.Hour {
			t.Errorf("the export took %v", took)
		}
		names := map[string]int{}
		for _, f := range w.Sandbox.Files("LAKESIDE") {
			names[f.Name] += f.Gets
		}
		for name, gets := range names {
			if gets != 1 {
				t.Errorf("file %s was fetched %d times", name, gets)
			}
		}
	})
}

func TestRelativeLinksAreBelowTheStatusURL(t *testing.T) {
	t.Attr("shows", "BD-097")
	p := odd(func(k *sandbox.Knobs) { k.Dialect, k.URLs = sandbox.STU1, sandbox.URLsRelative })
	p.Profile = "standard-stu1"
	p.arrives(t, nil)
}
