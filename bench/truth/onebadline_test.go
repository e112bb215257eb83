package truth

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
)

// An oddFile gives lines without holding them: all are good but one.
type oddFile struct {
	count, bad int // the lines, and the number of the bad one from 1
	badLine    []byte
	n          int // lines given
	offset     int64
	badOffset  int64
	rest       []byte
	buf        []byte
}

func (f *oddFile) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		if f.n == f.count {
			return 0, io.EOF
		}
		f.buf = f.buf[:0]
		for len(f.buf) < 1<<16 && f.n < f.count {
			f.n++
			if f.n == f.bad {
				f.badOffset = f.offset + int64(len(f.buf))
				f.buf = append(append(f.buf, f.badLine...), '\n')
				continue
			}
			f.buf = append(f.buf, `{"resourceType":"Basic","id":"b`...)
			f.buf = strconv.AppendInt(f.buf, int64(f.n), 10)
			f.buf = append(f.buf, `","code":{"text":"`...)
			f.buf = append(f.buf, oddStrings[f.n%8]...)
			f.buf = append(f.buf, "\"}}\n"...)
		}
		f.offset += int64(len(f.buf))
		f.rest = f.buf
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

func TestOneBadLineIsTheOnlyOneRefusedWhereverItStands(t *testing.T) {
	count := lineCount(t, 100_000)
	m := &mutator{rand.New(rand.NewPCG(uint64(count), 2))}
	set, err := views.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		bad          int
		line, reason string
		workers      int
	}{
		{1, `{"resourceType":"Basic","id":"x",}`, "invalid_json:syntax", 1},
		{1 + m.IntN(count), "{\"resourceType\":\"Basic\",\"id\":\"x\xff\"}", "invalid_json:invalid_utf8", 2},
		{count, `{"resourceType":"Basic","id":"x","code":{"text":"a","te\u0078t":"b"}`, "invalid_json:duplicate_key", 2},
	} {
		t.Run(fmt.Sprintf("line %d of %d", c.bad, count), func(t *testing.T) {
			scope := newScope(t)
			file := &oddFile{count: count, bad: c.bad, badLine: []byte(c.line)}
			src := ingest.Source{
				File: "0-output-0-Basic", Section: ingest.Output, Type: "Basic",
				Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(file), nil },
			}
			s, err := ingest.Run(t.Context(), ingest.Options{Scope: scope, Export: "e", Views: set, Workers: c.workers}, src)
			if err != nil {
				t.Fatal(err)
			}
			if s.Lines != int64(count) || s.Delivered != int64(count-1) || s.Quarantined != 1 || s.Blank != 0 || s.ByReason[c.reason] != 1 {
				t.Errorf("of %d lines %d are delivered and %d refused: %v", s.Lines, s.Delivered, s.Quarantined, s.ByReason)
			}
			for _, table := range s.Tables {
				if table.Rows != int64(count-1) {
					t.Errorf("table %s has %d rows", table.Name, table.Rows)
				}
			}
			want := []refused{{c.reason, int64(c.bad), file.badOffset, c.line}}
			if diff := cmp.Diff(want, refusals(t, scope)); diff != "" {
				t.Errorf("quarantine: (-want +got)\n%s", diff)
			}
		})
	}
}

func newScope(t *testing.T) *blob.Scope {
	t.Helper()
	store, err := blob.OpenLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	scope, err := store.Tenant("north")
	if err != nil {
		t.Fatal(err)
	}
	return scope
}

// refused is what a quarantine says of a line.
type refused struct {
	Reason       string
	Line, Offset int64
	Text         string
}

// refusals reads the whole quarantine of the file.
func refusals(t *testing.T, scope *blob.Scope) (all []refused) {
	t.Helper()
	for e, err := range quarantine.Entries(t.Context(), scope, "e", "0-output-0-Basic") {
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if _, err := io.Copy(&text, e); err != nil {
			t.Fatal(err)
		}
		all = append(all, refused{e.Reason, e.Line, e.Offset, text.String()})
	}
	return all
}
