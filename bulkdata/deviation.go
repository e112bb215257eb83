package bulkdata

import "slices"

// A Deviation names one way in which an answer differed from the standard and
// was tolerated. It is a fixed word, never the server's own text.
type Deviation string

// The deviations that answers are checked for.
const (
	RelativeContentLocation    Deviation = "content-location-relative"
	UnusableRetryAfter         Deviation = "retry-after-unusable"
	UnusableExpires            Deviation = "expires-unusable"
	ProgressSaysCancelled      Deviation = "progress-says-cancelled"
	UnrequestedExportStatus    Deviation = "export-status-unrequested"
	ExportStatusOnHTTP         Deviation = "export-status-on-http"
	UnusablePartialManifest    Deviation = "partial-manifest-unusable"
	PostRefused                Deviation = "post-refused"
	OutcomeMissing             Deviation = "manifest-error-missing"
	TransactionTimeMissing     Deviation = "transaction-time-missing"
	TransactionTimeNotInstant  Deviation = "transaction-time-not-instant"
	RequiresAccessTokenText    Deviation = "requires-access-token-text"
	RequiresAccessTokenMissing Deviation = "requires-access-token-missing"
	RelativeFileURL            Deviation = "file-url-relative"
	EscapedAmpersand           Deviation = "file-url-ampersand-escaped"
	CountNotNumber             Deviation = "count-not-number"
	LinkNotArray               Deviation = "link-not-array"
	TypeMissing                Deviation = "file-type-missing"
	UnknownManifestType        Deviation = "manifest-type-unknown"
	TransactionTimeDiffers     Deviation = "transaction-time-differs"
	ContentTypeMissing         Deviation = "content-type-missing"
	ContentTypeNotNDJSON       Deviation = "content-type-not-ndjson"
	GzipUnannounced            Deviation = "gzip-unannounced"
	GzipTwice                  Deviation = "gzip-twice"
)

// note adds d to list unless it is there already.
func note(list *[]Deviation, d Deviation) {
	if !slices.Contains(*list, d) {
		*list = append(*list, d)
	}
}
