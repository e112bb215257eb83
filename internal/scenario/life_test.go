package scenario_test

import (
	"encoding/json"
	"maps"
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

// with gives the world of one standard practice with other knobs.
func with(knobs func(*sandbox.Knobs)) scenario.Spec {
	return scenario.Spec{Tenant: scenario.Tenant{Knobs: knobs}}
}

// count says how many of the practice's requests are of a kind and method.
func count(requests []sandbox.Request, kind sandbox.Kind, method string) (n int) {
	for _, r := range requests {
		if r.Kind == kind && r.Method == method {
			n++
		}
	}
	return n
}

func TestAnExportOutlivesItsProcessUnderTheSameIdentity(t *testing.T) {
	t.Attr("shows", "BD-006 BD-064 BS-093 BS-115 P10")
	spec := with(func(k *sandbox.Knobs) { k.BindClient, k.Takes, k.RetryAfter = true, time.Hour, 10*time.Minute })
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Await(w.Request(w.Tenant().ID, export.Wish{By: "test"}), life.Polling)
		url := x.StatusURL
		w.Pass(25 * time.Minute)
		w.Restart()
		x = w.Want(w.Settle(x), life.Completed)
		if x.StatusURL != url {
			t.Error("the status URL is another one after the restart")
		}
		if n := w.Count(sandbox.KindKickoff); n != 1 {
			t.Errorf("%d kick-offs", n)
		}
	})
}

func TestAnEmptyExportIsASuccess(t *testing.T) {
	t.Attr("shows", "BD-007 BD-094 BD-165")
	scenario.Run(t, with(func(k *sandbox.Knobs) { k.Empty = true }), func(w *scenario.World) {
		if x := w.Want(w.Export(), life.Completed); len(x.Files) != 0 {
			t.Errorf("%d files", len(x.Files))
		}
	})
}

func TestAnExportWithoutPatientsIsASuccess(t *testing.T) {
	t.Attr("shows", "BD-165")
	spec := scenario.Spec{Tenant: scenario.Tenant{Types: []string{"Practitioner", "Organization"}}}
	scenario.Run(t, spec, func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		if len(w.Rows("practitioner")) == 0 || len(w.Rows("patient")) != 0 {
			t.Errorf("%d practitioners and %d patients", len(w.Rows("practitioner")), len(w.Rows("patient")))
		}
	})
}

func TestTheWatermarkIsTheServersWordAndMovesOnlyWhenAllIsThere(t *testing.T) {
	t.Attr("shows", "BD-038 BD-090 BD-091")
	scenario.Run(t, with(func(k *sandbox.Knobs) { k.SilentEdit, k.Deletions = 100, false }), func(w *scenario.World) {
		first := w.Want(w.Export(), life.Completed)
		rows := len(w.Rows("observation"))

		w.Change(func(k *sandbox.Knobs) {
			k.Faults = []sandbox.Fault{{On: sandbox.KindFile, Do: sandbox.ActionStatus, Status: 404}}
		})
		w.Pass(24 * time.Hour)
		failed := w.Export()
		if len(failed.Files) > 0 && failed.State != life.Failed {
			t.Errorf("an export whose files cannot be had is %s", failed.State)
		}
		w.Change(func(k *sandbox.Knobs) { k.Faults = nil })
		second := w.Want(w.Export(), life.Completed)
		if second.Since != first.TransactionTime {
			t.Errorf("_since %s, the first export's transactionTime is %s", second.Since, first.TransactionTime)
		}
		if n := len(w.Rows("observation")); n < rows {
			t.Errorf("%d observations after %d", n, rows)
		}
		w.Pass(time.Hour)
		w.Want(w.Full(), life.Completed)
		seen := map[string]bool{}
		for _, r := range w.Rows("observation") {
			if seen[r["id"]] {
				t.Errorf("observation %s is there twice", r["id"])
			}
			seen[r["id"]] = true
		}
	})
}

func TestPagesAreFollowedToTheLast(t *testing.T) {
	t.Attr("shows", "BD-057 BD-110 BD-111 BD-112 P12")
	spec := with(func(k *sandbox.Knobs) {
		k.Dialect, k.Pages, k.PageWaits, k.FilesPer, k.Outcomes = sandbox.STU3, 3, 2, 5, sandbox.OutcomesWarning
	})
	spec.Profile, spec.Level = "standard-stu3", "group"
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		pages := map[int64]int{}
		outcomes := 0
		for _, f := range x.Files {
			pages[f.Page]++
			if f.Section == "error" {
				outcomes++
			}
		}
		if len(pages) != 3 {
			t.Errorf("files by page: %v, want three pages", pages)
		}
		if outcomes != 1 {
			t.Errorf("the file of outcomes was read %d times, every page repeats it", outcomes)
		}
		if n := len(w.Rows("patient")); n != 8 {
			t.Errorf("%d patients, want 8: %s", n, x)
		}
	})
}

func TestAManifestThatLinksToItselfEnds(t *testing.T) {
	t.Attr("fault", "hostile: a page of the manifest links to itself -> failed with manifest_invalid, nothing published")
	t.Attr("shows", "BD-115")
	spec := with(func(k *sandbox.Knobs) { k.Dialect, k.Pages, k.PageLoop = sandbox.STU3, 2, true })
	spec.Profile = "standard-stu3"
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Failed)
		if p := w.Problem(x); p.Code != problem.ManifestInvalid {
			t.Errorf("problem %s", p.Code)
		}
		if x.NextSince != "" && len(w.Rows("patient")) > 0 {
			t.Error("pages of a broken manifest were published")
		}
	})
}

func TestAPageThatFailsForGoodLeavesTheWatermarkAndPublishesNothing(t *testing.T) {
	t.Attr("fault", "server: the second page of a manifest answers 500 -> failed, nothing published; the next export completes")
	t.Attr("shows", "BD-113")
	spec := with(func(k *sandbox.Knobs) {
		k.Dialect, k.Pages, k.FilesPer, k.Takes, k.RetryAfter = sandbox.STU3, 3, 5, 0, time.Second
		k.Faults = []sandbox.Fault{{On: sandbox.KindPoll, After: 1, Do: sandbox.ActionStatus, Status: 500}}
	})
	spec.Profile = "standard-stu3"
	scenario.Run(t, spec, func(w *scenario.World) {
		w.Want(w.Export(), life.Failed)
		if n := len(w.Rows("patient")); n != 0 {
			t.Errorf("%d patients of an unfinished export are published", n)
		}
		w.Change(func(k *sandbox.Knobs) { k.Faults = nil })
		if x := w.Want(w.Export(), life.Completed); x.Mode != "full" {
			t.Errorf("the next export is %s: the watermark has moved", x.Mode)
		}
	})
}

func TestTheServerIsToldToForgetOnlyWhenAllIsSafe(t *testing.T) {
	t.Attr("shows", "BD-121 D11")
	scenario.Run(t, scenario.Spec{}, func(w *scenario.World) {
		w.Change(func(k *sandbox.Knobs) {
			k.Faults = []sandbox.Fault{{On: sandbox.KindFile, Times: 30, Do: sandbox.ActionStatus, Status: 404}}
		})
		failed := w.Want(w.Export(), life.Failed)
		if n := w.Count(sandbox.KindDelete); n != 0 {
			t.Errorf("%d DELETEs after a failed export", n)
		}
		w.Change(func(k *sandbox.Knobs) { k.Faults = nil })
		w.Want(w.Resume(failed), life.Completed)
		requests := w.Requests()
		last := slices.IndexFunc(requests, func(r sandbox.Request) bool { return r.Kind == sandbox.KindDelete })
		if last < 0 || slices.ContainsFunc(requests[last:], func(r sandbox.Request) bool { return r.Kind == sandbox.KindFile }) {
			t.Error("DELETE does not follow the last file")
		}
	})
}

func TestWhatWasDeletedAndCreatedAgainIsThere(t *testing.T) {
	t.Attr("shows", "BD-157 BD-158")
	scenario.Run(t, with(func(k *sandbox.Knobs) { k.Deletions = false }), func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		before := len(w.Rows("condition"))
		w.Change(func(k *sandbox.Knobs) { k.Deleted = 5 })
		w.Pass(24 * time.Hour)
		w.Want(w.Export(), life.Completed)
		w.Change(func(k *sandbox.Knobs) { k.Deleted = 0 })
		w.Pass(24 * time.Hour)
		silent := w.Want(w.Export(), life.Completed)
		if silent.Happened("deletions_not_reported") != 1 {
			t.Errorf("nobody is told that deletions are unknown: %s", silent)
		}
		w.Want(w.Full(), life.Completed)
		if after := len(w.Rows("condition")); after < before {
			t.Errorf("%d conditions, %d before the deletion that was taken back", after, before)
		}
	})
}

// newMembers is a practice whose server leaves out the older data of patients
// who joined the group.
func newMembers(dialect sandbox.Dialect, profile string) scenario.Spec {
	spec := with(func(k *sandbox.Knobs) {
		k.Dialect, k.Post, k.Joins, k.Leaves, k.NewMembers = dialect, true, 30, 10, sandbox.NewMembersOmit
		k.Duplicate, k.SlotUntilDelete = sandbox.Duplicate429, true
	})
	spec.Profile, spec.Patients, spec.Level = profile, 20, "group"
	spec.Tenant.Config = "new_members: export"
	return spec
}

func TestPatientsWhoJoinedAGroupAreExportedWhole(t *testing.T) {
	t.Attr("shows", "BD-044 BD-161 BD-162 BD-163 BD-164 N12")
	for dialect, profile := range map[sandbox.Dialect]string{sandbox.STU2: "standard-stu2", sandbox.STU4: "standard-stu4"} {
		t.Run(profile, func(t *testing.T) {
			scenario.Run(t, newMembers(dialect, profile), func(w *scenario.World) {
				first := w.Want(w.Export(), life.Completed)
				members := len(w.Rows("patient"))
				w.Pass(24 * time.Hour)
				last := w.Want(w.Export(), life.Completed)
				if last.Since != first.NextSince || last.Purpose != "delivery" {
					t.Errorf("the last export of the chain is %s with _since %s: %s", last.Purpose, last.Since, last)
				}
				exports := w.Sandbox.Observations("LAKESIDE").Exports
				var steps []string
				for _, x := range exports[1:] {
					steps = append(steps, stepOf(x))
				}
				want := []string{"roster", "newcomers", "changes"}
				if !slices.Equal(steps, want) {
					t.Fatalf("kick-offs %v, want %v", steps, want)
				}
				joined := len(exports[2].Patients)
				if joined == 0 || len(w.Rows("patient")) != members+joined {
					t.Errorf("%d patients after %d, %d joined", len(w.Rows("patient")), members, joined)
				}
				for _, r := range w.Rows("patient") {
					if r["birth_date"] == "" {
						t.Error("a patient of the roster stands in the place of the whole one")
					}
				}
				if told := rosters(w.T(), w); len(told) != 2 || strings.Contains(told[1], " 0 left") {
					t.Errorf("nobody is told who has left: %q", told)
				}
			})
		})
	}
}

// rosters gives what the timelines say of the group.
func rosters(t *testing.T, w *scenario.World) (told []string) {
	scope := w.Store.In(w.Tenant().ID)
	exports, err := scope.Exports(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range slices.Backward(exports) {
		timeline, err := scope.Timeline(t.Context(), x.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range timeline {
			if e.Kind == "roster" {
				told = append(told, e.Detail)
			}
		}
	}
	return told
}

func stepOf(x sandbox.ExportObservations) string {
	switch {
	case len(x.Elements) > 0:
		return "roster"
	case len(x.Patients) > 0:
		return "newcomers"
	case !x.Since.IsZero():
		return "changes"
	}
	return "everything"
}

func TestAServerThatRefusesTypesIsAskedWithoutThemWhenThatIsWanted(t *testing.T) {
	t.Attr("shows", "BD-042")
	for config, want := range map[string]life.State{"": life.Failed, "retry_without_types: true": life.Completed} {
		t.Run(string(want), func(t *testing.T) {
			spec := with(func(k *sandbox.Knobs) { k.LacksParams = []string{"_type"} })
			spec.Tenant.Config, spec.Kickoffs, spec.LeavesFiles = config, 2, true
			scenario.Run(t, spec, func(w *scenario.World) {
				x := w.Want(w.Export(), want)
				for _, f := range x.Files {
					if f.Section == "output" && !slices.Contains(x.Types, f.ResourceType) {
						t.Errorf("a file of %s was fetched, which nobody wanted", f.ResourceType)
					}
				}
			})
		})
	}
}

func TestTransfersThatCrossExpiryGoOn(t *testing.T) {
	t.Attr("fault", "server: signed links lapse while files wait for the rate limit -> renewed, complete")
	t.Attr("shows", "BD-116 BD-118 BD-123")
	spec := with(func(k *sandbox.Knobs) {
		k.Access, k.LinkLife, k.FilesPer = sandbox.AccessPresigned, 5*time.Minute, 3
		k.Rate, k.RateWindow = 4, time.Minute
	})
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		if len(x.Files) < 10 {
			t.Fatalf("%d files are too few to outlast their links", len(x.Files))
		}
		if n := len(w.Rows("patient")); n != 8 {
			t.Errorf("%d patients: %s", n, x)
		}
	})
}

func TestOneProcessSpeaksToManyReleases(t *testing.T) {
	t.Attr("shows", "BD-013 BD-014 BD-019 BD-020 BD-022 BD-145 K9")
	for name, c := range map[string]struct {
		dialect         sandbox.Dialect
		profile, method string
		operations      []string
	}{
		"release 1":                {sandbox.STU1, "standard-stu1", "GET", nil},
		"release 2":                {sandbox.STU2, "standard-stu2", "GET", nil},
		"release 3":                {sandbox.STU3, "standard-stu3", "GET", nil},
		"release 4":                {sandbox.STU4, "standard-stu4", "POST", nil},
		"release 4 by discovery":   {sandbox.STU4, "standard", "POST", nil},
		"release 4 beside another": {sandbox.STU3, "standard", "POST", []string{"export", "export-v4"}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := with(func(k *sandbox.Knobs) {
				k.Dialect = c.dialect
				if c.operations != nil {
					k.Operations = c.operations
				}
			})
			spec.Profile = c.profile
			scenario.Run(t, spec, func(w *scenario.World) {
				w.Want(w.Export(), life.Completed)
				if n := count(w.Requests(), sandbox.KindKickoff, c.method); n != 1 {
					t.Errorf("%d kick-offs by %s: %v", n, c.method, w.Sandbox.Observations("LAKESIDE").Kickoffs)
				}
				if n := len(w.Rows("patient")); n != 8 {
					t.Errorf("%d patients, want 8", n)
				}
			})
		})
	}
}

func TestTheManifestIsKeptAsItCame(t *testing.T) {
	t.Attr("shows", "BD-105 BD-106 BD-107 M9")
	for _, profile := range []string{"standard-stu2", "standard-stu4"} {
		t.Run(profile, func(t *testing.T) {
			spec := with(func(k *sandbox.Knobs) {
				k.Extras = sandbox.Names{sandbox.ExtraMembers, sandbox.ExtraJobID, sandbox.ExtraChecksum}
				if profile == "standard-stu4" {
					k.Dialect = sandbox.STU4
				}
			})
			spec.Profile = profile
			scenario.Run(t, spec, func(w *scenario.World) {
				x := w.Want(w.Export(), life.Completed)
				var manifest map[string]any
				if err := json.Unmarshal([]byte(w.Manifest(x)), &manifest); err != nil {
					t.Fatal(err)
				}
				if manifest["extension"] == nil && manifest["JobID"] == nil {
					t.Errorf("what no standard names is gone from the manifest: %v", manifest)
				}
				if x.Happened("unknown_extension") == 0 {
					t.Errorf("nobody is told of the extensions: %s", x)
				}
			})
		})
	}
}

func TestACountThatIsNotMetIsFetchedAgainAndThenTold(t *testing.T) {
	t.Attr("fault", "server: a file has fewer lines than its count -> fetched three times, told, the watermark stays")
	t.Attr("shows", "BD-098 M2")
	scenario.Run(t, with(func(k *sandbox.Knobs) { k.Count = sandbox.CountWrong }), func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		if x.Happened("count_mismatch") != len(x.Files) {
			t.Errorf("not every count that is wrong is told: %s", x)
		}
		for _, f := range w.Sandbox.Files("LAKESIDE") {
			if f.Gets != 3 {
				t.Errorf("file %s was fetched %d times, want 3", f.Name, f.Gets)
			}
		}
		if w.Export().Mode != "full" {
			t.Error("the watermark moved though resources may be missing")
		}
	})
}

func TestAFileThatWasCutOnceIsFetchedAgain(t *testing.T) {
	t.Attr("shows", "BD-134 D7")
	for name, knobs := range map[string]func(*sandbox.Knobs){
		"without a length": func(k *sandbox.Knobs) {},
		"against a length": func(k *sandbox.Knobs) { k.CutLength = true },
	} {
		t.Run(name, func(t *testing.T) {
			spec := with(func(k *sandbox.Knobs) {
				k.CutAt, k.BadGets, k.Ranges = 700, 1, false
				knobs(k)
			})
			scenario.Run(t, spec, func(w *scenario.World) {
				x := w.Want(w.Export(), life.Completed)
				if refused := w.Quarantine(x); len(refused) > 0 {
					t.Errorf("the rest of a line was taken for one: %v", refused)
				}
				if n := len(w.Rows("patient")); n != 8 {
					t.Errorf("%d patients, want 8", n)
				}
			})
		})
	}
}

func TestOrganizedFilesBecomeTheSameTables(t *testing.T) {
	t.Attr("shows", "BD-056 BD-145 BD-146 BD-148")
	var tables [2]map[string]int
	for i, organized := range []bool{false, true} {
		spec := with(func(k *sandbox.Knobs) { k.Dialect, k.Organized = sandbox.STU3, organized })
		spec.Profile = "standard-stu3"
		spec.Types = []string{"Condition", "Encounter", "Observation", "Organization", "Patient", "Practitioner"}
		scenario.Run(t, spec, func(w *scenario.World) {
			x := w.Want(w.Export(), life.Completed)
			tables[i] = map[string]int{}
			for _, name := range []string{"patient", "condition", "encounter", "observation", "organization", "practitioner"} {
				tables[i][name] = len(w.Rows(name))
			}
			if refused := w.Quarantine(x); len(refused) > 0 {
				t.Errorf("%d lines refused, the first: %v", len(refused), refused[0])
			}
		})
	}
	if one, all := tables[1]["organization"], tables[0]["organization"]; one == 0 || one > all {
		t.Errorf("%d of %d organizations, though only those that a block refers to may come", one, all)
	}
	delete(tables[0], "organization")
	delete(tables[1], "organization")
	if tables[0]["patient"] == 0 || !maps.Equal(tables[0], tables[1]) {
		t.Errorf("one type a file: %v, organized: %v", tables[0], tables[1])
	}
}
