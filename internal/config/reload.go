package config

import "strings"

// startFields are the fields that a process takes up when it starts, and keeps
// until it ends: what it holds open or has sized by them.
var startFields = []string{"folder", "jwks", "web", "metrics", "traces", "encryption", "views", "limits.exports", "limits.downloads_per_export", "limits.retry"}

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
	if next.Folder != running.Folder {
		next.Folder, next.Sinks = running.Folder, running.Sinks // which may stand below it
	}
	next.JWKS, next.Web, next.Metrics, next.Traces, next.Views = running.JWKS, running.Web, running.Metrics, running.Traces, running.Views
	next.Encryption = running.Encryption
	next.Limits.Exports, next.Limits.DownloadsPerExport = running.Limits.Exports, running.Limits.DownloadsPerExport
	next.Limits.Retry = running.Limits.Retry
	return &next
}
