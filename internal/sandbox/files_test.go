package sandbox

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// oneFile exports a type that comes in one file and returns its URL and what it
// is when nothing is wrong.
func oneFile(t *testing.T, change func(*Knobs)) (*Server, *caller, string, []byte) {
	t.Helper()
	srv, c, u, calm := observations(t)
	srv.Practice("open").Set(change)
	return srv, c, u, calm
}

func gunzip(t *testing.T, b []byte) []byte {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func TestContentCodingsAreWhatTheKnobSays(t *testing.T) {
	_, _, _, calm := observations(t)
	for enc, tc := range map[Enc]struct {
		named  string
		decode func(*testing.T, []byte) []byte
	}{
		EncNone:        {"", func(_ *testing.T, b []byte) []byte { return b }},
		EncGzip:        {"gzip", gunzip},
		EncMultiMember: {"gzip", gunzip},
		EncDoubleGz:    {"gzip", func(t *testing.T, b []byte) []byte { return gunzip(t, gunzip(t, b)) }},
		EncGzNoHeader:  {"", gunzip},
		EncBr:          {"br", unbrotli},
		EncDeflate: {"deflate", func(t *testing.T, b []byte) []byte {
			r, err := zlib.NewReader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			plain, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return plain
		}},
	} {
		_, c, u, _ := oneFile(t, func(k *Knobs) { k.Enc = enc })
		r := c.send(http.MethodGet, u, map[string]string{"Accept-Encoding": "gzip, deflate"}, 200)
		if r.Header.Get("Content-Encoding") != tc.named || !bytes.Equal(tc.decode(t, r.body), calm) {
			t.Errorf("%q: Content-Encoding %q, %d bytes", enc, r.Header.Get("Content-Encoding"), len(r.body))
		}
		if members := bytes.Count(r.body, []byte{0x1f, 0x8b, 8}); (members > 1) != (enc == EncMultiMember) {
			t.Errorf("%q: %d gzip members", enc, members)
		}
		r = c.send(http.MethodGet, u, map[string]string{"Accept-Encoding": "identity"}, 200)
		if always := enc == EncBr || enc == EncGzNoHeader; bytes.Equal(r.body, calm) == always {
			t.Errorf("%q: %d bytes when nothing is asked for", enc, len(r.body))
		}
	}
}

// unbrotli reads a stream of uncompressed meta-blocks.
func unbrotli(t *testing.T, b []byte) []byte {
	t.Helper()
	var plain []byte
	shift := 1 // the window's bit stands before the first block
	for len(b) > 3 {
		bits := (uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16) >> shift
		n := int(bits>>3&0xffff) + 1
		if bits&0b111 != 0 || bits>>19&1 != 1 || len(b) < 3+n {
			t.Fatalf("meta-block header %b", bits)
		}
		plain = append(plain, b[3:3+n]...)
		b, shift = b[3+n:], 0
	}
	if len(b) != 1 || b[0] != 0b11 {
		t.Fatalf("the stream ends with %v", b)
	}
	return plain
}

func TestBodiesAreCut(t *testing.T) {
	_, c, u, calm := oneFile(t, func(k *Knobs) { k.CutAt, k.BadGets = 1000, 2 })
	r := c.get(u, 200)
	if !bytes.Equal(r.body, calm[:1000]) {
		t.Errorf("%d bytes, want the first 1000", len(r.body))
	}
	if again := c.get(u, 200); !bytes.Equal(again.body, calm) {
		t.Errorf("the second time: %d bytes, want all", len(again.body))
	}

	_, c, u, calm = oneFile(t, func(k *Knobs) { k.CutAt, k.CutLength = 1000, true })
	r, err := c.do(http.MethodGet, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.ContentLength != int64(len(calm)) || !errors.Is(r.err, io.ErrUnexpectedEOF) || len(r.body) != 1000 {
		t.Errorf("Content-Length %d, error %v, %d bytes", r.ContentLength, r.err, len(r.body))
	}
	_, c, u, calm = oneFile(t, func(k *Knobs) { k.CutAt, k.OddTypes = 1000, Names{"Patient"} })
	if r := c.get(u, 200); !bytes.Equal(r.body, calm) {
		t.Error("a file of another type was cut")
	}
}

func TestOtherThingsStandInAFilesPlace(t *testing.T) {
	for kind, check := range map[FileError]func(r reply, calm []byte) bool{
		FileErrorWhole: func(r reply, _ []byte) bool {
			return r.outcome() == "processing" && r.Header.Get("Content-Type") == "application/fhir+json"
		},
		FileErrorHTML: func(r reply, _ []byte) bool {
			return bytes.Contains(r.body, []byte("<html")) && strings.HasPrefix(r.Header.Get("Content-Type"), "text/html")
		},
		FileErrorLine: func(r reply, calm []byte) bool {
			got := strings.SplitN(string(r.body), "\n", 3)
			return strings.Contains(got[1], "OperationOutcome") && got[0]+"\n"+got[2] == string(calm)
		},
	} {
		_, c, u, calm := oneFile(t, func(k *Knobs) { k.FileError, k.BadGets = kind, 2 })
		if r := c.get(u, 200); !check(r, calm) {
			t.Errorf("%q: %.300s", kind, r.body)
		}
		if r := c.get(u, 200); !bytes.Equal(r.body, calm) {
			t.Errorf("%q: the second time it is not the file", kind)
		}
	}
}

func TestDownloadsRunOut(t *testing.T) {
	srv, c, u, _ := oneFile(t, func(k *Knobs) { k.MaxDownloads = 3 })
	c.get(u, 200)
	c.get(u, 200)
	c.get(u, 500)
	if use := srv.Files("open")[0]; use.Gets != 4 || !use.Whole || use.Type != "Observation" {
		t.Errorf("use %+v", use)
	}
}

func TestFilesWantTheRightAccept(t *testing.T) {
	_, c, u, _ := oneFile(t, func(k *Knobs) { k.AcceptStrict, k.ContentType = true, "application/ndjson" })
	c.send(http.MethodGet, u, map[string]string{"Accept": "*/*"}, 406)
	r := c.send(http.MethodGet, u, map[string]string{"Accept": "application/fhir+ndjson"}, 200)
	if r.Header.Get("Content-Type") != "application/ndjson" {
		t.Errorf("content type %q", r.Header.Get("Content-Type"))
	}
}

func TestAFileChangesBetweenRanges(t *testing.T) {
	_, c, u, calm := oneFile(t, func(k *Knobs) { k.Changed = 2 }) // the second request still sees the first version
	first := c.send(http.MethodGet, u, map[string]string{"Range": "bytes=0-99"}, 206)
	tag := first.Header.Get("ETag")
	if !bytes.Equal(first.body, calm[:100]) {
		t.Fatal("the first part is not the file's")
	}
	second := c.send(http.MethodGet, u, map[string]string{"Range": "bytes=100-", "If-Range": tag}, 200)
	if second.Header.Get("ETag") == tag || bytes.Equal(second.body, calm) {
		t.Error("the file has not changed")
	}
	if got, want := bytes.Count(second.body, []byte("\n")), bytes.Count(calm, []byte("\n")); got != want {
		t.Errorf("%d lines, want %d", got, want)
	}
	careless := c.send(http.MethodGet, u, map[string]string{"Range": "bytes=100-"}, 206)
	if bytes.Equal(careless.body, calm[100:]) {
		t.Error("a range without If-Range fits the old version")
	}
}

func TestFilesWantTheScopeOfTheirType(t *testing.T) {
	k := quick(ECW())
	k.Access = AccessScoped
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(k)}})
	base := srv.Practice("ABCDEF").Base()
	c.login(base, ecwScope)
	m := c.wait(c.kickoff(base, "/Group/"+groupUUID+"/$export?_type=Patient"))
	c.get(m.Output[0].URL, 200)
	c.token = ""
	c.login(base, "system/Group.read system/Observation.read")
	if r := c.get(m.Output[0].URL, 403); !strings.Contains(r.Header.Get("WWW-Authenticate"), "insufficient_scope") {
		t.Errorf("WWW-Authenticate %q", r.Header.Get("WWW-Authenticate"))
	}
}

func TestDeleteAnswersWhatTheKnobSaysAndFreesTheSlot(t *testing.T) {
	for _, status := range []int{202, 404, 410, 500} {
		k := quick(Standard())
		k.Delete, k.SlotUntilDelete, k.Duplicate = status, true, Duplicate429
		srv, c := play(t, Config{Practices: []Practice{openPractice(k)}})
		base := srv.Practice("open").Base()
		at := c.kickoff(base, "/Group/g1/$export")
		c.wait(at)
		c.send(http.MethodGet, base+"/Group/g1/$export", asyncHeaders, 429)
		c.send(http.MethodDelete, at, nil, status)
		want := 202
		if status == 500 {
			want = 429
		}
		c.send(http.MethodGet, base+"/Group/g1/$export", asyncHeaders, want)
	}
}

func TestWhatIsFetchedIsObserved(t *testing.T) {
	k := quick(Standard())
	srv, c := play(t, Config{Practices: []Practice{openPractice(k)}})
	at := c.kickoff(srv.Practice("open").Base(), "/$export?_type=Patient,Observation")
	m := c.wait(at)
	whole := c.get(m.Output[0].URL, 200)
	c.send(http.MethodGet, m.Output[1].URL, map[string]string{"Range": "bytes=0-9"}, 206)
	uses := srv.Files("open")
	if len(uses) != 2 || uses[0].Gets != 1 || !uses[0].Whole || uses[0].Bytes != int64(len(whole.body)) || uses[1].Whole {
		t.Errorf("uses %+v", uses)
	}
	if srv.EarlyDeletes("open") != 0 {
		t.Error("an early DELETE before any")
	}
	c.send(http.MethodGet, m.Output[1].URL, map[string]string{"Range": "bytes=10-", "Authorization": "Bearer x"}, 206)
	if uses := srv.Files("open"); !uses[1].Whole || uses[1].Gets != 2 || uses[1].Tokens != 1 {
		t.Errorf("uses %+v", uses)
	}
	c.send(http.MethodDelete, at, nil, 202)
	if n := srv.EarlyDeletes("open"); n != 0 {
		t.Errorf("%d early DELETEs after everything was fetched", n)
	}
	at = c.kickoff(srv.Practice("open").Base(), "/$export")
	c.get(c.wait(at).Output[0].URL, 200)
	c.send(http.MethodDelete, at, nil, 202)
	if n := srv.EarlyDeletes("open"); n != 1 {
		t.Errorf("%d early DELETEs, want 1", n)
	}
}
