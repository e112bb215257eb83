package ingest

import (
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/google/go-cmp/cmp"
)

const base = "https://EHR.example/fhir/"

func bundle(entries string) string {
	return `{"resourceType":"Bundle","type":"transaction","entry":[` + entries + "]}\n"
}

func request(method, url string) string {
	return `{"request":{"method":"` + method + `","url":"` + url + `"}}`
}

// untyped is a deleted file for which the manifest gives no type, as in STU4.
func untyped(text string) Source {
	src := textSource(Deleted, "Bundle", text)
	src.Type = ""
	return src
}

func TestDeletionsBecomeRows(t *testing.T) {
	t.Attr("shows", "BD-155 M11")
	o := testOptions(t)
	o.Base = base
	text := bundle(request("DELETE", "Patient/1")+`,{"request":{"url":"https:\/\/ehr.example\/fhir\/Observation\/o.2","method":"DELETE"},"resource":{"id":"o.2"}},`+
		request("DELETE", "Patient/3")) +
		`{"resourceType":"Bundle","type":"transaction"}` + "\n" +
		`{"resourceType":"Bundle","type":"batch","entry":[]}` + "\n" +
		`{"resourceType":"Patient","id":"1"}` + "\n" +
		`[]` + "\n" +
		`{"resourceType":"Bundle","type":"transaction","entry":{"request":{"method":"DELETE","url":"Patient/5"}}}` + "\n"
	s := mustRun(t, o, textSource(Deleted, "Bundle", text))
	want := [][]string{
		{"tenant_id", "resource_type", "id", "source_file", "source_line"},
		{"north", "Patient", "1", "e1/0-deleted-0-Bundle", "1"},
		{"north", "Observation", "o.2", "e1/0-deleted-0-Bundle", "1"},
		{"north", "Patient", "3", "e1/0-deleted-0-Bundle", "1"},
	}
	if diff := cmp.Diff(want, tableOf(t, o, s, "_deleted")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]int64{quarantine.ReasonNoBundle: 4}, s.ByReason); diff != "" {
		t.Error(diff)
	}
	if s.Deletions != 3 || s.Delivered != 2 || len(s.Tables) != 1 {
		t.Errorf("summary = %+v", s)
	}
}

func TestAnEntryThatIsNoDeletionHereIsReportedAndNotExecuted(t *testing.T) {
	t.Attr("shows", "BD-156 BD-159 M11")
	tests := []struct{ name, entry, reason string }{
		{"put", request("PUT", "Patient/9"), quarantine.ReasonMethod},
		{"lower case", request("delete", "Patient/9"), quarantine.ReasonMethod},
		{"no request", "{}", quarantine.ReasonMethod},
		{"no object", "7", quarantine.ReasonMethod},
		{"conditional", request("DELETE", "Patient?name=x"), quarantine.ReasonURL},
		{"with a query", request("DELETE", "Patient/9?x"), quarantine.ReasonURL},
		{"a version", request("DELETE", "Patient/9/_history/2"), quarantine.ReasonURL},
		{"no text", `{"request":{"method":"DELETE","url":7}}`, quarantine.ReasonURL},
		{"no type", request("DELETE", "patient/9"), quarantine.ReasonURL},
		{"no id", request("DELETE", "Patient/"), quarantine.ReasonURL},
		{"all of a type", request("DELETE", "Patient"), quarantine.ReasonURL},
		{"another server", request("DELETE", "https://other.example/fhir/Patient/9"), quarantine.ReasonURL},
		{"another practice", request("DELETE", "https://ehr.example/fhir2/Patient/9"), quarantine.ReasonURL},
		{"below the base", request("DELETE", "https://ehr.example/fhir/other/Patient/9"), quarantine.ReasonURL},
		{"the base in capitals", request("DELETE", "https://ehr.example/FHIR/Patient/9"), quarantine.ReasonURL},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := testOptions(t)
			o.Base = base
			alone := mustRun(t, o, untyped(bundle(tt.entry)))
			if alone.Deletions != 0 || alone.ByReason[tt.reason] != 1 || len(alone.Tables) != 0 {
				t.Errorf("alone: %+v", alone)
			}
			if r := refusals(t, o, alone); len(r) != 1 || r[0].Reason != tt.reason || r[0].Line != 1 {
				t.Errorf("quarantine of the entry alone: %d lines", len(r))
			}
			beside := mustRun(t, o, untyped(bundle(request("DELETE", "Patient/1")+","+tt.entry+","+request("DELETE", "https://ehr.example/fhir/Patient/2"))))
			if beside.Deletions != 2 || beside.Delivered != 1 || beside.EntriesRefused[tt.reason] != 1 {
				t.Errorf("beside deletions: %+v", beside)
			}
			rows := tableOf(t, o, beside, "_deleted")
			if len(rows) != 3 || rows[1][2] != "1" || rows[2][2] != "2" {
				t.Errorf("deleted = %q", rows)
			}
		})
	}
}

func TestWithoutABaseAnAbsoluteURLDeletesNothing(t *testing.T) {
	o := testOptions(t)
	s := mustRun(t, o, textSource(Deleted, "Bundle", bundle(request("DELETE", "https://ehr.example/fhir/Patient/1"))))
	if s.Deletions != 0 || s.ByReason[quarantine.ReasonURL] != 1 {
		t.Errorf("summary = %+v", s)
	}
}
