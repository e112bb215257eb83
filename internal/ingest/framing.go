package ingest

import "github.com/bulkhead-fhir/bulkhead/tape"

// framingScan knows the header lines of organized output: Parameters whose
// parameter "header" names the resource to which the lines after it belong.
// https://hl7.org/fhir/uv/bulkdata/export.html#organized-output-files
type framingScan struct {
	tape  tape.Tape
	shape *tape.Shape
	key   struct{ parameter, name int32 }
}

func newFramingScan() *framingScan {
	s := &framingScan{shape: tape.NewShape()}
	s.shape.Root().Member("parameter").Member("name")
	s.key.parameter, s.key.name = s.shape.Key("parameter"), s.shape.Key("name")
	return s
}

// isHeader reports whether Parameters are a header line.
func (s *framingScan) isHeader(line []byte) bool {
	if err := s.tape.Parse(line, s.shape); err != nil {
		return false
	}
	parameters := s.tape.Member(0, s.key.parameter)
	if parameters < 0 || s.tape.Node(parameters).Kind != tape.Array {
		return false
	}
	for n := range children(&s.tape, parameters) {
		if text(&s.tape, n, s.key.name) == "header" {
			return true
		}
	}
	return false
}
