package scenario_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/quality"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// reasons counts the refused lines of an export by reason.
func reasons(w *scenario.World, x *scenario.Export) map[string]int {
	w.T().Helper()
	n := map[string]int{}
	for _, q := range w.Quarantine(x) {
		if q.File == "" || q.Line < 1 || q.Content == "" && len(q.Base64) == 0 {
			w.T().Errorf("a refused line without its place or its bytes: %s, line %d", q.File, q.Line)
		}
		n[q.Reason]++
	}
	return n
}

// missing gives how many of the practice's resources of a type are in no row.
func (p practice) missing(w *scenario.World, x *scenario.Export, resourceType string) int {
	w.T().Helper()
	have, n := ids(w, tables[resourceType]), 0
	for _, id := range p.held(w, x, resourceType) {
		if !slices.Contains(have, id) {
			n++
		}
	}
	return n
}

func TestBlankLinesAreSkippedAndCounted(t *testing.T) {
	t.Attr("shows", "N1 BD-141")
	odd(func(k *sandbox.Knobs) { k.BlankLines = 3 }).arrives(t, func(_ *scenario.World, x *scenario.Export) {
		for _, f := range x.Files {
			if f.Blank == 0 || f.Quarantined > 0 {
				t.Errorf("file %s: %d blank, %d refused lines", f.Name, f.Blank, f.Quarantined)
			}
		}
	})
}

func TestLinesMayEndInEveryWay(t *testing.T) {
	t.Attr("shows", "N2 BD-140 BD-141")
	for name, knobs := range map[string]func(*sandbox.Knobs){
		"crlf":         func(k *sandbox.Knobs) { k.EOL = sandbox.EOLCRLF },
		"bom":          func(k *sandbox.Knobs) { k.BOM = true },
		"no final end": func(k *sandbox.Knobs) { k.NoFinalEOL = true },
		"all": func(k *sandbox.Knobs) {
			k.EOL, k.BOM, k.NoFinalEOL, k.BlankLines = sandbox.EOLCRLF, true, true, 2
		},
	} {
		t.Run(name, func(t *testing.T) {
			odd(knobs).arrives(t, func(w *scenario.World, x *scenario.Export) {
				if n := reasons(w, x); len(n) > 0 {
					t.Errorf("refused: %v", n)
				}
			})
		})
	}
}

func TestLinesThatAreCutInTwoAreRefusedWithTheirPlace(t *testing.T) {
	t.Attr("shows", "N3 BD-142")
	for name, knobs := range map[string]func(*sandbox.Knobs){
		"split":  func(k *sandbox.Knobs) { k.SplitLine = 2 },
		"pretty": func(k *sandbox.Knobs) { k.PrettyLine = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			p := odd(func(k *sandbox.Knobs) { knobs(k); k.OddTypes = sandbox.Names{"Observation"} })
			scenario.Run(t, p.Spec, func(w *scenario.World) {
				x := w.Want(w.Export(), life.Completed)
				refused := w.Quarantine(x)
				if len(refused) < 4 || refused[0].Line != 1 || refused[0].File != "0-output-2-Observation" {
					t.Errorf("%d lines refused, the first is line %d of %s", len(refused), refused[0].Line, refused[0].File)
				}
				if got := p.missing(w, x, "Observation"); got != 2 {
					t.Errorf("%d observations are missing, want 2", got)
				}
				for reason := range reasons(w, x) {
					if !strings.HasPrefix(reason, "invalid_json:") && reason != "not_an_object" {
						t.Errorf("reason %s", reason)
					}
				}
			})
		})
	}
}

func TestLongLinesAreNoTrouble(t *testing.T) {
	t.Attr("shows", "N4 BD-139")
	odd(func(k *sandbox.Knobs) { k.BigLine, k.OddTypes = 20, sandbox.Names{"Observation"} }).arrives(t, func(w *scenario.World, x *scenario.Export) {
		longest := 0
		for name, text := range w.Raw(x) {
			if strings.HasSuffix(name, "-Observation") {
				longest = len(text)
			}
		}
		if longest < 20<<20 {
			t.Errorf("the file has %d bytes; there was no long line", longest)
		}
	})
}

func TestAResourceThatComesTwiceIsOneRow(t *testing.T) {
	t.Attr("shows", "N5 BD-138")
	odd(func(k *sandbox.Knobs) { k.Dup, k.FilesPer = 60, 10 }).arrives(t, func(_ *scenario.World, x *scenario.Export) {
		lines := int64(0)
		for _, f := range x.Files {
			lines += f.Delivered
		}
		if lines < 120 {
			t.Errorf("%d lines; nothing came twice", lines)
		}
	})
}

func TestIDsMayBeLongerThanTheStandardHasThem(t *testing.T) {
	t.Attr("shows", "N6")
	p := odd(func(k *sandbox.Knobs) { k.LongID = 120 })
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		patients := ids(w, "patient")
		if len(patients) != len(p.held(w, x, "Patient")) || len(patients[0]) != 120 {
			t.Errorf("%d patients, the first is %.150s", len(patients), patients[0])
		}
		for _, r := range w.Rows("observation") {
			if len(r["id"]) != 120 || !slices.Contains(patients, r["patient_id"]) {
				t.Errorf("observation %s of patient %s", r["id"], r["patient_id"])
			}
		}
		if n := reasons(w, x); len(n) > 0 {
			t.Errorf("refused: %v", n)
		}
	})
}

// origins counts a table's rows by whether the export brought them as they are,
// or found them here already.
func origins(w *scenario.World, table string, x *scenario.Export) (brought, found int) {
	w.T().Helper()
	for _, r := range w.Rows(table) {
		if strings.HasPrefix(r["source_file"], x.ID+"/") {
			brought++
		} else {
			found++
		}
	}
	return brought, found
}

func TestChangesAreFoundWithoutMeta(t *testing.T) {
	t.Attr("shows", "N7 BD-137")
	p := odd(func(k *sandbox.Knobs) { k.NoMeta = 100 })
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		p.complete(w, w.Want(w.Export(), life.Completed))
		w.Pass(5 * 24 * time.Hour)
		x := w.Want(w.Full(), life.Completed)
		p.complete(w, x)
		if brought, found := origins(w, "observation", x); brought == 0 || found == 0 {
			t.Errorf("%d observations changed in five days and %d did not", brought, found)
		}
	})
}

func TestReferencesOfEveryFormMeetTheirRows(t *testing.T) {
	t.Attr("shows", "N10 BD-149")
	for _, refs := range []sandbox.Refs{sandbox.RefsRelative, sandbox.RefsAbsolute, sandbox.RefsDangling} {
		t.Run(string(refs), func(t *testing.T) {
			odd(func(k *sandbox.Knobs) { k.Refs = refs }).arrives(t, func(w *scenario.World, _ *scenario.Export) {
				patients := ids(w, "patient")
				dangling := 0
				for _, r := range w.Rows("observation") {
					if !slices.Contains(patients, r["patient_id"]) {
						t.Errorf("observation %s is of patient %q, whom nobody knows", r["id"], r["patient_id"])
					}
					if strings.Contains(r["performer_id"], "gone-") {
						dangling++
					}
				}
				if refs == sandbox.RefsDangling && dangling == 0 {
					t.Error("the references that lead nowhere are not kept as they are")
				}
			})
		})
	}
}

func TestSilentEditsAreFoundByAFullExport(t *testing.T) {
	t.Attr("shows", "N11")
	p := odd(func(k *sandbox.Knobs) { k.SilentEdit = 50 })
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		w.Pass(time.Minute)
		x := w.Want(w.Export(), life.Completed)
		if brought, _ := origins(w, "observation", x); x.Mode != "incremental" || brought != 0 {
			t.Errorf("the %s export brought %d silent edits", x.Mode, brought)
		}
		x = w.Want(w.Full(), life.Completed)
		if brought, found := origins(w, "observation", x); brought < found/3 || found < brought/3 {
			t.Errorf("a full export found %d silent edits of %d observations, want about half", brought, brought+found)
		}
	})
}

func TestNewMembersWhomTheServerAddsAreTaken(t *testing.T) {
	t.Attr("shows", "N12 BD-161")
	p := odd(func(k *sandbox.Knobs) { k.Joins, k.NewMembers = 50, sandbox.NewMembersInclude })
	p.Level = "group"
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		before := len(ids(w, "patient"))
		w.Pass(time.Minute)
		x := w.Want(w.Export(), life.Completed)
		if x.Mode != "incremental" || len(ids(w, "patient")) == before {
			t.Errorf("%s export: %d patients after %d", x.Mode, len(ids(w, "patient")), before)
		}
		p.complete(w, x)
	})
}

func TestLinesWithoutIDOrOfAnotherTypeAreToldApart(t *testing.T) {
	t.Attr("shows", "N13 BD-144")
	p := odd(func(k *sandbox.Knobs) { k.WrongType, k.NoID, k.OddTypes = 2, 3, sandbox.Names{"Observation"} })
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		if n := reasons(w, x); n["id_missing"] != 3 {
			t.Errorf("refused: %v, want 3 without id", n)
		}
		if got := p.missing(w, x, "Observation"); got != 5 {
			t.Errorf("%d observations are missing, want 5", got)
		}
		strange := ""
		for _, f := range x.Files {
			if f.ResourceType == "Observation" {
				strange = string(f.Summary)
			}
		}
		if !strings.Contains(strange, `"mismatched":2`) && !strings.Contains(strange, "type_mismatch") {
			t.Errorf("nobody is told of the two lines of another type: %s", strange)
		}
	})
}

func TestBytesThatAreNoJSONAreKeptAndRefused(t *testing.T) {
	t.Attr("shows", "N14")
	kinds := []string{sandbox.BadNUL, sandbox.BadUTF8, sandbox.BadSurrogate, sandbox.BadDuplicate, sandbox.BadHugeNumber}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			p := odd(func(k *sandbox.Knobs) { k.BadBytes, k.OddTypes = sandbox.Names{kind}, sandbox.Names{"Observation"} })
			scenario.Run(t, p.Spec, func(w *scenario.World) {
				x := w.Want(w.Export(), life.Completed)
				n := reasons(w, x)
				missing := p.missing(w, x, "Observation")
				t.Log(kind, n, missing)
				if total := len(w.Quarantine(x)); total != missing || total > 1 {
					t.Errorf("%d observations are missing, refused: %v", missing, n)
				}
				text := ""
				for name, raw := range w.Raw(x) {
					if strings.HasSuffix(name, "-Observation") {
						text = raw
					}
				}
				mark := map[string]string{
					sandbox.BadNUL: "x-nul-\x00", sandbox.BadUTF8: "x-\xff\xfe", sandbox.BadSurrogate: `x-\ud800`,
					sandbox.BadDuplicate: `"language":"en","language":"de"`, sandbox.BadHugeNumber: "99e4000",
				}[kind]
				if !strings.Contains(text, mark) {
					t.Errorf("the raw file does not have the bytes as they came: %.80q", text)
				}
			})
		})
	}
}

func TestOddContentTogetherIsNoMoreTroubleThanApart(t *testing.T) {
	t.Attr("shows", "N1 N2 N5 N10")
	p := odd(func(k *sandbox.Knobs) {
		k.BlankLines, k.EOL, k.BOM, k.NoFinalEOL, k.Dup, k.Refs, k.FilesPer = 4, sandbox.EOLCRLF, true, true, 30, sandbox.RefsAbsolute, 12
		k.Enc, k.Access, k.LinkLife = sandbox.EncMultiMember, sandbox.AccessRedirect, 10*time.Minute
	})
	p.arrives(t, func(w *scenario.World, x *scenario.Export) {
		if n := reasons(w, x); len(n) > 0 {
			t.Error("refused:", fmt.Sprint(n))
		}
	})
}

func TestResultsThatTheServerHidesShowAsLinksThatLeadNowhere(t *testing.T) {
	t.Attr("shows", "N9")
	const dangling = `SELECT count(*) FROM diagnostic_report_result r
		LEFT JOIN observation o ON o.tenant_id = r.tenant_id AND o.id = r.observation_id WHERE o.id IS NULL`
	p := odd(func(k *sandbox.Knobs) { k.HideMembers = true })
	p.DuckDB, p.Types = true, []string{"DiagnosticReport", "Observation", "Patient"}
	p.Source = sandbox.FromPopulation(population.New(population.Config{ // with enough observations for laboratories
		Seed: 11, Practice: "lakeside", Patients: 3, Epoch: scenario.Begin, VisitsPerPatient: 3, ObservationsPerPatient: 60,
	}))
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		if n := w.Query(dangling)[0][0]; n == int64(0) {
			t.Error("no report misses its results, though the server hides them")
		}
		if asked := w.QualityOf(x).Questions; !slices.ContainsFunc(asked, func(q quality.Question) bool {
			return q.Kind == quality.KindMissing && q.About == "DiagnosticReport -> Observation"
		}) {
			t.Errorf("nobody is asked about the missing results: %+v", asked)
		}
		w.Change(func(k *sandbox.Knobs) { k.HideMembers = false })
		y := w.Want(w.Full(), life.Completed)
		if n := w.Query(dangling)[0][0]; n != int64(0) {
			t.Errorf("%v results are missing though the server gives all", n)
		}
		all := w.QualityOf(y)
		for _, l := range all.Links {
			if l.From == "DiagnosticReport" && l.To == "Observation" && l.Missing > 0 {
				t.Errorf("%d results are missing though the server gives all", l.Missing)
			}
		}
		if all.Compared != x.ID || all.Delivered == 0 || all.Guide == "" {
			t.Errorf("the summary is compared with %q: %+v", all.Compared, all)
		}
	})
}
