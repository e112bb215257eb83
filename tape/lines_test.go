package tape

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// readLines returns the first lines of a compressed file.
func readLines(t testing.TB, path string, most int) [][]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return lines[:min(len(lines), most)]
}

// ownLines are Observations as a server would write them, one like the other.
func ownLines(n int) [][]byte {
	r := newRand(5)
	codes := []struct{ category, code, display, unit string }{
		{"laboratory", "2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL"},
		{"laboratory", "718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL"},
		{"vital-signs", "8302-2", "Body height", "cm"},
		{"vital-signs", "85354-9", "Blood pressure panel with all children optional", ""},
		{"social-history", "72166-2", "Tobacco smoking status", "-"},
	}
	uuid := func() string { return fmt.Sprintf("%08x-3b5c-4d5e-9a0c-%012x", r.Uint32(), r.Int64N(1<<48)) }
	quantity := func(unit string) string {
		return fmt.Sprintf(`{"value":%.2f,"unit":"%s","system":"http://unitsofmeasure.org","code":"%s"}`, r.Float64()*100, unit, unit)
	}
	concept := func(system, code, display string) string {
		return fmt.Sprintf(`{"coding":[{"system":"%s","code":"%s","display":"%s"}],"text":"%s"}`, system, code, display, display)
	}
	lines := make([][]byte, n)
	for i := range lines {
		c := codes[r.IntN(len(codes))]
		at := fmt.Sprintf("20%02d-%02d-%02dT05:06:07.%03d+00:00", r.IntN(26), 1+r.IntN(12), 1+r.IntN(28), r.IntN(1000))
		var b strings.Builder
		fmt.Fprintf(&b, `{"resourceType":"Observation","id":"%s","meta":{"versionId":"%d","lastUpdated":"%s","profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]}`, uuid(), 1+r.IntN(9), at)
		fmt.Fprintf(&b, `,"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"%s","display":"%s"}]}]`, c.category, c.category)
		fmt.Fprintf(&b, `,"code":%s,"subject":{"reference":"Patient/%s"`, concept("http://loinc.org", c.code, c.display), uuid())
		if r.IntN(4) == 0 {
			b.WriteString(`,"display":"Jörg \"J\" Müller"`)
		}
		fmt.Fprintf(&b, `},"encounter":{"reference":"Encounter/%s"},"effectiveDateTime":"%s","issued":"%s"`, uuid(), at, at)
		switch c.unit {
		case "":
			fmt.Fprintf(&b, `,"component":[{"code":%s,"valueQuantity":%s},{"code":%s,"valueQuantity":%s}]`,
				concept("http://loinc.org", "8462-4", "Diastolic Blood Pressure"), quantity("mm[Hg]"),
				concept("http://loinc.org", "8480-6", "Systolic Blood Pressure"), quantity("mm[Hg]"))
		case "-":
			fmt.Fprintf(&b, `,"valueCodeableConcept":%s`, concept("http://snomed.info/sct", "266919005", "Never smoked tobacco (finding)"))
		default:
			fmt.Fprintf(&b, `,"valueQuantity":%s`, quantity(c.unit))
			if r.IntN(3) == 0 {
				fmt.Fprintf(&b, `,"referenceRange":[{"low":{"value":%d,"unit":"%s"},"high":{"value":%d,"unit":"%s"}}]`, r.IntN(50), c.unit, 50+r.IntN(50), c.unit)
			}
		}
		b.WriteByte('}')
		lines[i] = []byte(b.String())
	}
	return lines
}

// shuffled writes a value anew with the members of all objects in any order.
func shuffled(r *rand.Rand, line []byte) []byte {
	tokens := appendTokens(nil, line)
	var out []byte
	var write func(n int32)
	write = func(n int32) {
		x := tokens[n]
		if x.kind != '{' && x.kind != '[' {
			out = append(out, line[x.start:x.end]...)
			return
		}
		var children []int32
		for c := n + 1; c < x.next; c = tokens[c].next {
			children = append(children, c)
			if x.kind == '{' {
				c++ // to the value, behind which the next name is
			}
		}
		if x.kind == '{' {
			r.Shuffle(len(children), func(i, j int) { children[i], children[j] = children[j], children[i] })
		}
		out = append(out, x.kind)
		for i, c := range children {
			if i > 0 {
				out = append(out, ',')
			}
			write(c)
			if x.kind == '{' {
				out = append(out, ':')
				write(c + 1)
			}
		}
		out = append(out, x.kind+2)
	}
	write(0)
	return out
}
