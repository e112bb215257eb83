// Package quarantine keeps the lines that ingest refused: it writes them to
// files, each with its reason and its place, reads them back, says what a
// reason means and who must act, and shows a line without what it says of a
// patient. A line may be longer than memory: it is written and read as a stream.
//
// It never decides what is refused, and never changes a line. No error of it
// holds anything of a line's content.
//
// The standard says nothing of what a client does with a line that it cannot
// use: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-output-file-request
package quarantine

import (
	"fmt"

	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
)

// A Refusal is one line of a quarantine file, which is NDJSON as zstd. Exactly
// one of Content and Base64 holds the line as it was received, without its
// line ending.
type Refusal struct {
	Reason  string `json:"reason"`
	File    string `json:"file"`   // "<page>-<section>-<index>-<Type>"
	Line    int64  `json:"line"`   // from 1
	Offset  int64  `json:"offset"` // of the line's first byte in the decoded file
	Content string `json:"content,omitempty"`
	Base64  []byte `json:"content_base64,omitempty"` // when the line is not UTF-8, or over-long
	Bytes   int64  `json:"bytes"`                    // length of the line
}

// Refuse says that a line of a file is refused, and keeps nothing of its
// content.
func Refuse(reason, file string, l ndjson.Line) Refusal {
	return Refusal{Reason: reason, File: file, Line: l.Number, Offset: l.Offset, Bytes: int64(len(l.Bytes))}
}

// String names the line and the reason, and shows nothing of the content.
func (r Refusal) String() string {
	return fmt.Sprintf("%s line %d (byte %d): %s", r.File, r.Line, r.Offset, r.Reason)
}
