package lines_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bulkhead-fhir/bulkhead/bench/lines"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

func TestEveryLineIsOneResourceWithAnIdOfItsOwn(t *testing.T) {
	shape := tape.NewShape()
	shape.Root().Member("id")
	shape.Root().Member("resourceType")
	var parsed tape.Tape
	for _, kind := range lines.Types() {
		seen := map[string]bool{}
		for n := range 3000 {
			line := lines.Append(nil, kind, n)
			if !jsontext.Value(line).IsValid() {
				t.Fatalf("%s %d is not JSON: %s", kind, n, line)
			}
			if err := parsed.Parse(line, shape); err != nil {
				t.Fatalf("%s %d: %v", kind, n, err)
			}
			id := string(parsed.Text(parsed.Member(0, shape.Key("id"))))
			if got := string(parsed.Text(parsed.Member(0, shape.Key("resourceType")))); got != kind || len(id) != 36 || seen[id] {
				t.Fatalf("%s %d has type %q and id %q, met before: %v", kind, n, got, id, seen[id])
			}
			seen[id] = true
		}
	}
}

func TestTheSameNumberGivesTheSameLine(t *testing.T) {
	for _, kind := range lines.Types() {
		if one, other := lines.Append(nil, kind, 77), lines.Append([]byte("x"), kind, 77); !bytes.Equal(one, other[1:]) {
			t.Errorf("%s 77 is once\n%s\nand once\n%s", kind, one, other[1:])
		}
		if bytes.Equal(lines.Append(nil, kind, 1), lines.Append(nil, kind, 2)) {
			t.Errorf("%s 1 and 2 are the same line", kind)
		}
	}
}

func TestWriteGivesWholeLinesOfTheSizeAskedFor(t *testing.T) {
	var out bytes.Buffer
	count, err := lines.Write(&out, "Encounter", 3<<20)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != count || out.Len() < 3<<20 || out.Len() > 3<<20+1<<12 || out.Bytes()[out.Len()-1] != '\n' {
		t.Errorf("%d lines are said, %d are there, of %d bytes", count, n, out.Len())
	}
	if _, err := lines.Write(io.Discard, "Basic", 1); err == nil {
		t.Error("lines of a type that nobody invents are written")
	}
}

func BenchmarkAppend(b *testing.B) {
	var line []byte
	for n := 0; b.Loop(); n++ {
		line = lines.Append(line[:0], "Observation", n)
		b.SetBytes(int64(len(line)))
	}
}
