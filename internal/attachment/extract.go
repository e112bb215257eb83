package attachment

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

// places says where the resources of each type hold Attachments. An element on
// the way may be a list.
// https://hl7.org/fhir/R4/datatypes-examples.html#Attachment
var places = map[string][]string{
	"BodyStructure":        {"image"},
	"Communication":        {"payload.contentAttachment"},
	"CommunicationRequest": {"payload.contentAttachment"},
	"Consent":              {"sourceAttachment"},
	"DiagnosticReport":     {"presentedForm"},
	"DocumentReference":    {"content.attachment"},
	"HealthcareService":    {"photo"},
	"Library":              {"content"},
	"Media":                {"content"},
	"Patient":              {"photo"},
	"Person":               {"photo"},
	"Practitioner":         {"photo"},
	"RelatedPerson":        {"photo"},
}

// binary is the type whose resources are documents themselves.
const binary = "Binary"

// itself is the path of such a document.
const itself = "$this"

// Types are the resource types that may hold documents, in alphabetical order.
func Types() []string {
	types := []string{binary}
	for name := range places {
		types = append(types, name)
	}
	slices.Sort(types)
	return types
}

// A Found is one document as its resource describes it. Its texts are valid
// until the extractor's next line.
type Found struct {
	Path        string // within the resource: "content[0].attachment", or "$this"
	Position    int    // among the resource's documents, from 0
	ContentType string // as sent
	Title       string
	URL         string // as sent; empty when the content stands in the resource
	Size        int64  // as declared, -1 when it is not
	SHA1        string // as declared, as hex; empty when it is not
	Inline      bool   // the content stands in the resource
	Data        []byte // base64 as a JSON string's inside, with its escapes
}

// A resource is what the extractor reads of a line.
type resource struct {
	kind        string
	key         string    // "Type/id"
	lastUpdated time.Time // zero when it has none
	found       []Found
}

// extractor finds the documents of one line after another. It belongs to one
// goroutine.
type extractor struct {
	tape  tape.Tape
	shape *tape.Shape
	keys  map[string]int32
	now   resource
}

func newExtractor() *extractor {
	x := &extractor{shape: tape.NewShape(), keys: map[string]int32{}}
	root := x.shape.Root()
	attachment := func(w *tape.Want) {
		for _, name := range []string{"contentType", "title", "url", "size", "hash", "data"} {
			w.Member(name)
		}
	}
	root.Member("resourceType")
	root.Member("id")
	root.Member("meta").Member("lastUpdated")
	attachment(root) // of a Binary
	for _, paths := range places {
		for _, path := range paths {
			at := root
			for name := range strings.SplitSeq(path, ".") {
				at = at.Member(name)
				x.key(name)
			}
			attachment(at)
		}
	}
	for _, name := range []string{"resourceType", "id", "meta", "lastUpdated", "contentType", "title", "url", "size", "hash", "data"} {
		x.key(name)
	}
	return x
}

func (x *extractor) key(name string) { x.keys[name] = x.shape.Key(name) }

// read finds the documents of a line. It gives none for a line that is no
// resource. The result is valid until the next read.
func (x *extractor) read(line []byte) *resource {
	x.now = resource{found: x.now.found[:0]}
	if err := x.tape.Parse(line, x.shape); err != nil {
		return &x.now // ingest has refused it with its reason
	}
	id := x.text(0, "id")
	x.now.kind = x.text(0, "resourceType")
	if id == "" || !fhir.IsTypeName(x.now.kind) {
		return &x.now
	}
	x.now.key = x.now.kind + "/" + id
	if meta := x.tape.Member(0, x.keys["meta"]); meta >= 0 {
		if at, err := fhir.ParseInstant(x.text(meta, "lastUpdated")); err == nil {
			x.now.lastUpdated = at
		}
	}
	if x.now.kind == binary {
		x.document(0, itself)
		if f := &x.now.found[0]; !f.Inline {
			f.URL = x.now.key // a Binary without content may have it where it stands itself
		}
	}
	for _, path := range places[x.now.kind] {
		x.walk(0, path, "")
	}
	return &x.now
}

// walk follows the rest of a path below node n, of which before is the path.
func (x *extractor) walk(n int32, rest, before string) {
	name, rest, more := strings.Cut(rest, ".")
	child := x.tape.Member(n, x.keys[name])
	if child < 0 {
		return
	}
	if before != "" {
		name = before + "." + name
	}
	each := func(n int32, path string) {
		if more {
			x.walk(n, rest, path)
			return
		}
		x.document(n, path)
	}
	if x.tape.Node(child).Kind != tape.Array {
		each(child, name)
		return
	}
	i := 0
	for c, end := child+1, x.tape.Node(child).Next; c < end; c = x.tape.Node(c).Next {
		each(c, name+"["+strconv.Itoa(i)+"]")
		i++
	}
}

// document notes the Attachment at node n.
func (x *extractor) document(n int32, path string) {
	if x.tape.Node(n).Kind != tape.Object {
		return
	}
	f := Found{
		Path: path, Position: len(x.now.found), Size: -1,
		ContentType: x.text(n, "contentType"), Title: x.text(n, "title"), SHA1: sha1Of(x.text(n, "hash")),
	}
	if size := x.tape.Member(n, x.keys["size"]); size >= 0 {
		if declared, err := strconv.ParseInt(string(x.tape.Text(size)), 10, 64); err == nil && declared >= 0 {
			f.Size = declared // a number, or R5's string
		}
	}
	data := x.tape.Member(n, x.keys["data"])
	if f.Inline = data >= 0 && x.tape.Node(data).Kind == tape.String; f.Inline {
		f.Data = x.tape.Raw(data)
	} else if path != itself {
		f.URL = x.text(n, "url")
	}
	x.now.found = append(x.now.found, f)
}

// text gives the member of an object when it is a string, and "" otherwise.
func (x *extractor) text(object int32, name string) string {
	n := x.tape.Member(object, x.keys[name])
	if n < 0 || x.tape.Node(n).Kind != tape.String {
		return ""
	}
	return string(x.tape.Text(n))
}

// sha1Of reads Attachment.hash, which is the base64 of a SHA-1, or its hex as
// some servers have it. Anything else is none.
func sha1Of(hash string) string {
	raw, err := base64.StdEncoding.DecodeString(hash)
	if err == nil && len(raw) == 20 {
		return hex.EncodeToString(raw)
	}
	if raw, err = hex.DecodeString(hash); err == nil && len(raw) == 20 {
		return strings.ToLower(hash)
	}
	return ""
}
