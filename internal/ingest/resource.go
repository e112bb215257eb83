package ingest

import (
	"bytes"
	"errors"

	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/cespare/xxhash/v2"
)

// resourceLines takes the lines of an output file: resources of one type.
type resourceLines struct {
	wanted []byte // the type
	runner *sqlonfhir.Runner
	views  []viewRows
	index  *tableWriter
	other  *tableWriter // rows of table.Resource; nil when views cover the type
	shape  uint64       // of the type's views: part of the hash, so that a changed view makes every row a changed one

	key    []byte // "Type/id" of the current line
	line   int64  // number of the current line
	newest int64  // latest last update, in microseconds; 0 when there is none
}

// viewRows writes the rows of one view.
type viewRows struct {
	name  string
	fills []views.Fill
	to    *tableWriter
	emit  func(row []sqlonfhir.Value) error
}

// misfit says at which column a row could not be written.
type misfit struct{ view, column string }

func (m *misfit) Error() string { return "value does not fit column " + m.view + "." + m.column }

func newResourceLines(o *Options, src *Source) (*resourceLines, error) {
	w := &resourceLines{wanted: []byte(src.Type), shape: o.Views.Fingerprint(src.Type)}
	constant := map[string]string{table.TenantID: o.Scope.Tenant(), table.SourceFile: o.Export + "/" + src.File}
	program := o.Views.Program(src.Type)
	for _, v := range o.Views.For(src.Type) {
		w.views = append(w.views, viewRows{
			name: v.Name, fills: v.Fills, to: newTableWriter(v.Table, constant, o.RowGroupRows),
		})
	}
	for i := range w.views {
		w.views[i].emit = w.rowsOf(&w.views[i])
	}
	constant["resource_type"] = src.Type
	w.index = newTableWriter(table.Index, constant, o.RowGroupRows)
	if program == nil {
		w.other = newTableWriter(table.Resource, constant, o.RowGroupRows)
		bare, err := sqlonfhir.Compile()
		if err != nil {
			return nil, err
		}
		program = bare
	}
	w.runner = program.NewRunner()
	return w, nil
}

func (w *resourceLines) tables() []*tableWriter {
	all := []*tableWriter{w.index}
	for i := range w.views {
		all = append(all, w.views[i].to)
	}
	if w.other != nil {
		all = append(all, w.other)
	}
	return all
}

func (w *resourceLines) take(l ndjson.Line) (string, error) {
	if err := w.runner.Load(l.Bytes); err != nil {
		return jsonReason(err), nil
	}
	if reason := w.check(l.Bytes); reason != "" {
		return reason, nil
	}
	id := w.runner.ID()
	w.key = append(append(append(w.key[:0], w.wanted...), '/'), id...)
	w.line = l.Number
	for i := range w.views {
		if err := w.runner.Rows(i, w.views[i].emit); err != nil {
			return w.dropped(err)
		}
	}
	w.writeIndex(l, id)
	return "", nil
}

// check says what is wrong with the loaded resource as a resource, or nothing.
func (w *resourceLines) check(line []byte) string {
	resourceType, id := w.runner.ResourceType(), w.runner.ID()
	if !bytes.Equal(resourceType, w.wanted) {
		if reason := resourceFault(resourceType, line); reason != "" {
			return reason
		}
		if string(resourceType) == "OperationOutcome" {
			return ReasonOutcome
		}
		return ReasonMismatch
	}
	switch {
	case id == nil:
		return ReasonNoID
	case !legalID(id):
		return ReasonBadID
	}
	return ""
}

// dropped forgets the rows of a line at which a view failed.
func (w *resourceLines) dropped(err error) (string, error) {
	for i := range w.views {
		w.views[i].to.drop()
	}
	if m, ok := errors.AsType[*misfit](err); ok {
		return ReasonView + m.view + "." + m.column, nil
	}
	if reason, ok := viewReason(err); ok {
		return reason, nil
	}
	return "", err
}

// rowsOf returns what writes one row of the view.
func (w *resourceLines) rowsOf(v *viewRows) func([]sqlonfhir.Value) error {
	var scratch []byte
	return func(row []sqlonfhir.Value) error {
		for i := range v.fills {
			f, c := &v.fills[i], v.to.columns[i]
			switch f.As {
			case views.Tenant, views.FileName:
				c.(*constColumn).append()
			case views.Key:
				c.(*textColumn).append(w.key)
			case views.LineCount:
				c.(*fixedColumn[int64]).append(w.line)
			default:
				if err := fill(c, f.As, &row[f.From], &scratch); err != nil {
					return &misfit{v.name, f.Column.Name}
				}
			}
		}
		return nil
	}
}

// writeIndex adds the line's row of table.Index, and of table.Resource when no
// view covers the type.
func (w *resourceLines) writeIndex(l ndjson.Line, id []byte) {
	updated := w.runner.LastUpdated()
	at, known := parseTime(updated)
	if known {
		w.newest = max(w.newest, at)
	}
	c := w.index.columns
	c[0].(*constColumn).append()
	c[1].(*constColumn).append()
	c[2].(*textColumn).append(id)
	appendOrNull(c[3].(*fixedColumn[int64]), at, known)
	c[4].(*fixedColumn[int64]).append(int64(xxhash.Sum64(l.Bytes) ^ w.shape))
	c[5].(*constColumn).append()
	c[6].(*fixedColumn[int64]).append(l.Number)
	if w.other == nil {
		return
	}
	c = w.other.columns
	c[0].(*constColumn).append()
	c[1].(*constColumn).append()
	c[2].(*textColumn).append(id)
	c[3].(*textColumn).append(w.key)
	if updated == nil {
		c[4].null()
	} else {
		c[4].(*textColumn).append(updated)
	}
	appendOrNull(c[5].(*fixedColumn[int64]), at, known)
	c[6].(*textColumn).append(l.Bytes) // I10: as it was sent
	c[7].(*constColumn).append()
	c[8].(*fixedColumn[int64]).append(l.Number)
}

func (w *resourceLines) latest() int64 { return w.newest }
