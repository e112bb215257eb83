package bulkdata

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// manifestOf reads a manifest with those members, besides the required ones.
func manifestOf(t *testing.T, d Dialect, members string) (*Status, error) {
	t.Helper()
	text := `{"transactionTime":"2026-01-02T03:04:05.670+01:00","requiresAccessToken":true`
	if members != "" {
		text += "," + members
	}
	c, s := scriptOf(t, in(d), said{200, text + "}", nil})
	return c.Status(t.Context(), s.url+"/fhir/status/1")
}

func TestAGoldenManifestOfEveryVersionIsReadInEveryDialect(t *testing.T) {
	t.Attr("shows", "BD-089 BD-092 BD-105 BD-106")
	for _, name := range []string{"stu1.json", "stu2.json", "stu3.json", "stu4.json", "stu4-no-output.json"} {
		everyDialect(t, func(t *testing.T, d Dialect) {
			text := string(golden(t, name))
			c, s := scriptOf(t, in(d), said{200, text, nil})
			status, err := c.Status(t.Context(), s.url+"/fhir/status/1")
			if err != nil || status.State != Complete || string(status.Raw) != text {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

func TestAManifestWithoutWhatItNeedsIsRefused(t *testing.T) {
	t.Attr("shows", "BD-088 BD-093 M3")
	for text, want := range map[string]string{
		`{"requiresAccessToken":true,"output":[]}`:                                               "transactionTime is missing",
		`{"transactionTime":"2026-01-02T03:04:05Z","output":[]}`:                                 "requiresAccessToken is missing",
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":null,"output":[]}`:      "requiresAccessToken is missing",
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":"true","output":[]}`:    "not a boolean",
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":"false","output":[]}`:   "not a boolean",
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":1,"output":[]}`:         "not a boolean",
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":true}`:                  "output is missing",
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":true,"output":[{"type"`: "broken JSON",
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":true,"output":{"a":1}}`: "wrong type",
	} {
		c, s := scriptOf(t, nil, said{200, text, nil}, said{200, manifestAtBase, nil})
		_, err := c.Status(t.Context(), s.url+"/fhir/status/1")
		p, ok := errors.AsType[*ProtocolError](err)
		if !ok || p.Reason != ManifestInvalid || !strings.Contains(err.Error(), want) || len(s.uris()) != 1 {
			t.Errorf("%s: %v after %v", text, err, s.uris())
		}
		if status, err := c.Status(t.Context(), s.url+"/fhir/status/1"); err != nil || status.State != Complete {
			t.Errorf("the status URL is of no use after %s: %v", text, err)
		}
	}
}

func TestListsMayBeEmptyMissingOrInAnyOrder(t *testing.T) {
	t.Attr("shows", "BD-089 BD-094 BD-095 M1 M6")
	everyDialect(t, func(t *testing.T, d Dialect) {
		for members, want := range map[string][]string{
			`"output":[],"error":[]`:                           nil,
			`"output":null,"error":null,"deleted":null`:        nil,
			`"output":[],"deleted":[],"error":[],"outcome":[]`: nil,
			`"outcome":[]`: nil,
			`"output":[{"type":"Provenance","url":"BASE/1"},{"type":"Patient","url":"BASE/2"},{"type":"Practitioner","url":"BASE/3"},` +
				`{"type":"Patient","url":"BASE/4"},{"type":"NotAType","url":"BASE/5"}],"future":{"x":[1]}`: {"Provenance", "Patient", "Practitioner", "Patient", "NotAType"},
			`"outputOrganizedBy":"Patient","output":[{"url":"BASE/1"}]`: {""},
		} {
			s, err := manifestOf(t, d, members)
			if err != nil {
				t.Errorf("%s: %v", members, err)
				continue
			}
			var got []string
			for f := range s.Manifest.Files() {
				got = append(got, f.Type)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", members, diff)
			}
			if slices.Contains(s.Deviations, TypeMissing) {
				t.Errorf("%s: an organized file needs no type", members)
			}
		}
	})
}

func TestAServerMaySendMoreThanWasAskedFor(t *testing.T) {
	t.Attr("shows", "BD-039 BD-048 BD-049 BD-051")
	const old = `{"resourceType":"Observation","id":"1","status":"draft","meta":{"lastUpdated":"1999-01-02T03:04:05Z"}}` + "\n"
	everyDialect(t, func(t *testing.T, d Dialect) {
		c, s := scriptOf(t, in(d), accepted, said{200, `{"transactionTime":"2026-01-02T03:04:05Z","request":"x","requiresAccessToken":true,"output":[` +
			`{"type":"Observation","url":"BASE/1"},{"type":"Practitioner","url":"BASE/2"},{"type":"Provenance","url":"BASE/3"}],"error":[]}`, nil},
			said{200, old, []string{"Content-Type", ndjsonType}})
		k, err := c.Kickoff(t.Context(), Request{
			Level: SystemLevel, Types: []string{"Observation"}, TypeFilters: []string{"Observation?status=final"}, Since: "2026-01-01T00:00:00Z",
		})
		if err != nil {
			t.Fatal(err)
		}
		status, err := c.Status(t.Context(), k.StatusURL)
		if err != nil || len(status.Deviations) != 0 {
			t.Fatalf("Status = %+v, %v", status, err)
		}
		for f := range status.Manifest.Files() {
			b, err := c.Open(t.Context(), f, OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			mustRead(t, b, old)
		}
		if len(s.uris()) != 5 {
			t.Errorf("asked %v", s.uris())
		}
	})
}

func TestTheManifestSaysWhetherTheOutputIsOrganized(t *testing.T) {
	t.Attr("shows", "BD-056 BD-095 BD-145")
	c, s := scriptOf(t, in(STU3), accepted, said{200, manifestAtBase, nil},
		said{200, `{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":true,"outputOrganizedBy":"Patient","output":[{"url":"BASE/1","continuesInFile":"BASE/2"},{"url":"BASE/2"}]}`, nil})
	k, err := c.Kickoff(t.Context(), Request{Level: SystemLevel, OrganizeOutputBy: "Patient"})
	if err != nil || s.uris()[0] != "GET /fhir/$export?organizeOutputBy=Patient" {
		t.Fatalf("%v, %v", s.uris(), err)
	}
	for _, organized := range []bool{false, true} {
		status, err := c.Status(t.Context(), k.StatusURL)
		if err != nil || status.Manifest.Organized() != organized {
			t.Errorf("Organized = %v, %v", !organized, err)
		}
		if organized && status.Manifest.Output[0].ContinuesIn != s.url+"/2" {
			t.Errorf("%+v", status.Manifest.Output[0])
		}
	}
}

func TestTheTransactionTimeComesBackAsItCame(t *testing.T) {
	t.Attr("shows", "BD-038")
	for _, instant := range []string{"2026-01-02T03:04:05.670+01:00", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456789-11:30"} {
		c, s := scriptOf(t, nil, said{200, strings.Replace(manifestAtBase, "2026-01-02T03:04:05Z", instant, 1), nil}, accepted)
		status, err := c.Status(t.Context(), s.url+"/fhir/status/1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Kickoff(t.Context(), Request{Level: SystemLevel, Since: status.Manifest.TransactionTime}); err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://h"+strings.TrimPrefix(s.uris()[1], "GET "), nil)
		if err != nil || r.URL.Query().Get("_since") != instant {
			t.Errorf("sent %v, %v", s.uris()[1], err)
		}
	}
}

func TestTheNewMembersOfSTU4AreReadAndNeverNeeded(t *testing.T) {
	t.Attr("shows", "BD-099 BD-101 BD-103 BD-104 BD-159")
	s, err := manifestOf(t, STU4, `"manifestType":"http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest|4.0.0",`+
		`"outputFormat":"application/fhir+ndjson; fhirVersion=4.0","output":[{"type":"Patient","url":"BASE/1","count":10,"fileSize":1234}],`+
		`"deleted":[{"url":"BASE/2","fileSize":5}],"outcome":[{"url":"BASE/3","fileSize":6,"count":4,"countSeverity":[`+
		`{"code":"success","count":0},{"code":"error","count":3},{"code":"dreadful","count":9},{"code":"fatal","count":-1},{"code":"warning","count":"x"},{"count":1}]}]`)
	if err != nil {
		t.Fatal(err)
	}
	m := s.Manifest
	if *m.Output[0].Count != 10 || *m.Output[0].Size != 1234 || *m.Deleted[0].Size != 5 || m.Deleted[0].Type != "" || *m.Outcome[0].Size != 6 || len(s.Deviations) != 0 {
		t.Errorf("%+v", m)
	}
	if diff := cmp.Diff(map[string]int64{"success": 0, "error": 3}, m.Outcome[0].Severities); diff != "" {
		t.Error(diff)
	}
	for members, want := range map[string]Deviation{
		`"output":[],"error":[],"manifestType":"https://example.org/own|1"`: UnknownManifestType,
		`"output":[],"outcome":[{"url":"BASE/3","countSeverity":{"a":1}}]`:  "",
		`"output":[],"error":[],"manifestType":null,"outputFormat":null`:    "",
		`"output":[],"error":[],"outputFormat":"ndjson"`:                    "",
	} {
		s, err := manifestOf(t, STU4, members)
		if err != nil || (len(s.Deviations) == 1) != (want != "") || want != "" && s.Deviations[0] != want {
			t.Errorf("%s: %+v, %v", members, s, err)
		}
	}
	for _, format := range []string{"text/csv", "application/fhir+json", "application/vnd.apache.parquet"} {
		_, err := manifestOf(t, STU4, `"output":[{"type":"Patient","url":"BASE/1"}],"outputFormat":"`+format+`"`)
		if p, ok := errors.AsType[*ProtocolError](err); !ok || p.Reason != ManifestInvalid || p.Detail != "outputFormat is not NDJSON" {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func TestExtensionsOfBothShapesAreNamedAndKept(t *testing.T) {
	t.Attr("shows", "BD-105 BD-106 BD-107 M9")
	s, err := manifestOf(t, STU3, `"extension":{"https://x/y":true,"key":{"nested":[1]}},"output":[`+
		`{"type":"Patient","url":"BASE/1","extension":[{"url":"https://x/decryption","valueString":"k"},{"valueString":"unnamed"}]},`+
		`{"type":"Patient","url":"BASE/2","extension":{"https://x/decryption":"k"},"modifierExtension":[]},`+
		`{"type":"Patient","url":"BASE/3","extension":"odd","modifierExtension":[{"url":"https://x/cipher","valueCode":"c"}]},`+
		`{"type":"Patient","url":"BASE/4","modifierExtension":{"https://x/cipher":1}},`+
		`{"type":"Patient","url":"BASE/5","modifierExtension":null}],"error":[]`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"https://x/y", "key", "https://x/decryption"}, s.Manifest.ExtensionNames()); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(string(s.Raw), `"key":{"nested":[1]}`) {
		t.Error("the extensions were not kept")
	}
	var modified []bool
	for f := range s.Manifest.Files() {
		modified = append(modified, f.Modified)
	}
	if diff := cmp.Diff([]bool{false, false, true, true, false}, modified); diff != "" {
		t.Error(diff)
	}
	c := clientOf(t, func(*http.Request) (*http.Response, error) {
		return reply(200, ndjson, "Content-Type", ndjsonType), nil
	}, nil)
	for i, f := range s.Manifest.Output {
		f.URL = base + "/f"
		b, err := c.Open(t.Context(), f, OpenOptions{})
		if p, refused := errors.AsType[*ProtocolError](err); refused != modified[i] || refused && p.Reason != ModifierExtension {
			t.Errorf("file %d: %v", i, err)
		}
		if err == nil {
			mustRead(t, b, ndjson)
		}
	}
}

func TestTheRequestOfAManifestIsNeverCompared(t *testing.T) {
	t.Attr("shows", "BD-092")
	for _, request := range []string{`"request":"https://proxy.example/other"`, `"request":null`, `"future":1`} {
		for _, d := range []Dialect{STU1, STU2, STU4} {
			if s, err := manifestOf(t, d, request+`,"output":[],"error":[]`); err != nil || len(s.Deviations) != 0 {
				t.Errorf("%s in %s: %+v, %v", request, d, s, err)
			}
		}
	}
}

func TestFileURLsAreUsedByteForByte(t *testing.T) {
	t.Attr("shows", "BD-096 BD-097 BD-124")
	text := `{"transactionTime":"2026-01-02T03:04:05Z","request":"x","requiresAccessToken":true,"output":[` +
		`{"type":"Patient","url":"BASE/a%2Fb;v=1?X-Sig=%7E,~+%20&e=%2F"},{"type":"Patient","url":"files/p.ndjson"}],` +
		`"deleted":[{"type":"Bundle","url":"BASE/d"}],"error":[{"type":"OperationOutcome","url":"BASE/e"}]}`
	c, s := scriptOf(t, nil, said{200, text, nil}, said{200, ndjson, []string{"Content-Type", ndjsonType}})
	status, err := c.Status(t.Context(), s.url+"/fhir/status/1")
	if err != nil {
		t.Fatal(err)
	}
	for f := range status.Manifest.Files() {
		b, err := c.Open(t.Context(), f, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		mustRead(t, b, ndjson)
	}
	want := []string{"GET /fhir/status/1", "GET /a%2Fb;v=1?X-Sig=%7E,~+%20&e=%2F", "GET /fhir/status/files/p.ndjson", "GET /d", "GET /e"}
	if diff := cmp.Diff(want, s.uris()); diff != "" {
		t.Error(diff)
	}
	if !slices.Contains(status.Deviations, RelativeFileURL) {
		t.Errorf("deviations = %v", status.Deviations)
	}
}

// A manifest that is read again names the same files by fresh URLs.
func TestAnExpiredLinkIsRenewedThroughTheManifest(t *testing.T) {
	t.Attr("shows", "BD-109 BD-117 D4 M12")
	signed := func(signature string) said {
		return said{200, `{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":false,"output":[` +
			`{"type":"Patient","url":"BASE/1?s=` + signature + `"},{"type":"Patient","url":"BASE/2?s=` + signature + `"}],"error":[]}`, nil}
	}
	c, s := scriptOf(t, nil, signed("old"), said{403, "<Error>expired</Error>", nil}, signed("new"), said{200, ndjson, []string{"Content-Type", ndjsonType}})
	r := StatusRequest{URL: s.url + "/fhir/status/1"}
	first, err := c.StatusOf(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	f := first.Manifest.Output[1]
	_, err = c.Open(t.Context(), f, OpenOptions{})
	if e, ok := errors.AsType[*StatusError](err); !ok || e.Status != 403 || Temporary(err) {
		t.Fatalf("Open = %v", err)
	}
	second, err := c.StatusOf(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	fresh, there := second.Manifest.File(f.Section, f.Index)
	if !there {
		t.Fatal("the file is not there any more")
	}
	b, err := c.Open(t.Context(), fresh, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	mustRead(t, b, ndjson)
	if diff := cmp.Diff([]string{"GET /fhir/status/1", "GET /2?s=old", "GET /fhir/status/1", "GET /2?s=new"}, s.uris()); diff != "" {
		t.Error(diff)
	}
	if _, there := second.Manifest.File(DeletedSection, 0); there {
		t.Error("a file that is nowhere was found")
	}
}
