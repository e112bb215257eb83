package exportlog_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/exportlog"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestAnAddressHasNoSecret(t *testing.T) {
	tests := map[string]string{
		"https://ehr.example/fhir/bulk/1?sig=s3cret&X-Amz-Signature=s3cret": "https://ehr.example/fhir/bulk/1",
		"https://user:s3cret@ehr.example:8443/a%2Fb#s3cret":                 "https://ehr.example:8443/a%2Fb",
		"/relative?s3cret": "",
		"s3cret":           "",
		"http://[::1":      "",
		"":                 "",
	}
	for raw, want := range tests {
		if got := exportlog.Address(raw); got != want {
			t.Errorf("Address(%q) = %q, want %q", raw, got, want)
		}
	}
}

func TestTheAddressOfAFileIsItsOwnAndHasNoSecret(t *testing.T) {
	tests := []struct{ access, url, want string }{
		{"required", "https://files.example/out/1.ndjson", "https://files.example/out/1.ndjson"},
		{"unstated", "https://files.example/out?file=1&sig=s3cret", "https://files.example/out#0-output-1-Patient"},
		{"required", "https://files.example/out#s3cret", "https://files.example/out#0-output-1-Patient"},
		{"forbidden", "https://files.example/s3cret/Patient.ndjson", "https://files.example/0-output-1-Patient"},
		{"forbidden", "https://files.example/s3cret/Patient.ndjson?s3cret", "https://files.example/0-output-1-Patient"},
		{"required", "no address", "#0-output-1-Patient"},
	}
	for _, tt := range tests {
		if got := exportlog.FileURL(store.File{Name: "0-output-1-Patient", URL: tt.url, Access: tt.access}); got != tt.want {
			t.Errorf("FileURL of %s (%s) = %s, want %s", tt.url, tt.access, got, tt.want)
		}
	}
}

func TestTheKickoffIsWrittenWithoutWhatMayNamePeople(t *testing.T) {
	i := store.Intent{
		Endpoint: "https://ehr.example/fhir/", Level: "group", Group: "g/1", Types: []string{"Observation", "Patient"}, Since: "2026-01-01T00:00:00Z",
		Parameters: store.Parameters{
			Elements: []string{"id", "name"}, TypeFilters: []string{"Observation?subject=Patient/s3cret"}, Patients: []string{"s3cret"}, AllowPartial: true,
		},
	}
	want := map[string]string{
		"_type": "Observation,Patient", "_since": "2026-01-01T00:00:00Z", "_elements": "id,name", "allowPartialManifests": "true",
	}
	if diff := cmp.Diff(want, exportlog.Parameters(i)); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	for level, address := range map[string]string{
		"group": "https://ehr.example/fhir/Group/g%2F1/$export", "patient": "https://ehr.example/fhir/Patient/$export", "system": "https://ehr.example/fhir/$export",
	} {
		i.Level = level
		if got := exportlog.ExportURL(i); got != address {
			t.Errorf("level %s: %s, want %s", level, got, address)
		}
	}
	i.Parameters.WithoutTypes = true
	if _, there := exportlog.Parameters(i)["_type"]; there {
		t.Error("_type is there, which was not sent")
	}
}

func TestOfProgressAPercentageIsKept(t *testing.T) {
	tests := map[string]string{
		"50%": "50%", "6% Completed": "6%", "In Progress (12.5 %)": "12.5%", "100%": "100%", "Zoe Canary at 7%": "7%",
		"": "in-progress", "Build in progress - Zoe Canary": "in-progress", "850%": "in-progress", "1234%": "in-progress", "%": "in-progress",
	}
	for text, want := range tests {
		if got := exportlog.Progress(text); got != want {
			t.Errorf("Progress(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestATransactionTimeIsATimeOrNothing(t *testing.T) {
	for text, known := range map[string]bool{
		"2026-01-01T00:00:00Z": true, "2026-01-01T00:00:00.123+02:00": true, "2026-01-01T00:00:00": false, "yesterday": false, "": false,
	} {
		if got := exportlog.Instant(text); (got != nil) != known || known && *got != text {
			t.Errorf("Instant(%q) = %v", text, got)
		}
	}
}

func TestEveryEventHasTheNameAndTheMembersThatReadersExpect(t *testing.T) {
	tests := []struct {
		event   exportlog.Event
		id      string
		members string
	}{
		{exportlog.Kickoff{}, "kickoff", "errorBody errorCode exportUrl fhirVersion requestParameters responseHeaders softwareName softwareReleaseDate softwareVersion"},
		{exportlog.StatusProgress{}, "status_progress", "body responseHeaders retryAfter xProgress"},
		{exportlog.StatusError{}, "status_error", "body code message responseHeaders"},
		{exportlog.StatusComplete{}, "status_complete", "transactionTime"},
		{exportlog.StatusPageComplete{}, "status_page_complete", "deletedFileCount errorFileCount outputFileCount transactionTime"},
		{
			exportlog.ManifestComplete{},
			"manifest_complete",
			"totalDeletedFileCount totalErrorFileCount totalManifests totalOutputFileCount transactionTime",
		},
		{exportlog.DownloadRequest{}, "download_request", "fileUrl itemType resourceType"},
		{exportlog.DownloadComplete{}, "download_complete", "fileSize fileUrl resourceCount"},
		{exportlog.DownloadError{}, "download_error", "body code fileUrl message responseHeaders"},
		{exportlog.ExportComplete{}, "export_complete", "attachments bytes duration files resources"},
	}
	for _, tt := range tests {
		text, err := json.Marshal(tt.event)
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]any
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatal(err)
		}
		want := strings.Fields(tt.members)
		for _, name := range want {
			if _, there := members[name]; !there {
				t.Errorf("%s lacks %s", tt.id, name)
			}
		}
		if tt.event.ID() != tt.id || len(members) != len(want) {
			t.Errorf("%T is %s with %s", tt.event, tt.event.ID(), text)
		}
	}
}

func TestALineIsOneObject(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.FixedZone("", 3600))
	got, err := exportlog.Line("e1", store.LogItem{At: at, Event: "status_complete", Detail: json.RawMessage(`{"transactionTime":null}`)})
	want := `{"exportId":"e1","timestamp":"2026-03-01T11:00:00.005Z","eventId":"status_complete","eventDetail":{"transactionTime":null},"_client":"bulkhead"}` + "\n"
	if err != nil || string(got) != want {
		t.Errorf("Line = %s, %v", got, err)
	}
}

func FuzzNothingOfAnAddressButWhereItLeads(f *testing.F) {
	f.Add("https://u:p@h/p?q#f")
	f.Add("x://h/%3Fq")
	f.Fuzz(func(t *testing.T, raw string) {
		got := exportlog.Address(raw)
		if strings.ContainsAny(got, "?#") {
			t.Errorf("Address(%q) = %q", raw, got)
		}
		if again := exportlog.Address(got); !reflect.DeepEqual(again, got) {
			t.Errorf("Address(%q) = %q", got, again)
		}
	})
}
