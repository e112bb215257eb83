package sandbox

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// patients exports patients with a knob turned and returns the one file's bytes.
func patients(t *testing.T, change func(*Knobs)) string {
	t.Helper()
	_, c, m := exported(t, "/$export?_type=Patient", change)
	return c.text(m.items("output")[0])
}

func TestLinesAreWrittenAsTheKnobsSay(t *testing.T) {
	calm := patients(t, func(*Knobs) {})
	lines := strings.Split(strings.TrimSuffix(calm, "\n"), "\n")
	if len(lines) != 10 {
		t.Fatalf("%d lines", len(lines))
	}
	for name, tc := range map[string]struct {
		change func(*Knobs)
		check  func(body string) bool
	}{
		"crlf":         {func(k *Knobs) { k.EOL = EOLCRLF }, func(b string) bool { return b == strings.ReplaceAll(calm, "\n", "\r\n") }},
		"bom":          {func(k *Knobs) { k.BOM = true }, func(b string) bool { return b == "\ufeff"+calm }},
		"no final end": {func(k *Knobs) { k.NoFinalEOL = true }, func(b string) bool { return b+"\n" == calm }},
		"blank lines": {func(k *Knobs) { k.BlankLines = 4 }, func(b string) bool {
			return strings.HasPrefix(b, "\n{") && strings.Count(b, "\n\n") == 2 && strings.ReplaceAll(b[1:], "\n\n", "\n") == calm
		}},
		"split": {func(k *Knobs) { k.SplitLine = 2 }, func(b string) bool {
			got := strings.Split(b, "\n")
			return got[0]+got[1] == lines[0] && got[2]+got[3] == lines[1] && got[4] == lines[2]
		}},
		"pretty": {func(k *Knobs) { k.PrettyLine = 1 }, func(b string) bool {
			return strings.HasPrefix(b, "{\n  \"resourceType\"") && strings.HasSuffix(b, "\n"+lines[9]+"\n")
		}},
		"big": {func(k *Knobs) { k.BigLine = 2 }, func(b string) bool {
			first, rest, _ := strings.Cut(b, "\n")
			return len(first) > 2<<20 && json.Valid([]byte(first)) && strings.HasPrefix(rest, lines[1])
		}},
		"not odd": {func(k *Knobs) { k.BOM, k.SplitLine, k.OddTypes = true, 2, Names{"Observation"} }, func(b string) bool { return b == calm }},
	} {
		if b := patients(t, tc.change); !tc.check(b) {
			t.Errorf("%s:\n%.500s", name, b)
		}
	}
}

func TestResourcesOccurTwice(t *testing.T) {
	_, c, m := exported(t, "/$export?_type=Observation", func(k *Knobs) { k.FilesPer, k.Dup = 10, 40 })
	n, ids := 0.0, map[string]int{}
	for _, i := range m.items("output") {
		n += i["count"].(float64)
	}
	rows := c.rows(m, "output", "")
	for _, row := range rows {
		ids[stringOf([]byte(row), "id")]++
	}
	if len(ids) != 25 || len(rows) <= 27 || len(rows) >= 45 || int(n) != len(rows) {
		t.Errorf("%d lines of %d resources, counted %v", len(rows), len(ids), n)
	}
}

func TestLongIDsAreUsedInReferencesToo(t *testing.T) {
	_, c, m := exported(t, "/$export", func(k *Knobs) { k.LongID = 100 })
	known := map[string]bool{}
	for _, row := range c.rows(m, "output", "Patient") {
		known["Patient/"+stringOf([]byte(row), "id")] = true
	}
	for _, row := range c.rows(m, "output", "Observation") {
		subject := stringOf(valueOf([]byte(row), "subject"), "reference")
		if !known[subject] || len(subject) != 108 || len(stringOf([]byte(row), "id")) != 100 {
			t.Errorf("row %s", row)
		}
	}
}

func TestMetaIsMissingInAShare(t *testing.T) {
	without := strings.Count(patients(t, func(k *Knobs) { k.NoMeta = 50 }), "\n") - strings.Count(patients(t, func(k *Knobs) { k.NoMeta = 50 }), `"meta"`)
	if without < 2 || without > 8 {
		t.Errorf("%d of 10 without meta", without)
	}
	if b := patients(t, func(k *Knobs) { k.NoMeta = 100 }); strings.Contains(b, "lastUpdated") {
		t.Errorf("meta is left: %s", b)
	}
}

func TestReferencesTakeOtherForms(t *testing.T) {
	withDoctor := records{"Observation": {{id: "1", updated: longAgo, text: `{"resourceType":"Observation","id":"1","subject":{"reference":"Patient/1"},"performer":[{"reference":"Practitioner/2"}]}`}}}
	for refs, want := range map[Refs]string{
		RefsRelative: `"Patient/1" "Practitioner/2"`, RefsAbsolute: `"BASE/Patient/1" "BASE/Practitioner/2"`, RefsDangling: `"Patient/1" "Practitioner/gone-2"`,
	} {
		k := quick(Standard())
		k.Refs = refs
		p := openPractice(k)
		p.Source = withDoctor
		srv, c := play(t, Config{Practices: []Practice{p}})
		base := srv.Practice("open").Base()
		row := c.rows(c.listing(c.kickoff(base, "/$export")), "output", "")[0]
		var got []string
		for _, m := range strings.Split(row, `"reference":`)[1:] {
			ref, _, _ := strings.Cut(m, "}")
			got = append(got, strings.ReplaceAll(ref, base, "BASE"))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %v, want %s", refs, got, want)
		}
	}
}

func TestSilentEditsDoNotShowWithSince(t *testing.T) {
	srv, c, m := exported(t, "/$export?_type=Patient", func(k *Knobs) { k.SilentEdit = 100 })
	base := srv.Practice("open").Base()
	first := c.rows(m, "output", "")
	second := c.rows(c.listing(c.kickoff(base, "/$export?_type=Patient")), "output", "")
	for i := range second {
		if first[i] == second[i] || stringOf([]byte(first[i]), "id") != stringOf([]byte(second[i]), "id") || !strings.Contains(second[i], longAgo.Format(time.RFC3339)) {
			t.Errorf("line %d: %s, then %s", i, first[i], second[i])
		}
	}
	since := longAgo.Add(time.Hour).Format(time.RFC3339)
	if m := c.listing(c.kickoff(base, "/$export?_type=Patient&_since="+since)); len(m.items("output")) != 0 {
		t.Errorf("with _since: %v", m["output"])
	}
}

func documents() records {
	return records{
		"DocumentReference": {{id: "d1", updated: longAgo, text: `{"resourceType":"DocumentReference","id":"d1","content":[{"attachment":{"contentType":"application/pdf","data":"QQ=="}}]}`}},
		"DiagnosticReport":  {{id: "r1", updated: longAgo, text: `{"resourceType":"DiagnosticReport","id":"r1","presentedForm":[{"url":"Binary/b1","title":"x"}]}`}},
		"Binary":            {{id: "b1", updated: longAgo, text: `{"resourceType":"Binary","id":"b1","contentType":"text/rtf","data":"QUJD"}`}},
	}
}

// attachments exports documents and returns the attachment of each.
func attachments(t *testing.T, change func(*Knobs)) (*Server, *caller, []map[string]any) {
	t.Helper()
	k := quick(Standard())
	change(k)
	p := openPractice(k)
	p.Source = documents()
	srv, c := play(t, Config{Practices: []Practice{p}})
	var found []map[string]any
	for _, row := range c.rows(c.listing(c.kickoff(srv.Practice("open").Base(), "/$export?_type=DocumentReference,DiagnosticReport")), "output", "") {
		var r struct {
			Content       []struct{ Attachment map[string]any }
			PresentedForm []map[string]any
		}
		if err := json.Unmarshal([]byte(row), &r); err != nil {
			t.Fatal(err)
		}
		if r.Content != nil {
			found = append(found, r.Content[0].Attachment)
		} else {
			found = append(found, r.PresentedForm[0])
		}
	}
	if len(found) != 2 {
		t.Fatalf("%d attachments", len(found))
	}
	return srv, c, found
}

func honestAttachment(t *testing.T, a map[string]any, content []byte) {
	t.Helper()
	sum := sha1.Sum(content)
	if a["size"] != float64(len(content)) || a["hash"] != base64.StdEncoding.EncodeToString(sum[:]) || len(content) < 500 {
		t.Errorf("attachment %v is not that of %d bytes", a, len(content))
	}
}

func TestAttachmentsAreWhereTheKnobSays(t *testing.T) {
	_, _, inline := attachments(t, func(k *Knobs) { k.Attach, k.AttachSize = AttachInline, 500 })
	for _, a := range inline {
		content, err := base64.StdEncoding.DecodeString(a["data"].(string))
		if err != nil || a["url"] != nil {
			t.Fatalf("attachment %v: %v", a, err)
		}
		honestAttachment(t, a, content)
	}
	srv, c, apart := attachments(t, func(k *Knobs) { k.Attach, k.AttachSize = AttachURL, 500 })
	for _, a := range apart {
		r := c.get(a["url"].(string), 200)
		if r.Header.Get("Content-Type") != "text/plain" || a["contentType"] != "text/plain" {
			t.Errorf("content type %q", r.Header.Get("Content-Type"))
		}
		honestAttachment(t, a, r.body)
		fhir := c.send(http.MethodGet, a["url"].(string), map[string]string{"Accept": "application/fhir+json"}, 200)
		if stringOf(fhir.body, "resourceType") != "Binary" {
			t.Errorf("as FHIR: %s", fhir.body)
		}
	}
	if n := srv.Counts("open")[KindAttachment]; n != 4 {
		t.Errorf("%d requests for attachments, want 4", n)
	}
	srv, c, below := attachments(t, func(k *Knobs) { k.Attach, k.AttachSize = AttachRelative, 500 })
	for _, a := range below {
		honestAttachment(t, a, c.get(srv.Practice("open").Base()+"/"+a["url"].(string), 200).body)
	}
	_, _, none := attachments(t, func(k *Knobs) { k.Attach = AttachNone })
	if none[0]["url"] != nil || none[0]["data"] != nil {
		t.Errorf("attachment %v", none[0])
	}
	_, c, gone := attachments(t, func(k *Knobs) { k.Attach = AttachMissing })
	c.get(gone[0]["url"].(string), 404)
}

func TestAttachmentsOnTheStorageWantNoToken(t *testing.T) {
	srv, c, signed := attachments(t, func(k *Knobs) { k.Attach, k.AttachSize, k.Access = AttachURL, 500, AccessPresigned })
	u := signed[0]["url"].(string)
	if !strings.HasPrefix(u, srv.Summary().Storage) {
		t.Fatalf("URL %s", u)
	}
	honestAttachment(t, signed[0], c.get(u, 200).body)
	c.send(http.MethodGet, u, map[string]string{"Authorization": "Bearer x"}, 400)
}

func TestBinariesOfThePracticeAreServed(t *testing.T) {
	srv, c, _ := attachments(t, func(*Knobs) {})
	r := c.get(srv.Practice("open").Base()+"/Binary/b1", 200)
	if string(r.body) != "ABC" || r.Header.Get("Content-Type") != "text/rtf" {
		t.Errorf("%q, %s", r.body, r.Header.Get("Content-Type"))
	}
	c.get(srv.Practice("open").Base()+"/Binary/b2", 404)
}

func TestResultsHideUnlessAllTypesAreAsked(t *testing.T) {
	k := quick(Standard())
	k.HideMembers = true
	p := openPractice(k)
	p.Source = records{
		"DiagnosticReport": {{id: "r", updated: longAgo, text: `{"resourceType":"DiagnosticReport","id":"r","result":[{"reference":"Observation/1"}]}`}},
		"Observation": {
			{id: "1", updated: longAgo, text: `{"resourceType":"Observation","id":"1","encounter":{"reference":"Encounter/9"}}`},
			{id: "2", updated: longAgo, text: `{"resourceType":"Observation","id":"2","encounter":{"reference":"Encounter/9"}}`},
		},
		"Encounter": {{id: "9", updated: longAgo, text: `{"resourceType":"Encounter","id":"9"}`}},
	}
	srv, c := play(t, Config{Practices: []Practice{p}})
	for types, want := range map[string]int{"DiagnosticReport,Observation": 1, "Observation,Encounter": 2} {
		m := c.listing(c.kickoff(srv.Practice("open").Base(), "/$export?_type="+types))
		if rows := c.rows(m, "output", "Observation"); len(rows) != want {
			t.Errorf("%s: %v, want %d", types, rows, want)
		}
	}
}

func TestAGroupChangesBetweenExports(t *testing.T) {
	for include, wantObservations := range map[NewMembers]bool{NewMembersOmit: false, NewMembersInclude: true} {
		k := quick(Standard())
		k.Joins, k.Leaves, k.NewMembers = 40, 20, include
		p := openPractice(k)
		p.Source = records{}.add("Patient", 50).add("Observation", 10).add("Practitioner", 3)
		srv, c := play(t, Config{Practices: []Practice{p}})
		base := srv.Practice("open").Base()
		roster := func(path string) []string {
			var ids []string
			for _, row := range c.rows(c.listing(c.kickoff(base, path)), "output", "Patient") {
				ids = append(ids, stringOf([]byte(row), "id"))
			}
			return ids
		}
		first := roster("/Group/g1/$export?_type=Patient")
		second := roster("/Group/g1/$export?_type=Patient")
		var joined []string
		for _, id := range second {
			if !slices.Contains(first, id) {
				joined = append(joined, id)
			}
		}
		if len(joined) < 10 || len(first) < 20 || len(first)+len(joined) <= len(second) {
			t.Errorf("first %d, second %d, joined %d", len(first), len(second), len(joined))
		}
		since := longAgo.Add(time.Hour).Format(time.RFC3339)
		got := roster("/Group/g1/$export?_type=Patient&_since=" + since)
		if wantObservations != slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(joined))) {
			t.Errorf("%q: with _since %v, joined %v", include, got, joined)
		}
		later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		if got := roster("/Group/g1/$export?_type=Patient&_since=" + later); len(got) != 0 {
			t.Errorf("%q: those who joined before _since came again: %v", include, got)
		}
	}
}

func TestLinesAreSpoiltOneByOne(t *testing.T) {
	lines := strings.Split(patients(t, func(k *Knobs) { k.WrongType, k.NoID, k.BadBytes = 1, 1, Names(badBytes) }), "\n")
	for i, check := range []func(line string) bool{
		func(l string) bool { return strings.Contains(l, `"resourceType":"Basic"`) && json.Valid([]byte(l)) },
		func(l string) bool { return !strings.Contains(l, `"id"`) && json.Valid([]byte(l)) },
		func(l string) bool { return strings.Contains(l, "\x00") },
		func(l string) bool { return !utf8.ValidString(l) },
		func(l string) bool { return strings.Contains(l, `\ud800"`) && json.Valid([]byte(l)) },
		func(l string) bool { return strings.Count(l, `"language"`) == 2 },
		func(l string) bool { return strings.Contains(l, "e4000") && json.Valid([]byte(l)) },
		func(l string) bool { return strings.HasPrefix(l, `{"resourceType":"Patient","id":"7"`) },
	} {
		if !check(lines[i]) {
			t.Errorf("line %d: %.200q", i+1, lines[i])
		}
	}
}

func TestElementsAreKeptAndTagged(t *testing.T) {
	line := []byte(`{"resourceType":"Patient","id":"1","meta":{"tag":[{"code":"x"}]},"gender":"male","birthDate":"2000-01-01"}`)
	got := string(subset("Patient", line, []string{"Patient.gender", "Observation.status"}))
	want := `{"resourceType":"Patient","id":"1","meta":{"tag":[{"code":"x"},` + subsetted + `]},"gender":"male"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := subset("Patient", line, []string{"Observation.status"}); !bytes.Equal(got, line) {
		t.Errorf("another type's elements: %s", got)
	}
	if got := string(subset("Patient", []byte(`{"resourceType":"Patient","gender":"male"}`), []string{"id"})); got != `{"meta":{"tag":[`+subsetted+`]},"resourceType":"Patient"}` {
		t.Errorf("without meta: %s", got)
	}
}

func TestMembersAreTakenAndGiven(t *testing.T) {
	for line, want := range map[string][3]string{ // valueOf b, without b, with b
		`{"a":1,"b":{"x":"}\""},"c":[1,{"b":2}]}`: {`{"x":"}\""}`, `{"a":1,"c":[1,{"b":2}]}`, `{"a":1,"b":7,"c":[1,{"b":2}]}`},
		`{ "a" : 1 , "b" : true }`:                {`true`, `{ "a" : 1 }`, `{ "a" : 1 , "b" : 7}`},
		`{"b":null}`:                              {`null`, `{}`, `{"b":7}`},
		`{"a":"\\"}`:                              {``, `{"a":"\\"}`, `{"b":7,"a":"\\"}`},
		`{}`:                                      {``, `{}`, `{"b":7}`},
		`[1]`:                                     {``, `[1]`, `[1]`},
		`{"a`:                                     {``, `{"a`, `{"b":7,"a`},
	} {
		b := []byte(line)
		got := [3]string{string(valueOf(b, "b")), string(without(b, "b")), string(with(b, "b", "7"))}
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

func FuzzMembersNeverLeaveTheLine(f *testing.F) {
	for _, seed := range []string{`{"a":1,"b":{"x":"}\""}}`, `{"a":[1,{}],"b":"\\"}`, `{"a`, `{"a":}`, ``, `{"a":1]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for m := range eachMember([]byte(line)) {
			if m.from > m.value || m.value > m.to || m.to > len(line) {
				t.Fatalf("%q: member %s from %d, value %d, to %d", line, m.name, m.from, m.value, m.to)
			}
		}
		if json.Valid([]byte(line)) && strings.HasPrefix(strings.TrimSpace(line), "{") {
			if made := with([]byte(line), "zz", "1"); !json.Valid(made) {
				t.Fatalf("%q became %q", line, made)
			}
			if made := without(with([]byte(line), "zz", "1"), "zz"); !json.Valid(made) {
				t.Fatalf("%q became %q", line, made)
			}
		}
	})
}

func TestLotsAreEven(t *testing.T) {
	n := 0
	for i := range 10_000 {
		if drawn("x", "Patient", fmt.Sprint(i), 30) {
			n++
		}
	}
	if n < 2800 || n > 3200 {
		t.Errorf("%d of 10000 drawn, want about 3000", n)
	}
}
