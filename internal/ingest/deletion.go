package ingest

import (
	"bytes"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

// deletionLines takes the lines of a deleted file: Bundles of type transaction
// whose entries have requests to delete.
// https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status
type deletionLines struct {
	tape    tape.Tape
	shape   *tape.Shape
	to      *tableWriter
	deleted int64
	key     struct{ resourceType, kind, entry, request, method, url int32 }
}

func newDeletionLines(o *Options, src *Source) *deletionLines {
	constant := map[string]string{table.TenantID: o.Scope.Tenant(), table.SourceFile: o.Export + "/" + src.File}
	w := &deletionLines{shape: tape.NewShape(), to: newTableWriter(table.Deleted, constant, o.RowGroupRows)}
	root := w.shape.Root()
	root.Member("resourceType")
	root.Member("type")
	request := root.Member("entry").Member("request")
	request.Member("method")
	request.Member("url")
	w.key.resourceType, w.key.kind = w.shape.Key("resourceType"), w.shape.Key("type")
	w.key.entry, w.key.request = w.shape.Key("entry"), w.shape.Key("request")
	w.key.method, w.key.url = w.shape.Key("method"), w.shape.Key("url")
	return w
}

func (w *deletionLines) tables() []*tableWriter { return []*tableWriter{w.to} }
func (w *deletionLines) latest() int64          { return 0 }

func (w *deletionLines) take(l ndjson.Line) (string, error) {
	if err := w.tape.Parse(l.Bytes, w.shape); err != nil {
		return jsonReason(err), nil
	}
	if text(&w.tape, 0, w.key.resourceType) != "Bundle" || text(&w.tape, 0, w.key.kind) != "transaction" {
		return ReasonNoBundle, nil
	}
	entries := w.tape.Member(0, w.key.entry)
	if entries >= 0 && w.tape.Node(entries).Kind != tape.Array {
		return ReasonNoBundle, nil
	}
	added := int64(0)
	for n := range children(&w.tape, entries) {
		if reason := w.entry(n, l.Number); reason != "" {
			w.to.drop()
			return reason, nil
		}
		added++
	}
	w.deleted += added
	return "", nil
}

// entry adds the row of one entry, or says why it cannot.
func (w *deletionLines) entry(n int32, line int64) string {
	request := w.tape.Member(n, w.key.request)
	if request < 0 || text(&w.tape, request, w.key.method) != "DELETE" {
		return ReasonMethod
	}
	url := w.tape.Member(request, w.key.url)
	if url < 0 || w.tape.Node(url).Kind != tape.String {
		return ReasonURL
	}
	resourceType, id, ok := target(w.tape.Text(url))
	if !ok {
		return ReasonURL
	}
	c := w.to.columns
	c[0].(*constColumn).append()
	c[1].(*textColumn).append(resourceType)
	c[2].(*textColumn).append(id)
	c[3].(*constColumn).append()
	c[4].(*fixedColumn[int64]).append(line)
	return ""
}

// target takes the last two segments of a relative or absolute URL.
func target(url []byte) (resourceType, id []byte, ok bool) {
	slash := bytes.LastIndexByte(url, '/')
	if slash < 0 {
		return nil, nil, false
	}
	resourceType, id = url[:slash], url[slash+1:]
	resourceType = resourceType[bytes.LastIndexByte(resourceType, '/')+1:]
	plain := !bytes.ContainsAny(id, "?#")
	return resourceType, id, plain && legalID(id) && fhir.IsTypeName(string(resourceType))
}

// text returns the member of an object when it is a string, and "" otherwise.
func text(t *tape.Tape, object, key int32) string {
	n := t.Member(object, key)
	if n < 0 || t.Node(n).Kind != tape.String {
		return ""
	}
	return string(t.Text(n))
}

// children walks the elements of an array or members of an object; of a node
// that is not there, none.
func children(t *tape.Tape, n int32) func(yield func(int32) bool) {
	return func(yield func(int32) bool) {
		if n < 0 {
			return
		}
		for c, end := n+1, t.Node(n).Next; c < end; c = t.Node(c).Next {
			if !yield(c) {
				return
			}
		}
	}
}
