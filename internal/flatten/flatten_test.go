package flatten

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/rows/rowstest"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// testViews reads views of testdata/views by name.
func testViews(t testing.TB, names ...string) (all []*sqlonfhir.View) {
	t.Helper()
	for _, name := range names {
		text, err := os.ReadFile("testdata/views/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		v, err := sqlonfhir.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// flattened writes the rows of text, in one or more streams, as one format.
func flattened(t testing.TB, format Format, all []*sqlonfhir.View, texts ...string) ([]string, []Counts, []quarantine.Refusal) {
	t.Helper()
	outputs := make([]bytes.Buffer, len(all))
	var refused []quarantine.Refusal
	f, err := New(Options{
		Views: all, Format: format, MaxLine: 5000,
		Open:    func(view int) (io.Writer, error) { return &outputs[view], nil },
		Refused: func(r quarantine.Refusal) error { refused = append(refused, r); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	var counts []Counts
	for i, text := range texts {
		n, err := f.Read(t.Context(), fmt.Sprintf("file%d", i), strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if n.Lines != n.Taken+n.Other+n.Refused+n.Blank {
			t.Errorf("counts do not add up: %+v", n)
		}
		counts = append(counts, n)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var written []string
	for i := range outputs {
		written = append(written, outputs[i].String())
	}
	return written, counts, refused
}

const mixed = `{"resourceType":"Patient","id":"1","active":true,"name":[{"family":"O\u0027 \"Q\", X","given":["A"]},{"family":""}],"multipleBirthInteger":3}
{"resourceType":"Observation","id":"o1","valueQuantity":{"value":1.50},"subject":{"reference":"Patient/1"}}
{"resourceType":"Group","id":"g"}

broken
{"resourceType":"Patient","id":"2","multipleBirthInteger":1.5,"name":[{"family":"Gone"}]}
{"resourceType":"Patient","name":[{"family":"No id"}]}
`

func TestFlattenWritesRowsInTheOrderOfTheLines(t *testing.T) {
	all := testViews(t, "patient_name", "observation", "patient")
	written, counts, refused := flattened(t, NDJSON, all, mixed, `{"resourceType":"Patient","id":"3","name":[{"family":"Last"}]}`)
	names := `{"id":"1","family":"O' \"Q\", X","given":"A"}` + "\n" + `{"id":"1","family":"","given":null}` + "\n" +
		`{"id":"2","family":"Gone","given":null}` + "\n" + `{"id":null,"family":"No id","given":null}` + "\n" + `{"id":"3","family":"Last","given":null}` + "\n"
	if diff := cmp.Diff(names, written[0]); diff != "" {
		t.Errorf("patient_name (-want +got):\n%s", diff)
	}
	observations := `{"id":"o1","code":null,"patient_id":"1","effective":null,"value":1.50}` + "\n"
	if diff := cmp.Diff(observations, written[1]); diff != "" {
		t.Errorf("observation (-want +got):\n%s", diff)
	}
	if got := strings.Count(written[2], "\n"); got != 4 {
		t.Errorf("patient has %d rows, want 4: text formats take numbers as sent", got)
	}
	want := []Counts{
		{Lines: 7, Taken: 4, Other: 1, Refused: 1, Blank: 1, Rows: 8, Bytes: int64(len(mixed))},
		{Lines: 1, Taken: 1, Rows: 2, Bytes: 62},
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if len(refused) != 1 || refused[0].Line != 5 || refused[0].File != "file0" || refused[0].Reason != "invalid_json:syntax" {
		t.Errorf("refused = %+v", refused)
	}
}

func TestFlattenWritesCSVThatReadersUnderstand(t *testing.T) {
	written, _, _ := flattened(t, CSV, testViews(t, "patient_name"), mixed)
	got, err := csv.NewReader(strings.NewReader(written[0])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"id", "family", "given"}, {"1", `O' "Q", X`, "A"}, {"1", "", ""}, {"2", "Gone", ""}, {"", "No id", ""}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(written[0], "\r\n1,\"\",\r\n") {
		t.Errorf("an empty text is not told from null: %q", written[0])
	}
}

func TestFlattenWritesTypedParquet(t *testing.T) {
	written, counts, refused := flattened(t, Parquet, testViews(t, "patient", "patient_name", "observation"), mixed)
	patients := rowstest.Read(t, []byte(written[0]))
	want := [][]string{
		{"id", "last_updated", "profile", "family", "birth_date", "died", "active", "rank", "doctor", "families"},
		{"1", "NULL", "NULL", `O' "Q", X`, "NULL", "NULL", "true", "3", "NULL", `["O' \"Q\", X",""]`},
		{"NULL", "NULL", "NULL", "No id", "NULL", "NULL", "NULL", "NULL", "NULL", `["No id"]`},
	}
	if diff := cmp.Diff(want, patients); diff != "" {
		t.Errorf("patient (-want +got):\n%s", diff)
	}
	if names := rowstest.Read(t, []byte(written[1])); len(names) != 4 {
		t.Errorf("patient_name has %d rows, want 3: none of the refused line", len(names)-1)
	}
	if len(refused) != 2 || refused[1].Reason != "view_error:patient.rank" || counts[0].Refused != 2 {
		t.Errorf("refused = %+v", refused)
	}
	empty, _, _ := flattened(t, Parquet, testViews(t, "observation"), "")
	if rows := rowstest.Read(t, []byte(empty[0])); len(rows) != 1 {
		t.Errorf("a file without lines has %d rows", len(rows)-1)
	}
}

func TestOverLongLinesAreRefused(t *testing.T) {
	_, counts, refused := flattened(t, NDJSON, testViews(t, "patient"), mixed+strings.Repeat("x", 9000)+"\n")
	slices.SortFunc(refused, func(a, b quarantine.Refusal) int { return int(a.Line - b.Line) })
	if counts[0].Refused != 2 || refused[1].Reason != quarantine.ReasonOverLong || refused[1].Line != 8 {
		t.Errorf("refused = %+v", refused)
	}
}

func TestFlattenStopsWhenItsOutputFails(t *testing.T) {
	full := errors.New("full")
	_, err := New(Options{
		Views: testViews(t, "patient"), Format: CSV, Open: func(int) (io.Writer, error) { return nil, full },
	})
	if !errors.Is(err, full) {
		t.Errorf("New = %v", err)
	}
	f, err := New(Options{
		Views: testViews(t, "patient"), Format: NDJSON,
		Open: func(int) (io.Writer, error) { return failing{full}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(t.Context(), "f", strings.NewReader(manyPatients(5000))); !errors.Is(err, full) {
		t.Errorf("Read = %v", err)
	}
	if _, err := New(Options{
		Views: testViews(t, "patient"), Format: "xml", Open: func(int) (io.Writer, error) { return io.Discard, nil },
	}); err == nil {
		t.Error("an unknown format is taken")
	}
}

// manyPatients is n lines, every 97th of them broken.
func manyPatients(n int) string {
	var b strings.Builder
	for i := range n {
		if i%97 == 96 {
			fmt.Fprintf(&b, "{\"resourceType\":\"Patient\",\"id\":%d,}\n", i)
			continue
		}
		fmt.Fprintf(&b, `{"resourceType":"Patient","id":"p-%d","name":[{"family":"F%d","given":["%s"]},{"family":"G"}]}`+"\n",
			i, i%300, strings.Repeat("x", i%50))
	}
	return b.String()
}

func TestSeveralWorkersGiveTheSameRowsInTheSameOrder(t *testing.T) {
	text := manyPatients(40_000)
	run := func(format Format, workers int) (string, Counts, []quarantine.Refusal) {
		var out bytes.Buffer
		var refused []quarantine.Refusal
		f, err := New(Options{
			Views: testViews(t, "patient_name"), Format: format, Workers: workers,
			Open:    func(int) (io.Writer, error) { return &out, nil },
			Refused: func(r quarantine.Refusal) error { refused = append(refused, r); return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		n, err := f.Read(t.Context(), "many", strings.NewReader(text))
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		return out.String(), n, refused
	}
	for _, format := range []Format{CSV, NDJSON, Parquet} {
		one, counts, refused := run(format, 1)
		if counts.Lines != 40_000 || counts.Refused != 40_000/97 || counts.Rows != 2*(40_000-40_000/97) {
			t.Errorf("%s: %+v", format, counts)
		}
		several, also, refusedAlso := run(format, 4)
		if diff := cmp.Diff(counts, also); diff != "" || !cmp.Equal(refused, refusedAlso) {
			t.Errorf("%s with several workers (-one +several):\n%s", format, diff)
		}
		if format == Parquet {
			if !cmp.Equal(sortedRows(t, one), sortedRows(t, several)) {
				t.Error("several workers write other rows of Parquet")
			}
			continue
		}
		if one != several {
			t.Errorf("%s: several workers write another text", format)
		}
	}
}

func sortedRows(t *testing.T, content string) []string {
	var all []string
	for _, row := range rowstest.Read(t, []byte(content)) {
		all = append(all, strings.Join(row, "|"))
	}
	slices.Sort(all)
	return all
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// expect counts the lines of text as another strict JSON reader sees them.
func expect(text string) (n Counts) {
	text = strings.TrimPrefix(text, "\xef\xbb\xbf")
	if text == "" {
		return n
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		n.Lines++
		v := jsontext.Value(line)
		var r map[string]any
		switch {
		case strings.Trim(line, " \t\r") == "":
			n.Blank++
		case len(line) > 5000 || !v.IsValid() || json.Unmarshal(v, &r) != nil || r == nil:
			n.Refused++
		default:
			name, _ := r["resourceType"].(string)
			switch {
			case !fhir.IsTypeName(name):
				n.Refused++
			case name == "Patient":
				n.Taken++
			default:
				n.Other++
			}
		}
	}
	return n
}

func FuzzFlattenAgreesWithAnotherReader(f *testing.F) {
	f.Add(mixed)
	f.Add("\xef\xbb\xbf{\"resourceType\":\"Patient\",\"id\":\"1\",\"id\":\"2\"}\r\n[]\n{}\n\n \nnull")
	f.Add("{\"resourceType\":\"Patient\",\"id\":\"\\ud800\"}\n{\"resource\\u0054ype\":\"Patient\"}\n{\"resourceType\":\"Patient\"}x")
	f.Fuzz(func(t *testing.T, text string) {
		if head := text[:min(4, len(text))]; head == "\x28\xb5\x2f\xfd" || strings.HasPrefix(head, "\x1f\x8b") {
			return
		}
		written, counts, refused := flattened(t, NDJSON, testViews(t, "patient_name"), text)
		got, want := counts[0], expect(text)
		viewErrors := int64(0)
		for _, r := range refused {
			if strings.HasPrefix(r.Reason, quarantine.ReasonView) {
				viewErrors++
			}
		}
		got.Taken, got.Refused = got.Taken+viewErrors, got.Refused-viewErrors
		got.Rows, got.Bytes = 0, 0
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", text, diff)
		}
		if int64(strings.Count(written[0], "\n")) != counts[0].Rows {
			t.Fatalf("%d rows were written, counted %d", strings.Count(written[0], "\n"), counts[0].Rows)
		}
		for line := range strings.Lines(written[0]) {
			if !jsontext.Value(line).IsValid() {
				t.Fatalf("row %q is not JSON", line)
			}
		}
	})
}
