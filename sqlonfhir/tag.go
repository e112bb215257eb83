package sqlonfhir

import "github.com/bulkhead-fhir/bulkhead/tape"

// tagShape wants the tags of a meta.
var tagShape, tagKeys = newTagShape()

type tagNumbers struct{ tag, system, code int32 }

func newTagShape() (*tape.Shape, tagNumbers) {
	s := tape.NewShape()
	tag := s.Root().Member("tag")
	tag.Member("system")
	tag.Member("code")
	return s, tagNumbers{s.Key("tag"), s.Key("system"), s.Key("code")}
}

// hasText reports whether the member of a node is that string.
func hasText(t *tape.Tape, n, key int32, text string) bool {
	c := t.Member(n, key)
	return c >= 0 && t.Node(c).Kind == tape.String && string(t.Text(c)) == text
}
