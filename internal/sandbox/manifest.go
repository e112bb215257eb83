package sandbox

import (
	"cmp"
	"crypto/rand"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
)

// manifest returns one page of the manifest, as it goes with an HTTP status:
// 202 while the export, or the page, is not complete.
// https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status
func (e *export) manifest(x *exchange, status, page int) map[string]any {
	k, pages := x.k, e.pageCount(x.k)
	from, to := len(e.files)*(page-1)/pages, len(e.files)*page/pages
	m := map[string]any{"output": e.items(x, e.relist(k, status, page, e.files[from:to]))}
	e.tellTime(m, k)
	e.tellAccess(m, k)
	if e.wish.dialect != STU4 {
		m["request"] = e.request
		m["error"] = e.items(x, e.outcomes)
	} else if len(e.outcomes) > 0 {
		m["outcome"] = e.items(x, e.outcomes)
	}
	if page == pages && (len(e.deleted) > 0 || k.Deletions && !e.since.IsZero()) {
		m["deleted"] = e.items(x, e.deleted)
	}
	if next := e.next(k, status, page); next != "" {
		m["link"] = []any{map[string]string{"relation": "next", "url": next}}
	}
	if e.organized() {
		m["outputOrganizedBy"] = "Patient"
	}
	for name, value := range map[string]string{"manifestType": k.ManifestType, "outputFormat": k.OutputFormat} {
		if value != "" {
			m[name] = value
		}
	}
	e.addExtras(m, k)
	if k.OmitError {
		delete(m, "error")
	}
	for _, name := range k.Omit {
		delete(m, name)
	}
	return m
}

// relist gives the files of a page as it lists them this time.
func (e *export) relist(k Knobs, status, page int, files []*file) []*file {
	if page != 1 || status != http.StatusOK || e.listed.Add(1) == 1 {
		return files
	}
	files = slices.Clone(files)
	switch k.Relisted {
	case RelistedTurned, RelistedOpaqueTurned:
		slices.SortStableFunc(files, func(a, b *file) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(b.index, a.index)) })
	case RelistedOpaqueFewer:
		files = files[min(1, len(files)):]
	case RelistedSame, RelistedOpaque:
	}
	return files
}

// ticketMark stands between a file's name and what makes its URL another each
// time.
const ticketMark = "~"

// called is a file's name in a URL.
func (f *file) called(k Knobs) string {
	switch k.Relisted {
	case RelistedOpaque, RelistedOpaqueTurned, RelistedOpaqueFewer:
		return f.name + ticketMark + rand.Text()
	case RelistedSame, RelistedTurned:
	}
	return f.name
}

func (e *export) organized() bool { return e.k.Organized || e.wish.organizeBy == "Patient" }

// next returns the URL of the page after page, or "" where there is none yet.
func (e *export) next(k Knobs, status, page int) string {
	pages := e.pageCount(k)
	if !e.finished(k) {
		pages = e.available(k)
	}
	switch {
	case page < pages && (page == 1 || status == http.StatusOK || e.showsParts(k)):
		return e.pageURL(k, page+1)
	case page == e.pageCount(k) && k.PageLoop:
		return e.pageURL(k, page)
	}
	return ""
}

func (e *export) tellTime(m map[string]any, k Knobs) {
	at := e.until
	switch k.TxTime {
	case TxMissing:
		return
	case TxGarbage:
		m["transactionTime"] = "yesterday at noon"
		return
	case TxNoZone:
		m["transactionTime"] = at.UTC().Format("2006-01-02T15:04:05.000")
		return
	case TxEnd:
		at = e.completed(k)
	}
	m["transactionTime"] = fhir.FormatInstant(at)
}

// completed is the practice's time when e ended.
func (e *export) completed(k Knobs) time.Time {
	if e.p.s.clock.epoch.IsZero() {
		return e.until.Add(e.p.s.clock.real(k.Takes))
	}
	return e.until.Add(k.Takes)
}

func (e *export) tellAccess(m map[string]any, k Knobs) {
	needed := !e.p.cfg.Open && k.Access != AccessPresigned
	switch k.RAT {
	case RATMissing:
		return
	case RATTrue, RATFalse:
		needed = k.RAT == RATTrue
	case RATText:
		m["requiresAccessToken"] = strconv.FormatBool(needed)
		return
	case RATWrong:
		m["requiresAccessToken"] = 1
		return
	}
	m["requiresAccessToken"] = needed
}

// items lists files of one section.
func (e *export) items(x *exchange, files []*file) []any {
	k := x.k
	items := make([]any, 0, len(files))
	for _, f := range files {
		item := map[string]any{"url": e.fileURL(k, f)}
		if t := e.itemType(f); t != "" {
			item["type"] = t
		}
		switch {
		case f.count < 0:
		case e.k.Count == CountRight:
			item["count"] = f.count
		case e.k.Count == CountWrong:
			item["count"] = f.count + 3
		case e.k.Count == CountString:
			item["count"] = strconv.Itoa(f.count)
		}
		if f.next != nil {
			item["continuesInFile"] = e.fileURL(k, f.next)
		}
		if e.wish.dialect == STU4 && f.severities != nil {
			item["countSeverity"] = countSeverity(f.severities)
		}
		e.addItemExtras(x, item, f)
		items = append(items, item)
	}
	return items
}

// itemType is what an item carries as type.
func (e *export) itemType(f *file) string {
	switch {
	case f.severities != nil:
		return "OperationOutcome"
	case slices.Contains(e.deleted, f) && e.wish.dialect == STU4:
		return ""
	case slices.Contains(e.deleted, f):
		return "Bundle"
	}
	return f.kind // none where the output is organized
}

func countSeverity(counts map[string]int) []any {
	var all []any
	for _, code := range []string{"fatal", "error", "warning", "information", "success"} {
		if n, ok := counts[code]; ok || code == "fatal" {
			all = append(all, map[string]any{"code": code, "count": n})
		}
	}
	return all
}

// fileURL is what the manifest says where f is.
func (e *export) fileURL(k Knobs, f *file) string {
	name := f.called(k)
	u := e.p.base + "/bulkdata/download?job_id=" + e.id + "&file_name=" + name
	switch {
	case k.Access == AccessPresigned:
		u = e.storageURL(k, name)
	case k.URLs == URLsOtherHost:
		u = e.p.s.storage.url + "/" + e.p.cfg.Code + "/" + e.id + "/" + name
	case k.LinkLife > 0 && k.Access != AccessRedirect:
		u += "&" + e.p.s.storage.signature(e.p.path()+"/bulkdata/download", k.LinkLife)
	}
	if k.URLs == URLsRelative {
		u = e.relative(u)
	}
	if k.AmpEscape {
		u = strings.ReplaceAll(u, "&", "&amp;")
	}
	return u
}

// relative returns u, which is below the practice's base, relative to the
// status URL.
func (e *export) relative(u string) string {
	rest, ok := strings.CutPrefix(u, e.p.base+"/")
	if !ok {
		return u
	}
	status, _, _ := strings.Cut(strings.TrimPrefix(e.statusURL(), e.p.base+"/"), "?")
	return cmp.Or(strings.Repeat("../", strings.Count(status, "/")), "./") + rest
}
