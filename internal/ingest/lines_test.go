package ingest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
)

func TestBothLineEndsGiveTheSameRows(t *testing.T) {
	t.Attr("shows", "BD-140 N2")
	rows := func(text string) [][]string {
		o := testOptions(t)
		s := mustRun(t, o, textSource(Output, "Patient", text))
		return append(tableOf(t, o, s, "patient"), tableOf(t, o, s, "_index")...)
	}
	if diff := cmp.Diff(rows(twoPatients), rows(strings.ReplaceAll(twoPatients, "\n", "\r\n"))); diff != "" {
		t.Errorf("LF and CRLF (-LF +CRLF):\n%s", diff)
	}
}

func TestAByteOrderMarkBlankLinesAndNoEndChangeNothing(t *testing.T) {
	t.Attr("shows", "BD-141 N1 N2")
	lines := strings.Split(strings.TrimSpace(twoPatients), "\n")
	o := testOptions(t)
	s := mustRun(t, o, textSource(Output, "Patient", "\xef\xbb\xbf\n"+lines[0]+"\n\n \t\r\n"+lines[1]))
	if s.Delivered != 2 || s.Blank != 3 || s.Lines != 5 || s.Quarantined != 0 {
		t.Errorf("summary = %+v", s)
	}
	if rows := tableOf(t, o, s, "patient"); len(rows) != 3 {
		t.Errorf("%d patients, want 2", len(rows)-1)
	}
}

func TestAnUnreadableLineIsNamedByFileAndNumber(t *testing.T) {
	t.Attr("shows", "BD-142 N3 N13")
	o := testOptions(t)
	good := `{"resourceType":"Patient","id":"1"}` + "\n"
	s := mustRun(t, o, textSource(Output, "Patient", good+good+`{"resourceType":"Pat`+"\n"+`ient","id":"2"}`+"\n"+good+`{"resourceType":"Patient"}`))
	type refused struct {
		Reason, File string
		Line, Offset int64
	}
	var got []refused
	for _, r := range refusals(t, o, s) {
		got = append(got, refused{r.Reason, r.File, r.Line, r.Offset})
	}
	want := []refused{
		{"invalid_json:truncated", "0-output-0-Patient", 3, 72},
		{"invalid_json:syntax", "0-output-0-Patient", 4, 93},
		{quarantine.ReasonNoID, "0-output-0-Patient", 6, 145},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("quarantine (-want +got):\n%s", diff)
	}
	if s.Delivered != 3 || s.Quarantined != 3 {
		t.Errorf("summary = %+v", s)
	}
}

func TestOrderOfKeysDoesNotMatterAndDigitsStay(t *testing.T) {
	t.Attr("shows", "BD-143")
	o := testOptions(t)
	s := mustRun(t, o, textSource(Output, "Observation", `{"id":"1","valueQuantity":{"value":1.10},"resourceType":"Observation"}`))
	rows := tableOf(t, o, s, "observation")
	if s.Delivered != 1 || rows[1][slices.Index(rows[0], "value")] != "1.10" {
		t.Errorf("summary = %+v, rows %q", s, rows)
	}
}

func TestBadBytesAreRefusedWithAReasonAndKept(t *testing.T) {
	t.Attr("shows", "N14")
	patient := func(family string) string {
		return `{"resourceType":"Patient","id":"1","name":[{"family":` + family + `}]}`
	}
	tests := []struct{ name, line, reason string }{
		{"an escaped NUL is text", patient(`"\u0000"`), ""},
		{"a raw NUL", patient("\"\x00\""), "invalid_json:control_char"},
		{"invalid UTF-8", patient("\"\xff\""), "invalid_json:invalid_utf8"},
		{"a surrogate in UTF-8", patient("\"\xed\xa0\x80\""), "invalid_json:invalid_utf8"},
		{"a lone surrogate", patient(`"\ud800"`), "invalid_json:lone_surrogate"},
		{"duplicate keys", patient(`"a","family":"b"`), "invalid_json:duplicate_key"},
		{"a huge number is a number", `{"resourceType":"Patient","id":"1","x":1e999999}`, ""},
		{"no number", `{"resourceType":"Patient","id":"1","x":01}`, "invalid_json:number"},
	}
	for _, tt := range tests {
		o := testOptions(t)
		s := mustRun(t, o, textSource(Output, "Patient", tt.line))
		r := refusals(t, o, s)
		switch {
		case tt.reason == "" && (s.Delivered != 1 || len(r) != 0):
			t.Errorf("%s: %v", tt.name, s.ByReason)
		case tt.reason != "" && (len(r) != 1 || r[0].Reason != tt.reason || r[0].Content+string(r[0].Base64) != tt.line):
			t.Errorf("%s: %v", tt.name, s.ByReason)
		}
	}
}

// longLines gives Binary lines of size bytes each, and watches the memory.
type longLines struct {
	count, size int
	rest        string // of the current line, but its data
	data        int    // bytes of data still to give
	chunk       []byte // of data
	peak        uint64
	since       int
}

func (l *longLines) Read(p []byte) (int, error) {
	if l.since += len(p); l.since > 8<<20 {
		l.since = 0
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		l.peak = max(l.peak, m.HeapAlloc)
	}
	switch {
	case l.data > 0:
		n := copy(p[:min(len(p), l.data)], l.chunk)
		l.data -= n
		return n, nil
	case l.rest == "" && l.count == 0:
		return 0, io.EOF
	case l.rest == "":
		l.count--
		l.rest = "\"}\n"
		l.data = l.size
		return copy(p, fmt.Sprintf(`{"resourceType":"Binary","id":"%d","contentType":"application/pdf","data":"`, l.count)), nil
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func TestLinesOf20MBAreTakenWithBoundedMemory(t *testing.T) {
	t.Attr("shows", "BD-139 N4")
	const size = 20 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // so that what is in use is little more than what is live
	set, err := views.Load()
	if err != nil {
		t.Fatal(err)
	}
	peak := func(count int) uint64 {
		o := testOptions(t)
		o.Views, o.Workers = set, 2
		src := textSource(Output, "Binary", "")
		lines := &longLines{count: count, size: size, chunk: bytes.Repeat([]byte{'A'}, 64<<10)}
		src.Open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(lines), nil }
		s := mustRun(t, o, src)
		if s.Delivered != int64(count) || s.Bytes < int64(count)*size {
			t.Fatalf("%d of %d lines delivered", s.Delivered, count)
		}
		if rows := tableOf(t, o, s, "binary"); len(rows) != count+1 {
			t.Errorf("%d rows, want %d", len(rows)-1, count)
		}
		return lines.peak
	}
	got := peak(12)
	t.Logf("peak with 12 lines %d MiB", got>>20)
	if limit := uint64(9 * size); got > limit {
		t.Errorf("12 lines of 20 MiB took %d MiB, want at most %d", got>>20, limit>>20)
	}
}
