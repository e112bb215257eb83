package audit

import (
	"slices"
	"strconv"
	"strings"
)

// columns are the fields of an entry in the order in which they are hashed, and
// its hash.
var columns = []string{
	"tenant", "seq", "time", "actor", "source", "request", "export", "action", "object", "outcome", "reason", "rule", "facts", "prev_hash", "hash",
}

// Columns names what Cells gives.
func Columns() []string { return slices.Clone(columns) }

// Cells gives an entry for a sheet, by Columns. A text that programs for sheets
// would take for a formula has an apostrophe before it: people choose reasons
// and notes, and others open the file. So cells are for reading; what is to be
// verified is the entry as JSON.
func (e Entry) Cells() []string {
	cells := []string{
		e.Tenant, strconv.FormatInt(e.Seq, 10), e.Time, e.Actor, e.Source, e.Request, e.Export, string(e.Action), e.Object, e.Outcome,
		e.Reason, e.Rule, e.Facts, e.Prev, e.Hash,
	}
	for i, c := range cells {
		if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
			cells[i] = "'" + c
		}
	}
	return cells
}
