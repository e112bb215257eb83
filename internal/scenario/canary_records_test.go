package scenario_test

import (
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// personal is in the ids of the canaries' resources, which the ledger may know
// where it keeps who is in a group.
const personal = "Singdrossel"

// canaries are records that say the canary wherever a record can say anything:
// in names, identifiers, addresses, notes, codes and units, in elements that no
// standard knows, in documents and in what is broken. WORD and ID stand for the
// words, CODED for a text of it in base64.
var canaries = map[string][]string{
	"Patient": {
		`{"resourceType":"Patient","id":"ID-1","meta":{"lastUpdated":"2026-01-02T03:04:05Z","source":"WORD","profile":["http://WORD"],"tag":[{"system":"http://WORD","code":"WORD","display":"WORD"}]},` +
			`"identifier":[{"system":"http://WORD/mrn","value":"WORD-123"},{"system":"http://hl7.org/fhir/sid/us-ssn","value":"WORD"}],"name":[{"family":"WORD","given":["WORD","WORD"],"text":"WORD"}],` +
			`"telecom":[{"system":"email","value":"WORD@example.org"},{"system":"phone","value":"WORD"}],"address":[{"line":["1 WORD Street"],"city":"WORD","postalCode":"WORD"}],"gender":"WORD","birthDate":"WORD",` +
			`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">WORD</div>"},"photo":[{"contentType":"image/png","title":"WORD","data":"CODED"}],` +
			`"extension":[{"url":"http://WORD","valueString":"WORD"}],"WORD":{"WORD":"WORD"}}`,
		`{"resourceType":"Patient","xWORD1970":{"_yWORD":[{"zWORD":1}]},"WORD":2}`, // says it in names that could be those of elements
		`{"resourceType":"Patient","id":"ID-2","name":[{"family":"WORD"}],"generalPractitioner":[{"reference":"Practitioner/ID-9","display":"WORD"}]}`,
		`{"resourceType":"Patient","id":"ID-3","name":[{"family":"WORD`,                               // ends in the midst
		`{"resourceType":"Patient","id":"ID-4","WORD":1,"WORD":2}`,                                    // says a name twice
		`{"resourceType":"Patient","id":"ID-5","name":"` + "\xff" + `WORD"}`,                          // is no UTF-8
		`{"resourceType":"WORD 1","id":"ID-6"}`, `{"resourceType":"Basic","id":"ID-6","WORD":"WORD"}`, // has another type
		`{"resourceType":"Patient","id":"ID WORD","name":[{"family":"WORD"}]}`,                      // has no usable id
		`{"resourceType":"Patient","name":[{"family":"WORD"}]}`,                                     // has none
		`{"resourceType":"Patient","id":"ID-7","meta":{"lastUpdated":"WORD"},"birthDate":["WORD"]}`, // has other types than the standard's
		`WORD, ID-8`, `<html>WORD</html>`, `["WORD"]`, `"WORD"`,
		`{"resourceType":"Patient","id":"ID-10"}`, // a file that is whole ends so
	},
	"Condition": {
		`{"resourceType":"Condition","id":"ID-1","subject":{"reference":"Patient/ID-1","display":"WORD"},"code":{"coding":[{"system":"http://WORD","code":"WORD","display":"WORD"}],"text":"WORD"},` +
			`"clinicalStatus":{"coding":[{"system":"WORD","code":"WORD"}]},"recordedDate":"WORD","note":[{"text":"WORD"}]}`,
		`{"resourceType":"Condition","id":"ID-2","subject":{"reference":"https://WORD.example/Patient/ID-404"},"onsetDateTime":"WORD"}`,
	},
	"Observation": {
		`{"resourceType":"Observation","id":"ID-1","status":"WORD","subject":{"reference":"Patient/ID-1"},"code":{"coding":[{"system":"http://loinc.org","code":"WORD"}]},` +
			`"valueQuantity":{"value":1.0,"unit":"WORD","system":"WORD","code":"WORD"},"effectiveDateTime":"WORD","interpretation":[{"text":"WORD"}],"note":[{"text":"WORD"}]}`,
		`{"resourceType":"Observation","id":"ID-2","status":"final","valueString":"WORD","component":[{"code":{"text":"WORD"},"valueString":"WORD"}]}`,
	},
	"DocumentReference": {
		`{"resourceType":"DocumentReference","id":"ID-1","status":"current","subject":{"reference":"Patient/ID-1"},"description":"WORD","content":[` +
			`{"attachment":{"contentType":"text/plain","title":"WORD.txt","data":"CODED"}},{"attachment":{"contentType":"text/WORD","title":"WORD","data":"CODED"}},` +
			`{"attachment":{"contentType":"text/plain","title":"WORD","url":"Binary/WORD?sig=WORD"}},{"attachment":{"contentType":"text/plain","url":"https://WORD.example/WORD"}},` +
			`{"attachment":{"contentType":"WORD","url":"file:///WORD"}},{"attachment":{"title":"WORD","data":"WORD*"}}]}`,
	},
}

// said gives the canaries of a type as a file.
func said(resourceType string) string {
	coded := base64.StdEncoding.EncodeToString([]byte("a note on " + scenario.Canary + ", " + personal))
	words := strings.NewReplacer("WORD", scenario.Canary, "ID", personal, "CODED", coded)
	return words.Replace(strings.Join(canaries[resourceType], "\n") + "\n")
}

// files answers requests for output files by the canaries of their type, and
// leaves others.
func files(q sandbox.Request, w http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) bool {
	if q.Kind != sandbox.KindFile {
		return false
	}
	kind, _, _ := strings.Cut(q.File, "-")
	w.Header().Set("Content-Type", "application/fhir+ndjson")
	io.WriteString(w, said(kind))
	return true
}

// canaryPractice gives a practice that has resources of the canaries' types,
// and whose documents are wanted.
func canaryPractice(t *testing.T) scenario.Spec {
	t.Helper()
	dir, types := t.TempDir(), slices.Sorted(maps.Keys(canaries))
	for _, name := range types {
		if err := os.WriteFile(filepath.Join(dir, name+".ndjson"), []byte(`{"resourceType":"`+name+`","id":"x"}`+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	source, err := sandbox.DirSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	spec := with(func(k *sandbox.Knobs) { k.Takes, k.Count = 0, sandbox.CountNone })
	spec.Source, spec.Types = source, types
	spec.Tenant.Config = "attachments: {fetch: true, content_types: ['*/*']}\nagreement: {attachments: true}"
	spec.Config = "limits: {retry: {attempts: 2, first_wait: 1s, longest_wait: 1s}}"
	spec.Kickoffs, spec.LeavesFiles, spec.EarlyPolls, spec.Bound = 50, true, 1000, 10*time.Minute
	return spec
}
