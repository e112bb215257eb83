// Package exportlog is the event log of an export, as the clients of Bulk Data
// share it: one JSON object a line, each with exportId, timestamp, eventId and
// eventDetail, so that what reads the logs of other clients reads ours. The
// items are in the ledger; the file follows it.
//
// An item never holds anything of a patient, a token, or the query of a URL.
// The package decides nothing about an export and sends nothing.
//
// The events are those of
// https://github.com/smart-on-fhir/bulk-data-client/wiki/Bulk-Data-Export-Log-Items;
// docs/export-log.md says what we write.
package exportlog

import (
	"encoding/json"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// An Event is what happened, with its details as they are written.
type Event interface {
	// ID is the eventId.
	ID() string
}

// Kickoff says that an export was asked for. It failed when ErrorCode is not nil.
type Kickoff struct {
	ExportURL           string            `json:"exportUrl"` // without query
	ErrorCode           *int              `json:"errorCode"` // HTTP status; 0 when there was no answer
	ErrorBody           *string           `json:"errorBody"` // our code of the problem, never the server's text
	SoftwareName        *string           `json:"softwareName"`
	SoftwareVersion     *string           `json:"softwareVersion"`
	SoftwareReleaseDate *string           `json:"softwareReleaseDate"`
	FHIRVersion         *string           `json:"fhirVersion"`
	RequestParameters   map[string]string `json:"requestParameters"`
	ResponseHeaders     map[string]string `json:"responseHeaders"`
}

// StatusProgress says that the server is at work.
type StatusProgress struct {
	Body            *string           `json:"body"` // never kept
	XProgress       string            `json:"xProgress"`
	RetryAfter      string            `json:"retryAfter"` // seconds until the next poll
	ResponseHeaders map[string]string `json:"responseHeaders"`
}

// StatusError says that a poll failed.
type StatusError struct {
	Body            *string           `json:"body"`    // never kept
	Code            *int              `json:"code"`    // HTTP status; nil without an answer
	Message         string            `json:"message"` // our code of the problem
	ResponseHeaders map[string]string `json:"responseHeaders"`
}

// StatusComplete says that the server has finished.
type StatusComplete struct {
	TransactionTime *string `json:"transactionTime"` // as the server sent it; nil when it did not
}

// StatusPageComplete counts the files of one page of the manifest.
type StatusPageComplete struct {
	TransactionTime  *string `json:"transactionTime"`
	OutputFileCount  int64   `json:"outputFileCount"`
	DeletedFileCount int64   `json:"deletedFileCount"`
	ErrorFileCount   int64   `json:"errorFileCount"`
}

// ManifestComplete counts the files of the whole manifest.
type ManifestComplete struct {
	TransactionTime       *string `json:"transactionTime"`
	TotalOutputFileCount  int64   `json:"totalOutputFileCount"`
	TotalDeletedFileCount int64   `json:"totalDeletedFileCount"`
	TotalErrorFileCount   int64   `json:"totalErrorFileCount"`
	TotalManifests        int64   `json:"totalManifests"` // pages
}

// DownloadRequest says that a file is being asked for.
type DownloadRequest struct {
	FileURL      string `json:"fileUrl"`      // see FileURL
	ItemType     string `json:"itemType"`     // output, deleted or error
	ResourceType string `json:"resourceType"` // the manifest's
}

// DownloadComplete says that a file is stored and its lines are counted.
type DownloadComplete struct {
	FileURL       string `json:"fileUrl"`
	ResourceCount int64  `json:"resourceCount"` // lines that hold something
	FileSize      int64  `json:"fileSize"`      // bytes of NDJSON
}

// DownloadError says that a file could not be had, this time or for good.
type DownloadError struct {
	FileURL         string            `json:"fileUrl"`
	Body            *string           `json:"body"` // never kept
	Code            *int              `json:"code"`
	Message         string            `json:"message"`
	ResponseHeaders map[string]string `json:"responseHeaders"`
}

// ExportComplete says that every destination has the export.
type ExportComplete struct {
	Files       int64  `json:"files"`
	Resources   int64  `json:"resources"`   // the sum of all resourceCounts
	Bytes       int64  `json:"bytes"`       // the sum of all fileSizes
	Attachments *int64 `json:"attachments"` // nil: not counted here
	Duration    int64  `json:"duration"`    // milliseconds since the request for the export
}

// ID is the eventId.
func (Kickoff) ID() string { return "kickoff" }

// ID is the eventId.
func (StatusProgress) ID() string { return "status_progress" }

// ID is the eventId.
func (StatusError) ID() string { return "status_error" }

// ID is the eventId.
func (StatusComplete) ID() string { return "status_complete" }

// ID is the eventId.
func (StatusPageComplete) ID() string { return "status_page_complete" }

// ID is the eventId.
func (ManifestComplete) ID() string { return "manifest_complete" }

// ID is the eventId.
func (DownloadRequest) ID() string { return "download_request" }

// ID is the eventId.
func (DownloadComplete) ID() string { return "download_complete" }

// ID is the eventId.
func (DownloadError) ID() string { return "download_error" }

// ID is the eventId.
func (ExportComplete) ID() string { return "export_complete" }

// line is one line of a log.
type line struct {
	ExportID    string          `json:"exportId"`
	Timestamp   string          `json:"timestamp"`
	EventID     string          `json:"eventId"`
	EventDetail json.RawMessage `json:"eventDetail"`
	Client      string          `json:"_client"`
}

// Line writes an item of an export's log as one line, with its newline.
func Line(export string, item store.LogItem) ([]byte, error) {
	text, err := json.Marshal(line{
		ExportID: export, Timestamp: item.At.UTC().Format("2006-01-02T15:04:05.000Z07:00"),
		EventID: item.Event, EventDetail: item.Detail, Client: "bulkhead",
	})
	return append(text, '\n'), err
}

// Write adds events to an export's log, at the time of the transaction.
func Write(tx *store.Tx, export string, events ...Event) error {
	for _, e := range events {
		if err := tx.Log(export, e.ID(), e); err != nil {
			return err
		}
	}
	return nil
}

// Instant gives what the server sent as a transactionTime, nil for what is no
// time at all: a reader of the log may take it at its word.
func Instant(text string) *string {
	if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
		return nil
	}
	return &text
}
