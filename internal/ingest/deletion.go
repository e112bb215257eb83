package ingest

import (
	"bytes"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/rows"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

// deletionLines takes the lines of a deleted file: Bundles of type transaction
// whose entries have requests to delete.
// https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status
type deletionLines struct {
	tape    tape.Tape
	shape   *tape.Shape
	base    []byte // "https://ehr.example/fhir/", or empty
	to      *rows.Writer
	file    []byte // as table.SourceFile has it
	deleted int64
	skipped map[string]int64 // entries not executed beside others that were
	key     struct{ resourceType, kind, entry, request, method, url int32 }
}

func newDeletionLines(o *Options, tables newTable) *deletionLines {
	constant := map[string]string{table.TenantID: o.Scope.Tenant()}
	w := &deletionLines{shape: tape.NewShape(), to: tables(table.Deleted, constant)}
	if o.Base != "" {
		w.base = append(lowerServer([]byte(strings.TrimRight(o.Base, "/"))), '/')
	}
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

func (w *deletionLines) begin(file []byte) {
	w.file, w.deleted, w.skipped = file, 0, map[string]int64{}
}

func (w *deletionLines) report(t *tally) {
	t.deletions += w.deleted
	addAll(t.entries, w.skipped)
}

// take executes every entry that is a deletion. A Bundle is refused when it
// has none and something else; other entries beside deletions are counted.
func (w *deletionLines) take(l ndjson.Line) (verdict, error) {
	if err := w.tape.Parse(l.Bytes, w.shape); err != nil {
		return refusal(quarantine.SyntaxReason(err)), nil
	}
	if text(&w.tape, 0, w.key.resourceType) != "Bundle" || text(&w.tape, 0, w.key.kind) != "transaction" {
		return refusal(quarantine.ReasonNoBundle), nil
	}
	entries := w.tape.Member(0, w.key.entry)
	if entries >= 0 && w.tape.Node(entries).Kind != tape.Array {
		return refusal(quarantine.ReasonNoBundle), nil
	}
	var added int64
	var skipped []string
	for n := range children(&w.tape, entries) {
		if reason := w.entry(n, l.Number); reason != "" {
			skipped = append(skipped, reason)
			continue
		}
		added++
	}
	if added == 0 && len(skipped) > 0 {
		return refusal(skipped[0]), nil
	}
	for _, reason := range skipped {
		w.skipped[reason]++
	}
	w.deleted += added
	return verdict{}, w.to.Keep(len(l.Bytes))
}

// entry adds the row of one entry, or says why it cannot.
func (w *deletionLines) entry(n int32, line int64) string {
	request := w.tape.Member(n, w.key.request)
	if request < 0 || text(&w.tape, request, w.key.method) != "DELETE" {
		return quarantine.ReasonMethod
	}
	url := w.tape.Member(request, w.key.url)
	if url < 0 || w.tape.Node(url).Kind != tape.String {
		return quarantine.ReasonURL
	}
	resourceType, id, ok := w.target(w.tape.Text(url))
	if !ok {
		return quarantine.ReasonURL
	}
	c := w.to.Columns()
	c[0].(*columnar.Const).Append()
	c[1].(*columnar.Text).Append(resourceType)
	c[2].(*columnar.Text).Append(id)
	c[3].(*columnar.Text).Append(w.file)
	c[4].(*columnar.Int64).Append(line)
	return ""
}

// target reads "Type/id", relative or rooted at the exporting server's base.
// What another server has, a deletion here cannot mean.
func (w *deletionLines) target(url []byte) (resourceType, id []byte, ok bool) {
	if len(w.base) > 0 {
		url = bytes.TrimPrefix(lowerServer(url), w.base)
	}
	resourceType, id, ok = bytes.Cut(url, []byte{'/'})
	plain := ok && !bytes.ContainsAny(id, "?#")
	return resourceType, id, plain && quarantine.IDFault(id) == "" && fhir.IsTypeName(string(resourceType))
}

// lowerServer writes the scheme and the host of an absolute URL in lower case,
// for they have none.
func lowerServer(url []byte) []byte {
	scheme, rest, absolute := bytes.Cut(url, []byte("://"))
	if !absolute {
		return url
	}
	host, _, _ := bytes.Cut(rest, []byte{'/'})
	n := len(scheme) + len("://") + len(host)
	return append(bytes.ToLower(url[:n]), url[n:]...)
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
