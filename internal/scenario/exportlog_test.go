package scenario_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// A logged item is one line of an event log.
type logged struct {
	ExportID    string
	Timestamp   time.Time
	EventID     string
	EventDetail map[string]any
}

// logOf reads the event log file of an export, and the items of it.
func logOf(w *scenario.World, x *scenario.Export) (string, []logged) {
	w.T().Helper()
	w.Pass(3 * time.Second) // the file follows the ledger
	text, err := os.ReadFile(filepath.Join(w.State(), "files", "logs", x.Tenant, x.ID, "log.ndjson"))
	if err != nil {
		w.T().Fatal(err)
	}
	var items []logged
	for line := range strings.Lines(string(text)) {
		var item logged
		if err := json.Unmarshal([]byte(line), &item); err != nil {
			w.T().Fatalf("%v: %s", err, line)
		}
		items = append(items, item)
	}
	return string(text), items
}

// events gives the ids of the items, those of downloads in the order of the alphabet.
func events(items []logged) (ids []string) {
	begin := 0
	for _, item := range items {
		if !strings.HasPrefix(item.EventID, "download_") {
			begin = len(ids) + 1
		}
		ids = append(ids, item.EventID)
		slices.Sort(ids[begin:])
	}
	return ids
}

// sum adds up a number of the items of one event.
func sum(items []logged, event, number string) (n float64) {
	for _, item := range items {
		if v, ok := item.EventDetail[number].(float64); ok && item.EventID == event {
			n += v
		}
	}
	return n
}

const wholeLog = `kickoff {"errorBody":null,"errorCode":null,"exportUrl":"https://fhir.ehr.test/r4/LAKESIDE/Group/g1/$export","fhirVersion":null,"requestParameters":{"_type":"Condition,Encounter,Observation,Patient"},"responseHeaders":{},"softwareName":null,"softwareReleaseDate":null,"softwareVersion":null}
status_progress {"body":null,"responseHeaders":{},"retryAfter":"600","xProgress":"25%"}
status_progress {"body":null,"responseHeaders":{},"retryAfter":"600","xProgress":"50%"}
status_complete {"transactionTime":"T"}
status_page_complete {"deletedFileCount":0,"errorFileCount":0,"outputFileCount":4,"transactionTime":"T"}
manifest_complete {"totalDeletedFileCount":0,"totalErrorFileCount":0,"totalManifests":1,"totalOutputFileCount":4,"transactionTime":"T"}
download_complete {"fileSize":N,"fileUrl":"https://fhir.ehr.test/r4/LAKESIDE/bulkdata/download#0-output-0-Condition","resourceCount":N}
download_complete {"fileSize":N,"fileUrl":"https://fhir.ehr.test/r4/LAKESIDE/bulkdata/download#0-output-1-Encounter","resourceCount":N}
download_complete {"fileSize":N,"fileUrl":"https://fhir.ehr.test/r4/LAKESIDE/bulkdata/download#0-output-2-Observation","resourceCount":N}
download_complete {"fileSize":N,"fileUrl":"https://fhir.ehr.test/r4/LAKESIDE/bulkdata/download#0-output-3-Patient","resourceCount":N}
download_request {"fileUrl":"https://fhir.ehr.test/r4/LAKESIDE/bulkdata/download#0-output-0-Condition","itemType":"output","resourceType":"Condition"}
download_request {"fileUrl":"https://fhir.ehr.test/r4/LAKESIDE/bulkdata/download#0-output-1-Encounter","itemType":"output","resourceType":"Encounter"}
download_request {"fileUrl":"https://fhir.ehr.test/r4/LAKESIDE/bulkdata/download#0-output-2-Observation","itemType":"output","resourceType":"Observation"}
download_request {"fileUrl":"https://fhir.ehr.test/r4/LAKESIDE/bulkdata/download#0-output-3-Patient","itemType":"output","resourceType":"Patient"}
export_complete {"attachments":null,"bytes":N,"duration":N,"files":4,"resources":N}`

func TestTheEventLogTellsAnExportInTheWordsOfOtherClients(t *testing.T) {
	spec := with(func(k *sandbox.Knobs) { k.Takes, k.RetryAfter = 30*time.Minute, 10*time.Minute })
	sizes := regexp.MustCompile(`"(fileSize|resourceCount|bytes|duration|resources)":[1-9][0-9]*`)
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		text, items := logOf(w, x)
		var lines []string
		for _, item := range items {
			detail, err := json.Marshal(item.EventDetail)
			if err != nil {
				t.Fatal(err)
			}
			if item.ExportID != x.ID || item.Timestamp.Before(x.RequestedAt) {
				t.Errorf("item of export %s at %v", item.ExportID, item.Timestamp)
			}
			line := strings.ReplaceAll(item.EventID+" "+string(detail), `"transactionTime":"`+x.TransactionTime, `"transactionTime":"T`)
			lines = append(lines, sizes.ReplaceAllString(line, `"$1":N`))
		}
		if len(lines) > 8 {
			slices.Sort(lines[6 : len(lines)-1]) // files come side by side
		}
		if diff := cmp.Diff(strings.Split(wholeLog, "\n"), lines); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
		for number, total := range map[string]string{"resourceCount": "resources", "fileSize": "bytes"} {
			if got, want := sum(items, "export_complete", total), sum(items, "download_complete", number); got != want || got == 0 {
				t.Errorf("%s %v, the files' %s are %v", total, got, number, want)
			}
		}
		if strings.Contains(text, scenario.Canary) || strings.Contains(text, "?") {
			t.Error("the log has what no log may have")
		}
	})
}

func TestTheEventLogTellsOfFailuresInOurWords(t *testing.T) {
	spec := with(func(k *sandbox.Knobs) {
		k.RetryAfter = time.Minute
		k.Faults = []sandbox.Fault{{On: sandbox.KindFile, Do: sandbox.ActionStatus, Status: 404}}
	})
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Failed)
		text, items := logOf(w, x)
		ids := events(items)
		if !slices.Contains(ids, "download_error") || slices.Contains(ids, "export_complete") {
			t.Errorf("events: %q", ids)
		}
		for _, item := range items {
			if item.EventID == "download_error" && (item.EventDetail["body"] != nil || item.EventDetail["code"] != 404.0 || item.EventDetail["message"] == "") {
				t.Errorf("download_error: %v", item.EventDetail)
			}
		}
		w.Change(func(k *sandbox.Knobs) { k.Faults = nil })
		whole, items := logOf(w, w.Want(w.Settle(w.Resume(x)), life.Completed))
		if ids := events(items); !strings.HasPrefix(whole, text) || ids[len(ids)-1] != "export_complete" {
			t.Errorf("the log does not go on where it was: %q", ids)
		}
	})
}

func TestTheEventLogIsWrittenByTheNextProcess(t *testing.T) {
	scenario.Run(t, with(func(*sandbox.Knobs) {}), func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		text, _ := logOf(w, x)
		if err := os.RemoveAll(filepath.Join(w.State(), "files", "logs")); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Store.DB().ExecContext(t.Context(), "UPDATE export_log SET written = 0"); err != nil { // as after a crash before the file
			t.Fatal(err)
		}
		w.Restart()
		if again, _ := logOf(w, x); again != text {
			t.Errorf("the log of the next process (-want +got):\n%s", cmp.Diff(text, again))
		}
	})
}
