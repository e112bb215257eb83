package bulkdata

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// operationName is a name that may stand in a path after "$".
var operationName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)

// Dialect guesses the newest release that the statement offers, from the
// versions of its definitions; it is empty when they say nothing. A version
// 2.0.0 may stand on a server of STU3 too, whose definitions were published
// with it, and counts as STU2: configure STU3 where the server has its features.
func (found *Capability) Dialect() Dialect {
	var best Dialect
	for _, o := range found.Operations {
		if d := o.dialect(); dialectRank[d] > dialectRank[best] {
			best = d
		}
	}
	return best
}

func (o ExportOperation) dialect() Dialect {
	major, _, _ := strings.Cut(o.Version, ".")
	switch major {
	case "1":
		return STU1
	case "2":
		return STU2
	case "3":
		return STU3
	case "4":
		return STU4
	}
	switch o.Definition[strings.LastIndexByte(o.Definition, '/')+1:] {
	case "BulkDataExport", "PatientLevelExport", "GroupLevelExport":
		return STU1
	}
	return ""
}

// OperationName gives the name, without "$", by which an export of that level
// is started in that release, for Tolerances.ExportOperation. The guide has the
// path follow the statement's name in STU4, while statements of old name
// operations "group-export" whose path is "$export" all the same: hence a
// name counts only in STU4 and on a definition of version 4 or later.
func (found *Capability) OperationName(level Level, d Dialect) string {
	if d != STU4 {
		return "export"
	}
	for _, o := range found.Operations {
		if o.Level == level && o.dialect() == STU4 && operationName.MatchString(o.Name) {
			return o.Name
		}
	}
	return "export"
}

// Warnings says, in our words, what of r the statement does not offer. None of
// it forbids the export: statements are often wrong.
func (found *Capability) Warnings(r Request) []string {
	var list []string
	warn := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	if !slices.Contains(found.Levels, r.Level) {
		warn("the server does not list exports at %s level", r.Level)
	}
	for _, name := range r.Types {
		if !slices.Contains(found.Types, name) {
			warn("the server does not list the type %s", name)
		}
		if found.marked(r.Level, name, "") {
			warn("the server marks the type %s as not supported in this export", name)
		}
	}
	for _, filter := range r.TypeFilters {
		name, query, _ := strings.Cut(filter, "?")
		if !slices.Contains(found.Types, name) {
			warn("the server does not list the type %s", name)
		}
		for _, param := range searchParams(query) {
			if !slices.Contains(found.SearchParams[name], param) && !slices.Contains(found.SearchParams[""], param) {
				warn("the server does not list the search parameter %s of %s", param, name)
			}
			if found.marked(r.Level, name, param) || found.marked(r.Level, "", param) {
				warn("the server marks the search parameter %s of %s as not supported in this export", param, name)
			}
		}
	}
	return list
}

func (found *Capability) marked(level Level, of, param string) bool {
	return slices.ContainsFunc(found.NotSupported, func(n NotSupported) bool {
		return n.Type == of && n.Param == param && slices.Contains(n.Levels, level)
	})
}
