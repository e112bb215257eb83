package doctor

import (
	"fmt"

	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// A unit is the files that were ingested together.
type unit struct {
	files []store.File
	index int64 // rows of the index that they have together
}

// units gives the ingested files of an export by unit.
func units(files []store.File, parts map[string][]store.Part) map[string]*unit {
	all := map[string]*unit{}
	for _, f := range files {
		if f.State != store.FileIngested {
			continue
		}
		u := all[f.Unit]
		if u == nil {
			u = &unit{}
			all[f.Unit] = u
			for _, part := range parts[f.Unit] {
				if part.Table == table.Index.Name {
					u.index += part.Rows
				}
			}
		}
		u.files = append(u.files, f)
	}
	return all
}

// short reports whether the index has not a row for each line that ingest
// delivered from the unit's files.
func (u *unit) short() bool {
	rows := int64(0)
	for _, f := range u.files {
		rows += f.Delivered - f.Replayed
	}
	return u.files[0].Section == string(ingest.Output) && u.index != rows
}

// counts looks at I4: every line of every file is accounted for, and the index
// has a row for each that was delivered from it.
func (p *patient) counts(x *store.Export, files []store.File, parts map[string][]store.Part) (found []Finding) {
	var wrong, unread []string
	of := units(files, parts)
	for _, list := range parts {
		p.looked.Parts += int64(len(list))
	}
	for _, f := range files {
		if x.State == life.Completed && f.State != store.FileIngested {
			unread = append(unread, f.Name)
		}
		if f.State != store.FileIngested {
			continue
		}
		if u := of[f.Unit]; u.short() || f.Lines != f.Delivered+f.Quarantined+f.Blank {
			wrong = append(wrong, fmt.Sprintf("%s (%d lines, %d delivered, %d quarantined, %d blank, %s in the index)",
				f.Name, f.Lines, f.Delivered, f.Quarantined, f.Blank, u.inIndex()))
		}
	}
	if len(wrong) > 0 {
		found = append(found, newFinding(Counts, "the lines of %s do not add up: %s", count(len(wrong), "file", "files"), names(wrong)).of(p.ID, x.ID).about(wrong...))
	}
	if len(unread) > 0 {
		found = append(found, newFinding(Counts, "export %s is completed, and %s never ingested: %s", x.ID, count(len(unread), "file was", "files were"), names(unread)).
			of(p.ID, x.ID).about(unread...))
	}
	return found
}

// inIndex says how many rows the index has of a file, or of how many files it
// has them.
func (u *unit) inIndex() string {
	if len(u.files) == 1 {
		return fmt.Sprint(u.index)
	}
	return fmt.Sprintf("%d of %d files", u.index, len(u.files))
}
