package ingest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheNumbersOfRefusedLinesCanBeHad(t *testing.T) {
	o := testOptions(t)
	o.MaxLine = 90_000
	text := twoPatients + "{\"no\n\n" + `{"resourceType":"Patient"}` + "\n" + `{"resourceType":"Patient","x":"` + strings.Repeat("é", 40_000) + "\"}\n" +
		strings.Repeat("x", 100_000) + "\n" + "\xff\n"
	src := textSource(Output, "Patient", text)
	if s := mustRun(t, o, src); s.Quarantined != 5 {
		t.Fatalf("summary %+v", s)
	}
	got, err := RefusedLines(t.Context(), o.Scope, o.Export, src.File)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[int64]bool{3: true, 5: true, 6: true, 7: true, 8: true}, got); diff != "" {
		t.Error(diff)
	}
	none, err := RefusedLines(t.Context(), o.Scope, o.Export, "0-output-9-Patient")
	if err != nil || len(none) > 0 {
		t.Errorf("a file without refused lines: %v, %v", none, err)
	}
}

func TestASaltMakesAResourceAChangedOne(t *testing.T) {
	hash := func(salt func(string) uint64) string {
		o := testOptions(t)
		o.Salt = salt
		return tableOf(t, o, mustRun(t, o, textSource(Output, "Patient", twoPatients)), "_index")[1][4]
	}
	plain := hash(nil)
	if hash(func(string) uint64 { return 7 }) == plain {
		t.Error("the content hash does not follow the salt")
	}
	if hash(func(resourceType string) uint64 { return uint64(len(resourceType)) - 7 }) != plain {
		t.Error("no salt changes the content hash")
	}
}
