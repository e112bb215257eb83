package bulkdata

import (
	"net/http"
	"strings"
)

// separateExportStatus is the preference by which a server tells the export's
// state apart from the status request's own.
const separateExportStatus = "separate-export-status"

// preferenceApplied reports whether Preference-Applied names the preference.
// The list may be one line or several; tokens compare without regard to case
// and may have a value, parameters and blanks around them (RFC 7240).
func preferenceApplied(h http.Header, preference string) bool {
	for _, line := range h.Values("Preference-Applied") {
		for _, entry := range splitUnquoted(line, ',') {
			name, _, _ := strings.Cut(entry, ";")
			name, _, _ = strings.Cut(name, "=")
			if strings.EqualFold(strings.TrimSpace(name), preference) {
				return true
			}
		}
	}
	return false
}

// splitUnquoted splits text at separators that are outside double quotes.
func splitUnquoted(text string, separator byte) []string {
	var parts []string
	quoted, begin := false, 0
	for i := 0; i < len(text); i++ {
		switch {
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case text[i] == separator && !quoted:
			parts = append(parts, text[begin:i])
			begin = i + 1
		}
	}
	return append(parts, text[begin:])
}
