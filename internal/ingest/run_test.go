package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const twoPatients = `{"resourceType":"Patient","id":"1","meta":{"lastUpdated":"2024-05-06T07:08:09.123+02:00","profile":["http://p/one","http://p/two"]},` +
	`"active":true,"name":[{"family":"O\u0027Hara","given":["Ann","B"]},{"family":"Lee"}],"birthDate":"1980-02-29","deceasedDateTime":"2024-01-02",` +
	`"multipleBirthInteger":2,"generalPractitioner":[{"reference":"Organization/o1"}]}` + "\n" +
	`{"resourceType":"Patient","id":"a.b-2","birthDate":"1980-02"}` + "\n"

func TestAPatientFileBecomesRows(t *testing.T) {
	o := testOptions(t)
	s := mustRun(t, o, textSource(Output, "Patient", twoPatients))
	patients := [][]string{
		{
			"tenant_id", "id", "last_updated", "last_updated_ts", "profile", "family", "birth_date", "birth_date_date", "died", "died_date",
			"died_ts", "active", "rank", "doctor", "doctor_type", "families", "resource_key", "source_file", "source_line",
		},
		{
			"north", "1", "2024-05-06T07:08:09.123+02:00", "2024-05-06T05:08:09.123Z", "http://p/one", "O'Hara", "1980-02-29", "1980-02-29",
			"2024-01-02", "2024-01-02", "NULL", "true", "2", "o1", "Organization", `["O'Hara","Lee"]`, "Patient/1", "e1/0-output-0-Patient", "1",
		},
		{
			"north", "a.b-2", "NULL", "NULL", "NULL", "NULL", "1980-02", "NULL", "NULL", "NULL",
			"NULL", "NULL", "NULL", "NULL", "NULL", "[]", "Patient/a.b-2", "e1/0-output-0-Patient", "2",
		},
	}
	if diff := cmp.Diff(patients, tableOf(t, o, s, "patient")); diff != "" {
		t.Errorf("patient (-want +got):\n%s", diff)
	}
	names := [][]string{
		{"tenant_id", "id", "family", "given", "resource_key", "source_file", "source_line"},
		{"north", "1", "O'Hara", "Ann", "Patient/1", "e1/0-output-0-Patient", "1"},
		{"north", "1", "Lee", "NULL", "Patient/1", "e1/0-output-0-Patient", "1"},
	}
	if diff := cmp.Diff(names, tableOf(t, o, s, "patient_name")); diff != "" {
		t.Errorf("patient_name (-want +got):\n%s", diff)
	}
	lines := strings.SplitAfter(twoPatients, "\n")
	hash := func(n int) string {
		return fmt.Sprint(int64(xxhash.Sum64String(strings.TrimSpace(lines[n])) ^ o.Views.Fingerprint("Patient")))
	}
	index := [][]string{
		{"tenant_id", "resource_type", "id", "last_updated_ts", "content_hash", "partial", "source_file", "source_line"},
		{"north", "Patient", "1", "2024-05-06T05:08:09.123Z", hash(0), "false", "e1/0-output-0-Patient", "1"},
		{"north", "Patient", "a.b-2", "NULL", hash(1), "false", "e1/0-output-0-Patient", "2"},
	}
	if diff := cmp.Diff(index, tableOf(t, o, s, "_index")); diff != "" {
		t.Errorf("_index (-want +got):\n%s", diff)
	}
	if want := time.Date(2024, 5, 6, 5, 8, 9, 123e6, time.UTC); !s.MaxLastUpdated.Equal(want) {
		t.Errorf("MaxLastUpdated = %v, want %v", s.MaxLastUpdated, want)
	}
	if s.Bytes != int64(len(twoPatients)) || s.Lines != 2 || s.Delivered != 2 || s.QuarantineKey != "" {
		t.Errorf("summary = %+v", s)
	}
}

func TestATypeWithoutViewsKeepsItsBytes(t *testing.T) {
	o := testOptions(t)
	line := `{"z":[1.50, 1e3],"id":"b1","resourceType":"Basic" ,"meta":{"lastUpdated":"2024-01-01T00:00:00Z"}}`
	s := mustRun(t, o, textSource(Output, "Basic", line+"\r\n"))
	want := [][]string{
		{"tenant_id", "resource_type", "id", "resource_key", "last_updated", "last_updated_ts", "json", "source_file", "source_line"},
		{"north", "Basic", "b1", "Basic/b1", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", line, "e1/0-output-0-Basic", "1"},
	}
	if diff := cmp.Diff(want, tableOf(t, o, s, "resource")); diff != "" {
		t.Error(diff)
	}
}

func TestNumbersKeepTheirDigits(t *testing.T) {
	o := testOptions(t)
	numbers := []string{"1.50", "0.10", "1e3", "-0", "0.1234567890123456789012345", "185", "1E+400"}
	var text strings.Builder
	for i, n := range numbers {
		fmt.Fprintf(&text, `{"resourceType":"Observation","id":"%d","valueQuantity":{"value":%s}}`+"\n", i, n)
	}
	s := mustRun(t, o, textSource(Output, "Observation", text.String()))
	doubles := []string{"1.5", "0.1", "1000", "-0", "0.12345678901234568", "185", "NULL"}
	rows := tableOf(t, o, s, "observation")
	value, number := slices.Index(rows[0], "value"), slices.Index(rows[0], "value_num")
	for i, n := range numbers {
		if rows[i+1][value] != n || rows[i+1][number] != doubles[i] {
			t.Errorf("%s became %s and %s, want %s", n, rows[i+1][value], rows[i+1][number], doubles[i])
		}
	}
}

func TestEveryLineIsDeliveredOrQuarantinedOrBlank(t *testing.T) {
	type refused struct {
		Reason  string
		Line    int64
		Offset  int64
		Content string
	}
	good := `{"resourceType":"Patient","id":"1"}`
	tests := []struct {
		name, text       string
		delivered, blank int64
		refused          []refused
	}{
		{"empty file", "", 0, 0, nil},
		{"byte order mark", "\xef\xbb\xbf" + good + "\n", 1, 0, nil},
		{"CRLF and no end", good + "\r\n" + good, 2, 0, nil},
		{"blank lines", "\n \t\r\n" + good + "\n\n", 1, 3, nil},
		{"white space around", "  " + good + "\t \n", 1, 0, nil},
		{"unknown members", `{"resourceType":"Patient","id":"1","x":{"y":[null]}}`, 1, 0, nil},
		{"NUL in a string", `{"resourceType":"Patient","id":"1","name":[{"family":"\u0000"}]}`, 1, 0, nil},
		{"truncated", good + "\n" + good[:20] + "\n", 1, 0, []refused{{"invalid_json:truncated", 2, 36, good[:20]}}},
		{"trailing bytes", good + "x\n", 0, 0, []refused{{"invalid_json:trailing_bytes", 1, 0, good + "x"}}},
		{
			"duplicate key", `{"resourceType":"Patient","id":"1","id":"2"}`, 0, 0,
			[]refused{{"invalid_json:duplicate_key", 1, 0, `{"resourceType":"Patient","id":"1","id":"2"}`}},
		},
		{
			"invalid UTF-8", "{\"resourceType\":\"Patient\",\"id\":\"\xff\"}\n", 0, 0,
			[]refused{{"invalid_json:invalid_utf8", 1, 0, "{\"resourceType\":\"Patient\",\"id\":\"\xff\"}"}},
		},
		{"array", " [1]\n", 0, 0, []refused{{"not_an_object", 1, 0, " [1]"}}},
		{"null", "null\n", 0, 0, []refused{{"not_an_object", 1, 0, "null"}}},
		{"no type", `{"id":"1"}`, 0, 0, []refused{{"resource_type_missing", 1, 0, `{"id":"1"}`}}},
		{"type is a number", `{"resourceType":1}`, 0, 0, []refused{{"resource_type_missing", 1, 0, `{"resourceType":1}`}}},
		{"type is no name", `{"resourceType":"patient"}`, 0, 0, []refused{{"resource_type_invalid", 1, 0, `{"resourceType":"patient"}`}}},
		{"other type", `{"resourceType":"Group","id":"1"}`, 0, 0, []refused{{"type_not_permitted", 1, 0, `{"resourceType":"Group","id":"1"}`}}},
		{"outcome", `{"resourceType":"OperationOutcome"}`, 0, 0, []refused{{"operation_outcome", 1, 0, `{"resourceType":"OperationOutcome"}`}}},
		{"no id", `{"resourceType":"Patient"}`, 0, 0, []refused{{"id_missing", 1, 0, `{"resourceType":"Patient"}`}}},
		{"id is a number", `{"resourceType":"Patient","id":1}`, 0, 0, []refused{{"id_missing", 1, 0, `{"resourceType":"Patient","id":1}`}}},
		{"id is empty", `{"resourceType":"Patient","id":""}`, 0, 0, []refused{{"id_invalid", 1, 0, `{"resourceType":"Patient","id":""}`}}},
		{"id has a slash", `{"resourceType":"Patient","id":"a/b"}`, 0, 0, []refused{{"id_invalid", 1, 0, `{"resourceType":"Patient","id":"a/b"}`}}},
		{"id has a newline", `{"resourceType":"Patient","id":"a\n"}`, 0, 0, []refused{{"id_invalid", 1, 0, `{"resourceType":"Patient","id":"a\n"}`}}},
		{
			"two values for one", `{"resourceType":"Patient","id":"1","birthDate":["2020","2021"]}`, 0, 0,
			[]refused{{"view_error:patient.birth_date", 1, 0, `{"resourceType":"Patient","id":"1","birthDate":["2020","2021"]}`}},
		},
		{
			"no integer", good + "\n" + `{"resourceType":"Patient","id":"2","name":[{"family":"X"}],"multipleBirthInteger":1.5}`, 1, 0,
			[]refused{{"view_error:patient.rank", 2, 36, `{"resourceType":"Patient","id":"2","name":[{"family":"X"}],"multipleBirthInteger":1.5}`}},
		},
		{
			"integer too large", `{"resourceType":"Patient","id":"2","multipleBirthInteger":2147483648}`, 0, 0,
			[]refused{{"view_error:patient.rank", 1, 0, `{"resourceType":"Patient","id":"2","multipleBirthInteger":2147483648}`}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := testOptions(t)
			s := mustRun(t, o, textSource(Output, "Patient", tt.text))
			var got []refused
			byReason := map[string]int64{}
			for _, r := range refusals(t, o, s) {
				content := r.Content + string(r.Base64)
				if int64(len(content)) != r.Bytes || r.File != "0-output-0-Patient" {
					t.Errorf("refusal of %d bytes says %d, of file %q", len(content), r.Bytes, r.File)
				}
				got = append(got, refused{r.Reason, r.Line, r.Offset, content})
				byReason[r.Reason]++
			}
			if diff := cmp.Diff(tt.refused, got); diff != "" {
				t.Errorf("quarantine (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(byReason, s.ByReason, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("ByReason (-want +got):\n%s", diff)
			}
			if s.Delivered != tt.delivered || s.Blank != tt.blank || s.Quarantined != int64(len(tt.refused)) {
				t.Errorf("summary = %+v", s)
			}
			for _, name := range []string{"patient", "_index"} {
				if rows := tableOf(t, o, s, name); max(len(rows)-1, 0) != int(tt.delivered) {
					t.Errorf("%s has %d rows, want %d", name, len(rows)-1, tt.delivered)
				}
			}
			if rows := tableOf(t, o, s, "patient_name"); tt.name == "no integer" && rows != nil {
				t.Errorf("rows of a refused line are in a child table: %q", rows)
			}
		})
	}
}

func TestAnOverLongLineGoesToQuarantineWithoutBeingHeld(t *testing.T) {
	o := testOptions(t)
	o.MaxLine = 1000
	long := strings.Repeat("0123456789", 300_000)
	good := `{"resourceType":"Patient","id":"1"}` + "\n"
	s := mustRun(t, o, textSource(Output, "Patient", good+long+"\n"+good))
	if s.Delivered != 2 || s.ByReason[quarantine.ReasonOverLong] != 1 || s.Lines != 3 {
		t.Fatalf("summary = %+v", s)
	}
	r := refusals(t, o, s)
	if len(r) != 1 || r[0].Line != 2 || r[0].Offset != int64(len(good)) || r[0].Bytes != int64(len(long)) || string(r[0].Base64) != long {
		t.Errorf("%d refusals, first of line %d with %d bytes", len(r), r[0].Line, r[0].Bytes)
	}
	if rows := tableOf(t, o, s, "_index"); rows[2][7] != "3" {
		t.Errorf("the line after is number %s, want 3", rows[2][7])
	}
}

// manyPatients is a few blocks of lines, some of them refused.
func manyPatients(n int) string {
	var b strings.Builder
	for i := range n {
		if i%97 == 0 {
			fmt.Fprintf(&b, "{\"resourceType\":\"Patient\",\"id\":\"bad %d\"}\n", i)
			continue
		}
		fmt.Fprintf(&b, `{"resourceType":"Patient","id":"p-%d","meta":{"lastUpdated":"2024-01-01T00:%02d:00Z"},"name":[{"family":"F%d","given":["%s"]},{"family":"G"}],"birthDate":"19%02d-01-02"}`+"\n",
			i, i%60, i%300, strings.Repeat("x", i%50), i%100)
	}
	return b.String()
}

func sorted(rows [][]string) []string {
	var all []string
	for _, r := range rows {
		all = append(all, strings.Join(r, "|"))
	}
	slices.Sort(all)
	return all
}

func TestManyWorkersGiveTheRowsOfOne(t *testing.T) {
	text := manyPatients(8000)
	one := testOptions(t)
	want := mustRun(t, one, textSource(Output, "Patient", text))
	many := testOptions(t)
	many.Workers, many.RowGroupRows = 3, 1000
	got := mustRun(t, many, textSource(Output, "Patient", text))
	for _, name := range []string{"patient", "patient_name", "_index"} {
		a, b := sorted(tableOf(t, one, want, name)), sorted(tableOf(t, many, got, name))
		if !slices.Equal(a, b) {
			t.Errorf("%s differs: %d and %d rows", name, len(a), len(b))
		}
	}
	withoutParts := cmp.Options{cmpopts.IgnoreFields(TableParts{}, "Parts")}
	if diff := cmp.Diff(want, got, withoutParts); diff != "" {
		t.Errorf("summary (-one +many):\n%s", diff)
	}
	if diff := cmp.Diff(refusals(t, one, want), refusals(t, many, got)); diff != "" {
		t.Errorf("quarantine (-one +many):\n%s", diff)
	}
}

func TestRunningAgainReplaces(t *testing.T) {
	o := testOptions(t)
	o.Workers = 2
	text := manyPatients(5000)
	first := mustRun(t, o, textSource(Output, "Patient", text))
	o.Workers = 1
	second := mustRun(t, o, textSource(Output, "Patient", text))
	if diff := cmp.Diff(first, second, cmpopts.IgnoreFields(TableParts{}, "Parts")); diff != "" {
		t.Errorf("summary (-first +second):\n%s", diff)
	}
	third := mustRun(t, o, textSource(Output, "Patient", twoPatients))
	want := []string{"/staged/north/e1/_index/0-output-0-Patient-0.parquet"}
	for _, p := range third.Tables {
		want = append(want, "/"+string(p.Parts[0].Key))
	}
	slices.Sort(want)
	if diff := cmp.Diff(slices.Compact(want), leftovers(t, o)); diff != "" {
		t.Errorf("files after a run of another content (-want +got):\n%s", diff)
	}
}

func TestCompressedSourcesAreDecoded(t *testing.T) {
	var z, g bytes.Buffer
	zw, err := zstd.NewWriter(&z)
	if err != nil {
		t.Fatal(err)
	}
	gw := gzip.NewWriter(&g)
	text := manyPatients(3000)
	for _, w := range []io.WriteCloser{zw, gw} {
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	o := testOptions(t)
	want := mustRun(t, o, textSource(Output, "Patient", text))
	for name, packed := range map[string]string{"zstd": z.String(), "gzip": g.String()} {
		if diff := cmp.Diff(want, mustRun(t, o, textSource(Output, "Patient", packed))); diff != "" {
			t.Errorf("%s (-plain +packed):\n%s", name, diff)
		}
		for _, broken := range []string{packed[:len(packed)/2], packed[:len(packed)/2] + "x" + packed[len(packed)/2+1:]} {
			_, err := Run(t.Context(), o, textSource(Output, "Patient", broken))
			if problem.Of(err).Code != problem.StorageDamaged {
				t.Errorf("damaged %s: %v", name, err)
			}
			if left := leftovers(t, o); left != nil {
				t.Errorf("damaged %s left %q", name, left)
			}
		}
	}
}

func TestAFailureLeavesNothing(t *testing.T) {
	broken := errors.New("network")
	text := manyPatients(8000)
	sources := map[string]func() (io.ReadCloser, error){
		"cannot open": func() (io.ReadCloser, error) { return nil, broken },
		"breaks at once": func() (io.ReadCloser, error) {
			return io.NopCloser(iotest.ErrReader(broken)), nil
		},
		"breaks half-way": func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken))), nil
		},
	}
	for name, open := range sources {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t)
			o.Workers, o.RowGroupRows = 2, 500
			src := textSource(Output, "Patient", "")
			src.Open = func(context.Context) (io.ReadCloser, error) { return open() }
			if _, err := Run(t.Context(), o, src); !errors.Is(err, broken) {
				t.Errorf("Run = %v, want the source's error", err)
			}
			if left := leftovers(t, o); left != nil {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// cancelling ends a context when so many bytes were read.
type cancelling struct {
	io.Reader
	left   int
	cancel context.CancelCauseFunc
	cause  error
}

func (c *cancelling) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.left -= n; c.left < 0 {
		c.cancel(c.cause)
	}
	return n, err
}

func TestAnEndedContextLeavesNothing(t *testing.T) {
	text := manyPatients(8000)
	stopped := errors.New("stopped by a person")
	for _, at := range []int{0, len(text) / 3, len(text) - 1} {
		o := testOptions(t)
		o.Workers, o.RowGroupRows = 2, 500
		ctx, cancel := context.WithCancelCause(t.Context())
		src := textSource(Output, "Patient", "")
		src.Open = func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(&cancelling{strings.NewReader(text), at, cancel, stopped}), nil
		}
		if _, err := Run(ctx, o, src); !errors.Is(err, stopped) {
			t.Errorf("Run stopped after %d bytes = %v", at, err)
		}
		if left := leftovers(t, o); left != nil {
			t.Errorf("stopped after %d bytes, left behind: %q", at, left)
		}
	}
}

func TestACommitThatFailsTakesTheOthersBack(t *testing.T) {
	o := testOptions(t)
	path, release, err := o.Scope.LocalPath(t.Context(), probe(t, o))
	if err != nil {
		t.Fatal(err)
	}
	release()
	staged := filepath.Join(filepath.Dir(path), "..", "..", "..", "staged", "north", "e1")
	if err := os.MkdirAll(staged, 0o700); err != nil {
		t.Fatal(err)
	}
	obstacle := filepath.Join(staged, "patient_name") // a file where a folder must be
	if err := os.WriteFile(obstacle, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), o, textSource(Output, "Patient", twoPatients+"bad\n"))
	if problem.Of(err).Code != problem.StorageUnwritable {
		t.Errorf("Run = %v, want StorageUnwritable", err)
	}
	if left := leftovers(t, o); !slices.Equal(left, []string{"/staged/north/e1/patient_name"}) {
		t.Errorf("left behind: %q", left)
	}
}

func TestAnUnknownSectionIsAnError(t *testing.T) {
	if _, err := Run(t.Context(), testOptions(t), textSource("other", "Patient", twoPatients)); err == nil {
		t.Error("Run of an unknown section = nil")
	}
}
