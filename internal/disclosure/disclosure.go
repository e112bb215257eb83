// Package disclosure says whose records an export holds: for the notice of a
// breach, which names the people affected, and for the accounting of
// disclosures. It reads what is in storage and keeps nothing; who may ask, and
// the record that somebody did, are the caller's.
//
// 45 CFR 164.404 and 164.528:
// https://www.ecfr.gov/current/title-45/part-164/section-164.404
package disclosure

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// People are the patients of an export.
type People struct {
	IDs []string // Patient.id, sorted
	// Complete says that patients who are only referred to are among them. It is
	// false where the practice's table of references is not filled: then the
	// people are those whose Patient resource the export brought.
	Complete bool
	// Refused is how many lines of the export are in quarantine, and Unread how
	// many of its files are stored and not read: whose records these are is not
	// known here, and they are kept all the same.
	Refused, Unread int64
}

// Patients gives the patients whose resources an export holds, or whom its
// resources refer to, from its staged files. Of an export whose staged files were
// destroyed it is the problem Usage. Another error says which file cannot be
// read.
func Patients(ctx context.Context, ledger *store.Scope, files *blob.Scope, export string) (People, error) {
	people, err := unlisted(ctx, ledger, export)
	if err != nil {
		return People{}, err
	}
	parts, err := ledger.Parts(ctx, export)
	if err != nil {
		return People{}, err
	}
	seen, others := map[string]bool{}, false
	for _, p := range parts {
		of := [2]string{"resource_type", "id"}
		switch p.Table {
		case table.Index.Name, table.Deleted.Name, table.Withheld.Name:
		case table.Reference.Name:
			people.Complete = true
			of = [2]string{"to_type", "to_id"}
		default:
			continue
		}
		if err := ctx.Err(); err != nil {
			return People{}, err
		}
		other, err := readPart(ctx, files, blob.Key(p.Key), of, seen)
		if err != nil {
			return People{}, fmt.Errorf("read staged file %s: %w", p.Key, err)
		}
		others = others || other
	}
	people.Complete = people.Complete || !others
	people.IDs = slices.Sorted(maps.Keys(seen))
	return people, nil
}

// unlisted counts what of an export is kept and is in no staged file.
func unlisted(ctx context.Context, ledger *store.Scope, export string) (p People, err error) {
	gone, err := ledger.Disposed(ctx, export)
	if err != nil {
		return p, err
	}
	if at, ok := gone[string(agreement.KindStaged)]; ok {
		return p, problem.New(problem.Usage, "the staged rows of export "+export+" were destroyed on "+at.Format(time.DateOnly)+", so nobody can list its patients from storage any more",
			"Ask for the present patients with bulkhead query; the record says how many files and lines the export had.")
	}
	totals, err := ledger.FileTotals(ctx, export)
	if err != nil {
		return p, err
	}
	states, err := ledger.FileStates(ctx, export)
	if err != nil {
		return p, err
	}
	p.Refused, p.Unread = totals.Quarantined, states[store.FileStored]+states[store.FileIngesting]
	return p, nil
}

// Says tells what is not among the people, a sentence each.
func (p People) Says() (notes []string) {
	if !p.Complete {
		notes = append(notes, "Whom other resources only refer to is not among them: the table of references is not filled.")
	}
	if p.Refused > 0 {
		notes = append(notes, fmt.Sprintf("%d lines in quarantine are not among them: whose they are must be seen there.", p.Refused))
	}
	if p.Unread > 0 {
		notes = append(notes, fmt.Sprintf("%d files that are stored and not read are not among them: the export has stopped before it read them.", p.Unread))
	}
	return notes
}

// readPart adds the patients that a staged file names, and reports whether it
// names anything else.
func readPart(ctx context.Context, files *blob.Scope, key blob.Key, of [2]string, seen map[string]bool) (others bool, err error) {
	path, release, err := files.LocalPath(ctx, key)
	if err != nil {
		return false, err
	}
	defer release()
	r, err := file.OpenParquetFile(path, false)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for g := range r.NumRowGroups() {
		group := r.RowGroup(g)
		types, err := texts(group, of[0])
		if err != nil {
			return false, err
		}
		ids, err := texts(group, of[1])
		if err != nil {
			return false, err
		}
		if len(types) != len(ids) {
			return false, fmt.Errorf("%d rows of %s beside %d of %s", len(types), of[0], len(ids), of[1])
		}
		for i, t := range types {
			others = others || t != "Patient"
			if t == "Patient" && ids[i] != "" {
				seen[ids[i]] = true
			}
		}
	}
	return others, nil
}

// texts reads a column of a row group; a null is an empty text.
func texts(group *file.RowGroupReader, name string) ([]string, error) {
	index := group.MetaData().Schema.ColumnIndexByName(name)
	if index < 0 {
		return nil, fmt.Errorf("there is no column %s", name)
	}
	column, err := group.Column(index)
	if err != nil {
		return nil, err
	}
	reader, ok := column.(*file.ByteArrayColumnChunkReader)
	if !ok {
		return nil, fmt.Errorf("column %s holds no text", name)
	}
	const batch = 4096
	values, levels := make([]parquet.ByteArray, batch), make([]int16, batch)
	most := reader.Descriptor().MaxDefinitionLevel()
	var all []string
	for reader.HasNext() {
		rows, read, err := reader.ReadBatch(batch, values, levels, nil)
		if err != nil {
			return nil, err
		}
		if rows == 0 {
			break
		}
		next := 0
		for i := range rows {
			text := ""
			if (most == 0 || levels[i] == most) && next < read {
				text, next = string(values[next]), next+1
			}
			all = append(all, text)
		}
	}
	return all, nil
}
