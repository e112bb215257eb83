package config

import "strings"

// startFields are the fields that a process takes up when it starts, and keeps
// until it ends: what it holds open or has sized by them.
var startFields = []string{"folder", "jwks", "views", "limits.exports", "limits.downloads_per_export"}

func atStart(field string) bool {
	for _, name := range startFields {
		if rest, ok := strings.CutPrefix(field, name); ok && (rest == "" || rest[0] == '.') {
			return true
		}
	}
	return false
}

// Following gives the configuration that a process with the running one can
// take up without a pause: c, with the fields of running that need a start.
// Neither is changed.
func (c *Config) Following(running *Config) *Config {
	next := *c
	next.Folder, next.JWKS, next.Views = running.Folder, running.JWKS, running.Views
	next.Limits.Exports, next.Limits.DownloadsPerExport = running.Limits.Exports, running.Limits.DownloadsPerExport
	return &next
}
