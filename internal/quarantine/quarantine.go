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
