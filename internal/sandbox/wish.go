package sandbox

import (
	"slices"
	"time"
)

// A wish is how a kick-off was made and what it asked for beyond types and
// _since. Kick-off fills it in; its zero value asks for nothing.
type wish struct {
	method     string       // GET or POST
	dialect    Dialect      // the release that the operation speaks
	until      time.Time    // _until
	elements   []string     // _elements, each like Patient.id or id
	filters    []typeFilter // _typeFilter; several of one type are alternatives
	patients   []string     // ids of the parameter patient; the cohort is limited to them already
	associated []string     // includeAssociatedData
	organizeBy string       // organizeOutputBy
	partial    bool         // allowPartialManifests
	minSize    int64        // _minimumFileSize and _maximumFileSize
	maxSize    int64

	// separate says that the state of the export is told by X-Export-Status.
	separate bool
	// ignored are the parameters that were passed over: on request
	// (handling=lenient), or because this server ignores what it does not know.
	ignored []string
}

// filtered reports whether a filter decides what of type t is exported.
func (w wish) filtered(t string) bool {
	return slices.ContainsFunc(w.filters, func(f typeFilter) bool { return f.kind == t })
}

// keeps reports whether a resource of type t passes the filters. Types without
// a filter pass.
func (w wish) keeps(t string, line []byte) bool {
	return !w.filtered(t) || slices.ContainsFunc(w.filters, func(f typeFilter) bool { return f.kind == t && f.matches(line) })
}
