package ingest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// unitOf is files of one section and type with those texts.
func unitOf(section Section, resourceType string, texts ...string) (files []Source) {
	for i, text := range texts {
		f := textSource(section, resourceType, text)
		f.File = fmt.Sprintf("0-%s-%d-%s", section, i, resourceType)
		files = append(files, f)
	}
	return files
}

func TestEachFileOfAUnitHasTheSummaryThatItHasAlone(t *testing.T) {
	texts := []string{
		mixedLines, twoPatients + "{\"no\n\n", "", strings.Repeat("x", 100_000) + "\n" + twoPatients,
		`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found"}]}` + "\n",
	}
	for _, workers := range []int{1, 3} {
		o := testOptions(t)
		o.MaxLine, o.Workers = 90_000, workers
		o.Permits = func(string) bool { return true }
		files := unitOf(Output, "Patient", texts...)
		together, err := Unit(t.Context(), o, files...)
		if err != nil {
			t.Fatal(err)
		}
		rows := tableOf(t, o, together[0], table.Index.Name)
		for i, src := range files {
			refused := refusals(t, o, together[i])
			alone := mustRun(t, o, src) // in the place of what the unit left of the file
			if diff := cmp.Diff(refusals(t, o, alone), refused); diff != "" {
				t.Errorf("%d workers: quarantine of %s:\n%s", workers, src.File, diff)
			}
			want := indexOf(tableOf(t, o, alone, table.Index.Name), src.File)
			if diff := cmp.Diff(want, indexOf(rows, src.File)); diff != "" {
				t.Errorf("%d workers: index of %s:\n%s", workers, src.File, diff)
			}
			alone.Tables, together[i].Tables = nil, nil
			if diff := cmp.Diff(alone, together[i]); diff != "" {
				t.Errorf("%d workers: summary of %s:\n%s", workers, src.File, diff)
			}
		}
	}
}

// indexOf gives the rows of a table that are of a file, sorted.
func indexOf(rows [][]string, file string) (list [][]string) {
	for _, row := range rows {
		if slices.Contains(row, "e1/"+file) {
			list = append(list, row)
		}
	}
	slices.SortFunc(list, slices.Compare)
	return list
}

func TestAUnitHasOnePartForATableAndAWorker(t *testing.T) {
	o := testOptions(t)
	s, err := Unit(t.Context(), o, unitOf(Output, "Patient", twoPatients, twoPatients, twoPatients)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range s[0].Tables {
		if len(of.Parts) != 1 {
			t.Errorf("table %s has %d parts", of.Name, len(of.Parts))
		}
		if key := string(of.Parts[0].Key); !strings.Contains(key, "0-output-0-Patient") {
			t.Errorf("part %s has not the name of the first file", key)
		}
	}
	if s[1].Tables != nil || s[2].Tables != nil {
		t.Error("a later file has tables of its own")
	}
}

func TestDeletionsOfAUnitAreOfTheirFiles(t *testing.T) {
	bundle := `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/%d"}}]}` + "\n"
	o := testOptions(t)
	s, err := Unit(t.Context(), o, unitOf(Deleted, "Bundle", fmt.Sprintf(bundle, 1), fmt.Sprintf(bundle, 2)+fmt.Sprintf(bundle, 3))...)
	if err != nil {
		t.Fatal(err)
	}
	if s[0].Deletions != 1 || s[1].Deletions != 2 {
		t.Errorf("%d and %d deletions", s[0].Deletions, s[1].Deletions)
	}
	var got []string
	for _, row := range tableOf(t, o, s[0], table.Deleted.Name)[1:] {
		got = append(got, strings.Join(row[2:], " "))
	}
	want := []string{"1 e1/0-deleted-0-Bundle 1", "2 e1/0-deleted-1-Bundle 1", "3 e1/0-deleted-1-Bundle 2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTypesOfOneFileLeaveThoseOfTheNextTheirRoom(t *testing.T) {
	o := testOptions(t)
	o.Permits = func(string) bool { return true }
	var many strings.Builder
	for i := range 2 * maxTypes {
		fmt.Fprintf(&many, `{"resourceType":"T%s","id":"1"}`+"\n", strings.Repeat("a", i%60)+string(rune('A'+i/60)))
	}
	s, err := Unit(t.Context(), o, unitOf(Output, "Patient", many.String(), `{"resourceType":"Other","id":"1"}`+"\n")...)
	if err != nil {
		t.Fatal(err)
	}
	if s[0].ByReason[quarantine.ReasonBadType] != maxTypes || s[1].Delivered != 1 {
		t.Errorf("summaries %+v", s)
	}
}

func TestAUnitThatCannotBeReadToItsEndLeavesNothing(t *testing.T) {
	t.Attr("fault", "step: one raw file of several that are ingested together is damaged -> nothing of any of them is visible")
	o := testOptions(t)
	files := unitOf(Output, "Patient", twoPatients+"{\"no\n", "\x28\xb5\x2f\xfd of zstd, and damaged")
	if _, err := Unit(t.Context(), o, files...); err == nil {
		t.Fatal("no error")
	}
	if left := leftovers(t, o); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
