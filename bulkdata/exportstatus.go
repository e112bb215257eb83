package bulkdata

import (
	"net/http"
	"strconv"
	"strings"
)

// exportStatus gives the status of the export: 200, 202, or another success
// that makes no sense. An export or a request that failed is an error.
//
// Where the server separates the two, X-Export-Status on a 200 speaks of the
// export and the HTTP status of the request only. Where it does not, the HTTP
// status is the export's; a header that comes unasked still overrules a 200,
// because taking an export for complete too early loses files.
func exportStatus(a *answer, separate bool, deviations *[]Deviation) (int, error) {
	told, there := parseExportStatus(a.header)
	switch {
	case a.status >= 400:
		failed := a.statusError(OpStatus)
		failed.Separate = separate
		return 0, failed
	case a.status == http.StatusAccepted && separate:
		note(deviations, ExportStatusOnHTTP)
		return a.status, nil
	case a.status != http.StatusOK:
		return a.status, nil
	case separate && (!there || told < 200):
		return 0, a.protocolError(OpStatus, ExportStatusMissing)
	case !there:
		return a.status, nil
	case !separate:
		note(deviations, UnrequestedExportStatus)
	}
	if told >= 400 {
		failed := a.statusError(OpStatus)
		failed.Status, failed.Export = told, true
		return 0, failed
	}
	return told, nil
}

// parseExportStatus reads the leading three digits of X-Export-Status; a reason
// phrase may follow.
func parseExportStatus(h http.Header) (int, bool) {
	text := strings.TrimSpace(h.Get("X-Export-Status"))
	if len(text) < 3 || len(text) > 3 && text[3] >= '0' && text[3] <= '9' {
		return 0, false
	}
	status, err := strconv.ParseUint(text[:3], 10, 16)
	return int(status), err == nil && status >= 100
}
