package attachment

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEveryTypesDocumentsAreFound(t *testing.T) {
	t.Attr("shows", "BD-151")
	for line, want := range map[string][]string{
		`{"resourceType":"DocumentReference","id":"1","content":[{"attachment":{"url":"a"}},{"attachment":{"url":"b"}}]}`:       {"content[0].attachment a", "content[1].attachment b"},
		`{"resourceType":"DiagnosticReport","id":"1","presentedForm":[{"url":"a"},{"data":""}],"media":[{"link":{}}]}`:          {"presentedForm[0] a", "presentedForm[1] "},
		`{"content":{"url":"a"},"id":"1","resourceType":"Media"}`:                                                               {"content a"},
		`{"resourceType":"Patient","id":"1","photo":[{"url":"a"}],"content":[{"attachment":{"url":"b"}}]}`:                      {"photo[0] a"},
		`{"resourceType":"Communication","id":"1","payload":[{"contentString":"x"},{"contentAttachment":{"url":"a"}}]}`:         {"payload[1].contentAttachment a"},
		`{"resourceType":"Consent","id":"1","sourceAttachment":{"url":"a"}}`:                                                    {"sourceAttachment a"},
		`{"resourceType":"Binary","id":"1","contentType":"text/plain","data":"aGk="}`:                                           {"$this "},
		`{"resourceType":"Binary","id":"1","contentType":"text/plain","url":"x"}`:                                               {"$this Binary/1"},
		`{"resourceType":"Observation","id":"1","content":[{"attachment":{"url":"a"}}]}`:                                        nil,
		`{"resourceType":"DocumentReference","content":[{"attachment":{"url":"a"}}]}`:                                           nil,
		`{"resourceType":"DocumentReference","id":"1","content":[{"attachment":{"url":"a"}}]`:                                   nil,
		`{"resourceType":"DocumentReference","id":"1","content":[7,[{"attachment":{"url":"a"}}],{"attachment":[{"url":"b"}]}]}`: {"content[2].attachment[0] b"},
		`[]`: nil,
	} {
		var got []string
		for i, f := range newExtractor().read([]byte(line)).found {
			got = append(got, f.Path+" "+f.URL)
			if f.Position != i {
				t.Errorf("%s: position %d, want %d", line, f.Position, i)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
}

func TestWhatAResourceSaysOfItsDocumentIsRead(t *testing.T) {
	t.Parallel()
	x := newExtractor()
	x.read([]byte(note("before", `"contentType":"a/b","title":"t","url":"u","size":1,"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAA="`)))
	got := x.read([]byte(`{"resourceType":"Media","id":"m/1","meta":{"lastUpdated":"2026-01-02T03:04:05+01:00"},` +
		`"content":{"contentType":"image/\u006apeg","title":"A \"b\"","size":"42","hash":"6AD2D2A4DE4F0D0E9C0F8C6C6C0E8B0000000001","url":"x"}}`))
	want := resource{
		kind: "Media", key: "Media/m/1", lastUpdated: time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC),
		found: []Found{{Path: "content", ContentType: "image/jpeg", Title: `A "b"`, URL: "x", Size: 42, SHA1: "6ad2d2a4de4f0d0e9c0f8c6c6c0e8b0000000001"}},
	}
	got.lastUpdated = got.lastUpdated.UTC()
	if diff := cmp.Diff(want, *got, cmp.AllowUnexported(resource{})); diff != "" {
		t.Error(diff)
	}
}

func TestTheTypesWithDocumentsAreSorted(t *testing.T) {
	if types := Types(); !slices.IsSorted(types) || !slices.Contains(types, "Binary") || !slices.Contains(types, "DocumentReference") {
		t.Errorf("Types() = %q", types)
	}
}

func TestMediaTypesAreComparedWithoutParametersAndCase(t *testing.T) {
	r := Rules{ContentTypes: []string{"application/pdf", "text/*"}}
	for sent, want := range map[string]bool{
		"application/pdf": true, "Application/PDF; x=y": true, "text/html;charset=utf-8": true, "TEXT/plain": true,
		"application/pdfx": false, "textual/html": false, "text": false, "": false, ";": false, "image/png": false,
	} {
		if got := r.allows(mediaType(sent)); got != want {
			t.Errorf("allows(%q) = %v", sent, got)
		}
	}
	if all := (Rules{ContentTypes: []string{"*/*"}}); !all.allows("") || !all.allows("image/png") {
		t.Error("*/* does not allow all")
	}
}

func TestABinaryIsReadAsAStream(t *testing.T) {
	for text, want := range map[string]string{
		`{"resourceType":"Binary","contentType":"text/plain","data":"aGk="}`:                                             "text/plain hi",
		` { "data" : "a G\nk\/\u002B\/+" , "x":{"a":["}",{"b":"\""}],"c":-1.5e3},"y":null, "resourceType":"Binary"}`:     "error",
		` { "data" : "a G\nkv\u004bw=\u003d" , "x":{"a":["}",{"b":"\""}],"c":-1.5e3},"y":null, "resourceType":"Binary"}`: " hi/+",
		`{"resourceType":"Binary","data":""}`:                   " ",
		`{"resourceType":"Binary"}`:                             "error",
		`{"resourceType":"Binary","data":7}`:                    "error",
		`{"resourceType":"Binary","data":"aGk=","data":"aGk="}`: "error",
		`{"resourceType":"Basic","data":"aGk="}`:                "error",
		`{"resourceType":"Binary","data":"aGk"}`:                "error",
		`{"resourceType":"Binary","data":"aGk=aGk="}`:           "error",
		`{"resourceType":"Binary","data":"a\u00e9k="}`:          "error",
		`{"resourceType":"Binary","data":"aGk="`:                "error",
		`{"resourceType":"Binary" "data":"aGk="}`:               "error",
		`{"resourceType":"Binary","data":"aGk=`:                 "error",
		`["resourceType","Binary"]`:                             "error",
		`{"` + strings.Repeat("x", 2*maxName) + `":1}`:          "error",
		``: "error",
	} {
		var content bytes.Buffer
		kind, err := readBinary(bufio.NewReader(strings.NewReader(text)), &content)
		got := kind + " " + content.String()
		if err != nil {
			got = "error"
			if !errors.Is(err, errContent) {
				t.Errorf("%s: %v", text, err)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func FuzzExtractor(f *testing.F) {
	f.Add([]byte(note("d", `"contentType":"text/plain","url":"Binary/1","size":3,"hash":"x"`)))
	f.Add([]byte(`{"resourceType":"Binary","id":"1","data":"aGk="}`))
	f.Add([]byte(`{"resourceType":"Communication","id":"1","payload":[{"contentAttachment":{"data":"a\/k="}}]}`))
	f.Add([]byte(`{"resourceType":"Media","id":"1","content":{"data":"\u0061\n"}}`))
	x := newExtractor()
	f.Fuzz(func(t *testing.T, line []byte) {
		r := x.read(line)
		if len(r.found) > 0 && r.key == "" {
			t.Error("a document without a resource")
		}
		for i, d := range r.found {
			if d.Position != i || d.Path == "" || d.Inline && d.URL != "" || d.Size < -1 {
				t.Errorf("document %d is %+v", i, d)
			}
			text := &textReader{src: bufio.NewReader(bytes.NewReader(d.Data)), bare: true}
			var content bytes.Buffer
			if _, err := content.ReadFrom(decodeBase64(text)); err != nil && !errors.Is(err, errContent) {
				t.Errorf("decode: %v", err)
			}
		}
	})
}

func FuzzBinary(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Binary","contentType":"text/plain","data":"aGk="}`))
	f.Add([]byte(`{"x":[1,{"y":"\""}],"data":"a\/\u0061=","resourceType":"Binary"}`))
	f.Add([]byte(`{"data":"`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var content bytes.Buffer
		_, err := readBinary(bufio.NewReader(bytes.NewReader(text)), &content)
		if err != nil && !errors.Is(err, errContent) {
			t.Errorf("error of another kind: %v", err)
		}
		if content.Len() > base64.StdEncoding.DecodedLen(len(text)) {
			t.Errorf("%d bytes of %d", content.Len(), len(text))
		}
	})
}
