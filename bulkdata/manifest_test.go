package bulkdata

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAManifestOfEveryVersionIsReadByItsShape(t *testing.T) {
	t.Attr("shows", "BD-089 BD-092 BD-097 BD-099 BD-101 BD-103 BD-105 BD-106 M1 M8 M9")
	utc := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, want := range map[string]*Manifest{
		"stu1.json": {
			TransactionTime: "2026-01-02T03:04:05.678Z", Time: utc.Add(678 * time.Millisecond), HasOutput: true,
			Request: "https://fhir.example/r4/Group/g1/$export?_type=Patient,Observation", Access: TokenRequired,
			Output: []File{
				{Section: OutputSection, Type: "Patient", URL: "https://fhir.example/r4/bulkdata/download?job_id=1&file_name=Patient-1.ndjson", Access: TokenRequired},
				{Section: OutputSection, Index: 1, Type: "Patient", URL: "https://fhir.example/r4/files/p2.ndjson", Access: TokenRequired, Count: new(int64(7))},
			},
			Deleted:    []File{},
			Error:      []File{{Section: ErrorSection, Type: "OperationOutcome", URL: "https://fhir.example/r4/e/1", Access: TokenRequired, Count: new(int64(1))}},
			Outcome:    []File{},
			Extensions: []string{"https://example.org/own"},
			Deviations: []Deviation{EscapedAmpersand, RelativeFileURL, CountNotNumber},
		},
		"stu2.json": {
			TransactionTime: "2026-01-02T03:04:05+01:00", Time: utc.Add(-time.Hour), HasOutput: true,
			Request: "https://proxy.example/rewritten", Access: TokenForbidden,
			Output:  []File{{Section: OutputSection, Type: "Observation", URL: "https://store.example/a%2Fb?X-Sig=%7E,~", Access: TokenForbidden, Count: new(int64(12)), Extensions: []string{"checksum"}}},
			Deleted: []File{{Section: DeletedSection, Type: "Bundle", URL: "https://store.example/d?X-Sig=2", Access: TokenForbidden, Count: new(int64(3))}},
			Error:   []File{}, Outcome: []File{},
		},
		"stu3.json": {
			TransactionTime: "2026-01-02T03:04:05Z", Time: utc, HasOutput: true,
			Request: "https://fhir.example/r4/$export", Access: TokenRequired, OutputOrganizedBy: "Patient",
			Output: []File{
				{Section: OutputSection, URL: "https://fhir.example/r4/f/1", Access: TokenRequired, ContinuesIn: "https://fhir.example/r4/f/2"},
				{Section: OutputSection, Index: 1, URL: "https://fhir.example/r4/f/2", Access: TokenRequired},
			},
			Deleted: []File{}, Error: []File{}, Outcome: []File{}, Next: "https://fhir.example/r4/s?page=2",
		},
		"stu4.json": {
			TransactionTime: "2026-01-02T03:04:05Z", Time: utc, HasOutput: true, HasOutcome: true, Access: TokenRequired,
			Extensions:   []string{"https://example.org/own"},
			ManifestType: "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest", OutputFormat: "application/fhir+ndjson",
			Output: []File{
				{Section: OutputSection, Type: "Patient", URL: "https://fhir.example/r4/f/1", Access: TokenRequired, Count: new(int64(5)), Size: new(int64(1234))},
				{Section: OutputSection, Index: 1, Type: "Patient", URL: "https://fhir.example/r4/f/2", Access: TokenRequired, Modified: true},
			},
			Deleted: []File{{Section: DeletedSection, URL: "https://fhir.example/r4/d/1", Access: TokenRequired}},
			Error:   []File{},
			Outcome: []File{{Section: OutcomeSection, URL: "https://fhir.example/r4/o/1", Access: TokenRequired, Severities: map[string]int64{"success": 0}}},
		},
	} {
		m, err := ParseManifest(golden(t, name), ManifestOptions{StatusURL: "https://fhir.example/r4/s?job_id=1", EscapedAmpersands: true})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, m); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if all := slices.Collect(m.Files()); len(all) != len(m.Output)+len(m.Deleted)+len(m.Error)+len(m.Outcome) {
			t.Errorf("%s: Files gives %d", name, len(all))
		}
	}
}

func TestOddManifestsAreFlagged(t *testing.T) {
	t.Attr("shows", "M1 M5")
	for text, want := range map[string][]Deviation{
		`{"transactionTime":"2026-01-02T03:04:05","requiresAccessToken":true,"output":[],"error":[]}`:                                                    {TransactionTimeNotInstant},
		`{"transactionTime":"2026-01-02","requiresAccessToken":true,"output":[],"error":[]}`:                                                             {TransactionTimeNotInstant},
		`{"transactionTime":null,"requiresAccessToken":null,"output":null}`:                                                                              {TransactionTimeMissing, RequiresAccessTokenMissing, OutcomeMissing},
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":"False","output":[],"outcome":null}`:                                            {RequiresAccessTokenText},
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":true,"output":[{"type":"Patient","url":"https://h/1","count":-1}],"error":[]}`:  {CountNotNumber},
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":true,"output":[{"type":"Patient","url":"https://h/1","count":1.5}],"error":[]}`: {CountNotNumber},
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":true,"output":[],"error":[],"link":{"relation":"next","url":"p2"}}`:             {LinkNotArray, RelativeFileURL},
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":true,"output":[{"url":"https://h/1"}],"error":[]}`:                              {TypeMissing},
		"\xef\xbb\xbf" + wholeManifest: nil,
	} {
		m, err := ParseManifest([]byte(text), ManifestOptions{StatusURL: statusURL})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, m.Deviations); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
		if m.TransactionTime != "" && !strings.HasSuffix(m.TransactionTime, "Z") && !m.Time.IsZero() {
			t.Errorf("%s: a time without a zone is taken for %v", text, m.Time)
		}
	}
}

func TestBrokenManifestsAreRefusedWithoutTheirWords(t *testing.T) {
	t.Attr("shows", "BD-088 BD-093")
	for text, want := range map[string]string{
		`{"output":[{"url":"https://h/CANARY","url":"https://h/2"}]}`: "a member is repeated",
		`{"transactionTime":"CANARY"`:                                 "broken JSON near byte",
		`{"transactionTime":["CANARY"]}`:                              "wrong type near byte",
		`{"output":{"CANARY":1}}`:                                     "wrong type near byte",
		`{"output":["CANARY"]}`:                                       "wrong type near byte",
		`{"transactionTime":"CANARY` + "\xff" + `"}`:                  "broken JSON",
		`{"requiresAccessToken":"CANARY"}`:                            "not a boolean",
		`{"requiresAccessToken":1}`:                                   "not a boolean",
		`{"requiresAccessToken":true,"link":["CANARY"]}`:              "link is not a list",
		`["CANARY"]`:      "wrong type",
		`{} {"CANARY":1}`: "broken JSON",
	} {
		m, err := ParseManifest([]byte(text), ManifestOptions{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %+v, %v", text, m, err)
		}
	}
}

func TestAmpersandsAreUnescapedOnlyWhereAsked(t *testing.T) {
	t.Attr("shows", "M8")
	const text = `{"requiresAccessToken":true,"output":[{"url":"https://h/d?a=1&amp;b=2"},{"url":"https://h/d?a=x&amp%3Bb"},{"url":"https://h/a&amp;b"}],"error":[]}`
	for escaped, want := range map[bool][]string{
		false: {"https://h/d?a=1&amp;b=2", "https://h/d?a=x&amp%3Bb", "https://h/a&amp;b"},
		true:  {"https://h/d?a=1&b=2", "https://h/d?a=x&amp%3Bb", "https://h/a&amp;b"},
	} {
		m, err := ParseManifest([]byte(text), ManifestOptions{EscapedAmpersands: escaped})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for f := range m.Files() {
			got = append(got, f.URL)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: %s", escaped, diff)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	for _, name := range []string{"stu1.json", "stu2.json", "stu3.json", "stu4.json"} {
		f.Add(golden(f, name))
	}
	f.Add([]byte(`{"requiresAccessToken":"tRue","output":[{"url":"?a&amp;b","count":"1e3"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseManifest(text, ManifestOptions{StatusURL: statusURL, EscapedAmpersands: true})
		if err != nil {
			return
		}
		counts := map[Section]int{}
		for file := range m.Files() {
			if file.Index != counts[file.Section] || file.Access != m.Access || file.Count != nil && *file.Count < 0 {
				t.Errorf("%+v", file)
			}
			counts[file.Section]++
		}
	})
}

func TestChecksumsAreReadWhereTheyAreOne(t *testing.T) {
	t.Attr("shows", "M9")
	sum := strings.Repeat("0a", 32)
	for extension, want := range map[string]string{
		`[{"url":"https://ab2d.cms.gov/checksum","valueString":"sha256:` + sum + `"},{"url":"https://ab2d.cms.gov/file_length","valueDecimal":5}]`: sum,
		`[{"url":"https://ab2d.cms.gov/checksum","valueString":"SHA256:` + strings.ToUpper(sum) + `"}]`:                                            sum,
		`[{"url":"https://ab2d.cms.gov/checksum","valueString":"md5:` + sum + `"}]`:                                                                "",
		`[{"url":"https://ab2d.cms.gov/checksum","valueString":"sha256:` + sum[2:] + `"}]`:                                                         "",
		`[{"url":"https://example.org/checksum","valueString":"sha256:` + sum + `"}]`:                                                              "",
		`[{"url":"https://ab2d.cms.gov/checksum","valueString":7}]`:                                                                                "",
		`{"https://ab2d.cms.gov/checksum":"sha256:` + sum + `"}`:                                                                                   "",
	} {
		m, err := ParseManifest([]byte(`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":true,"output":[
			{"type":"Patient","url":"https://fhir.example/1","extension":`+extension+`}]}`), ManifestOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Output[0].Checksum; got != want {
			t.Errorf("%s: checksum %q, want %q", extension, got, want)
		}
	}
}
