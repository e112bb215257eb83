package sandbox

import (
	"cmp"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
)

// manifest is the body of a finished export's status.
func (e *export) manifest(k Knobs) map[string]any {
	m := map[string]any{
		"transactionTime":     fhir.FormatInstant(e.until),
		"request":             e.request,
		"requiresAccessToken": !e.p.cfg.Open && k.Access != AccessPresigned,
		"output":              e.items(e.files, k),
		"error":               []any{},
	}
	if k.OmitError {
		delete(m, "error")
	}
	if k.Deletions && !e.since.IsZero() {
		m["deleted"] = e.items(e.deleted, k)
	}
	return m
}

func (e *export) items(files []*file, k Knobs) []any {
	items := make([]any, 0, len(files))
	for _, f := range files {
		u := e.fileURL(f)
		if k.Access == AccessPresigned {
			u = e.storageURL(k, f.name)
		}
		if k.AmpEscape {
			u = strings.ReplaceAll(u, "&", "&amp;")
		}
		item := map[string]any{"type": cmp.Or(f.kind, "Bundle"), "url": u}
		if e.k.Count != CountNone && f.count >= 0 {
			item["count"] = f.count
		}
		items = append(items, item)
	}
	return items
}
