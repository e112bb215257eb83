package quarantine

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

const testFile = "0-output-0-Patient"

func testScope(t testing.TB) *blob.Scope {
	t.Helper()
	files, err := blob.OpenLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { files.Close() })
	scope, err := files.Tenant("north")
	if err != nil {
		t.Fatal(err)
	}
	return scope
}

// kept is an entry as a test sees it.
type kept struct {
	Reason, File string
	Line, Offset int64
	Text         string
}

// write puts lines, all refused for one reason, into the quarantine of an export.
func write(t testing.TB, scope *blob.Scope, export string, add func(w *Writer) error) {
	t.Helper()
	w, err := NewWriter(t.Context(), scope, export, testFile)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := add(w); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

func readAll(t testing.TB, scope *blob.Scope, export string) []kept {
	t.Helper()
	var all []kept
	for e, err := range Entries(t.Context(), scope, export, testFile) {
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, kept{e.Reason, e.File, e.Line, e.Offset, string(text)})
	}
	return all
}

var awkward = []string{
	`{"a":"b"}`, "\"\\\t\b\f\r\x00\x1f/é\u2028😀", "\xff\xfe", "", strings.Repeat("é", chunk), strings.Repeat("😀x", chunk),
	strings.Repeat(`"\`, 3*chunk), strings.Repeat("\xff", 2*chunk), `,"content":"x"}`, "x",
}

func TestALineIsReadAsItWasReceived(t *testing.T) {
	scope := testScope(t)
	var want []kept
	write(t, scope, "e1", func(w *Writer) error {
		for i, text := range awkward {
			k := kept{"invalid_json:syntax", testFile, int64(i) + 1, int64(100 * i), text}
			want = append(want, k)
			if err := w.Add(k.Reason, ndjson.Line{Number: k.Line, Offset: k.Offset, Bytes: []byte(text)}); err != nil {
				return err
			}
		}
		want = append(want, kept{ReasonOverLong, testFile, 77, 7777, strings.Repeat("long", chunk)})
		return w.AddLong(ndjson.LongLine{Number: 77, Offset: 7777, Reader: strings.NewReader(strings.Repeat("long", chunk))})
	})
	if diff := cmp.Diff(want, readAll(t, scope, "e1")); diff != "" {
		t.Errorf("quarantine (-want +got):\n%s", diff)
	}
	lines, err := Lines(t.Context(), scope, "e1", testFile)
	if err != nil || !lines.Has(77) || lines.Has(76) {
		t.Errorf("lines %v, %v", lines, err)
	}
	write(t, scope, "e2", func(w *Writer) error {
		for e, err := range Entries(t.Context(), scope, "e1", testFile) {
			if err != nil {
				return err
			}
			if err := w.Copy(e, e.Reason); err != nil {
				return err
			}
		}
		return nil
	})
	if diff := cmp.Diff(want, readAll(t, scope, "e2")); diff != "" {
		t.Errorf("copied quarantine (-want +got):\n%s", diff)
	}
}

func TestAnEntryThatIsNotReadIsPassedOver(t *testing.T) {
	scope := testScope(t)
	write(t, scope, "e1", func(w *Writer) error {
		for i, text := range awkward {
			if err := w.Add(ReasonNoID, ndjson.Line{Number: int64(i) + 1, Bytes: []byte(text)}); err != nil {
				return err
			}
		}
		return nil
	})
	seen := int64(0)
	for e, err := range Entries(t.Context(), scope, "e1", testFile) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; e.Line != seen {
			t.Errorf("entry %d is of line %d", seen, e.Line)
		}
		if seen%2 == 0 {
			e.Read(make([]byte, 3)) //nolint:errcheck // a part of it
		}
	}
	if seen != int64(len(awkward)) {
		t.Errorf("%d entries, want %d", seen, len(awkward))
	}
}

func TestAFileWithoutRefusedLinesHasNoQuarantine(t *testing.T) {
	scope := testScope(t)
	write(t, scope, "e1", func(*Writer) error { return nil })
	if got := readAll(t, scope, "e1"); got != nil {
		t.Errorf("entries %v", got)
	}
}

func TestADamagedQuarantineIsAProblemThatQuotesNothing(t *testing.T) {
	for name, text := range map[string]string{
		"no entry":      "SMITH\n",
		"no end":        `{"reason":"id_missing","file":"f","line":1,"offset":0,"content":"SMITH`,
		"bad escape":    `{"reason":"id_missing","file":"f","line":1,"offset":0,"content":"\qSMITH","bytes":1}` + "\n",
		"a wrong line":  `{"reason":"id_missing","file":"f","line":"SMITH","offset":0,"content":"","bytes":1}` + "\n",
		"a broken head": `{"reason":"id_missing"` + "\n",
		"bad base64":    `{"reason":"id_missing","file":"f","line":1,"offset":0,"content_base64":"SMITH!","bytes":1}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			scope := testScope(t)
			write(t, scope, "e1", func(w *Writer) error {
				if err := w.start(); err != nil {
					return err
				}
				_, err := io.WriteString(w.zstd, text)
				return err
			})
			var met error
			for e, err := range Entries(t.Context(), scope, "e1", testFile) {
				if err == nil {
					_, err = io.Copy(io.Discard, e)
				}
				if err != nil {
					met = err
					break
				}
			}
			p, ok := errors.AsType[*problem.Problem](met)
			if !ok || p.Code != problem.StorageDamaged || strings.Contains(p.Error(), "SMITH") || !strings.Contains(p.Summary, " in export ") {
				t.Errorf("error %v", met)
			}
		})
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	scope := testScope(t)
	write(t, scope, "e1", func(w *Writer) error { return w.Add(ReasonNoID, ndjson.Line{Number: 1, Bytes: []byte("{}")}) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range Entries(ctx, scope, "e1", testFile) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	}
}

func FuzzALineIsReadAsItWasReceived(f *testing.F) {
	for _, text := range []string{"{}", "\"\\\x00é", "\xff"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		scope := testScope(t)
		write(t, scope, "e1", func(w *Writer) error { return w.Add(ReasonNoID, ndjson.Line{Number: 1, Bytes: text}) })
		if got := readAll(t, scope, "e1"); len(got) != 1 || got[0].Text != string(text) {
			t.Errorf("read %d entries, the first is another text", len(got))
		}
	})
}

func TestAFileWhoseLinesNowPassHasNoQuarantine(t *testing.T) {
	scope := testScope(t)
	write(t, scope, "20260301-023000-abcdefgh", func(w *Writer) error { return w.Add("x", ndjson.Line{Number: 1, Bytes: []byte("{")}) })
	write(t, scope, "20260301-023000-abcdefgh", func(*Writer) error { return nil })
	if left := readAll(t, scope, "20260301-023000-abcdefgh"); len(left) > 0 {
		t.Errorf("what an earlier run refused is still there: %v", left)
	}
}
