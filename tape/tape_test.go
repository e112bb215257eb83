package tape_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/tape"
	"github.com/google/go-cmp/cmp"
)

func TestParseRefusesWhatIsNotStrictJSON(t *testing.T) {
	many := func(format string) string {
		var b strings.Builder
		for i := range 100 {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	tests := []struct {
		name, line, reason string
		offset             int
	}{
		{"nothing", "", tape.ReasonEmpty, 0},
		{"white space only", " \t\r\n", tape.ReasonEmpty, 4},
		{"an open object", `{"a":1`, tape.ReasonTruncated, 6},
		{"an open string", `"abc`, tape.ReasonTruncated, 4},
		{"an open literal", `tru`, tape.ReasonTruncated, 3},
		{"a misspelt literal", `trux`, tape.ReasonSyntax, 3},
		{"two values", `{} {}`, tape.ReasonTrailing, 3},
		{"a trailing comma in an object", `{"a":1,}`, tape.ReasonSyntax, 7},
		{"a trailing comma in an array", `[1,]`, tape.ReasonSyntax, 3},
		{"a missing colon", `{"a" 1}`, tape.ReasonSyntax, 5},
		{"a bare key", `{a:1}`, tape.ReasonSyntax, 1},
		{"a byte order mark", "\ufeff{}", tape.ReasonSyntax, 0},
		{"a leading zero", `[01]`, tape.ReasonNumber, 1},
		{"a bare minus", `[-]`, tape.ReasonNumber, 2},
		{"a number without fraction digits", `[1.]`, tape.ReasonNumber, 3},
		{"a number without exponent digits", `[1e+]`, tape.ReasonNumber, 4},
		{"NaN", `[NaN]`, tape.ReasonSyntax, 1},
		{"a control character", "[\"a\tb\"]", tape.ReasonControl, 3},
		{"an unknown escape", `["\x"]`, tape.ReasonEscape, 3},
		{"a short unicode escape", `["\u12"]`, tape.ReasonEscape, 4},
		{"a lone high surrogate", `["\ud83d"]`, tape.ReasonSurrogate, 2},
		{"a lone low surrogate", `["\ude00"]`, tape.ReasonSurrogate, 2},
		{"a high surrogate before another", `["\ud83d\ud83d"]`, tape.ReasonSurrogate, 2},
		{"invalid UTF-8", "[\"aaaaaaaaaa\xff\"]", tape.ReasonUTF8, 12},
		{"a UTF-8 encoded surrogate", "[\"\xed\xa0\x80\"]", tape.ReasonUTF8, 2},
		{"a wanted key twice", `{"a":1,"a":2}`, tape.ReasonDuplicateKey, 8},
		{"a skipped key twice", `{"x":{"y":1,"y":2}}`, tape.ReasonDuplicateKey, 13},
		{"a key twice, once escaped", `{"ab":1,"\u0061b":2}`, tape.ReasonDuplicateKey, 9},
		{"an empty key twice", `{"":1,"":2}`, tape.ReasonDuplicateKey, 7},
		{"a key of a big object twice", `{` + many(`"k%d":0,`) + `"k77":1}`, tape.ReasonDuplicateKey, len(many(`"k%d":0,`)) + 2},
		{"an early key of a big object twice", `{` + many(`"k%d":0,`) + `"k0":1}`, tape.ReasonDuplicateKey, len(many(`"k%d":0,`)) + 2},
		{"too many arrays", strings.Repeat("[", 513) + strings.Repeat("]", 513), tape.ReasonDepth, 512},
	}
	shape := tape.NewShape()
	shape.Root().Member("a")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p tape.Tape
			err := p.Parse([]byte(tt.line), shape)
			got, ok := errors.AsType[*tape.SyntaxError](err)
			if !ok {
				t.Fatalf("Parse = %v, want a SyntaxError", err)
			}
			if want := (tape.SyntaxError{Offset: tt.offset, Reason: tt.reason}); *got != want {
				t.Errorf("Parse = %+v, want %+v", *got, want)
			}
			if p.Len() != 0 {
				t.Errorf("the tape has %d nodes after an error, want 0", p.Len())
			}
		})
	}
}

func TestParseAcceptsWhatIsStrictJSON(t *testing.T) {
	for _, tt := range []struct {
		line  string
		nodes int // without a shape: the value itself, and the elements of an array
	}{
		{`null`, 1},
		{` true `, 1},
		{"\t[ ]\r\n", 1},
		{`{ }`, 1},
		{`-0`, 1},
		{`1.50e-3`, 1},
		{`"\ud83d\ude00 \u0000 \/"`, 1},
		{`"ünï 😀"`, 1},
		{`{"a":{"a":{"a":1}},"b":{"a":2}}`, 1},
		{`{"a":[1,2]}`, 1},
		{`[{"a":1},{"a":1}]`, 3},
		{`[[1],2]`, 4},
		{strings.Repeat("[", 512) + strings.Repeat("]", 512), 512},
	} {
		var p tape.Tape
		if err := p.Parse([]byte(tt.line), nil); err != nil {
			t.Errorf("Parse(%s) = %v", tt.line, err)
		} else if p.Len() != tt.nodes {
			t.Errorf("Parse(%s) without a shape laid out %d nodes, want %d", tt.line, p.Len(), tt.nodes)
		}
	}
}

// dump writes the nodes as an indented list.
func dump(p *tape.Tape, names map[int32]string) string {
	var b strings.Builder
	var walk func(n int32, indent string)
	walk = func(n int32, indent string) {
		x := p.Node(n)
		fmt.Fprintf(&b, "%s%s=%s\n", indent, names[x.Key], p.Text(n))
		if x.Kind == tape.Array || x.Kind == tape.Object {
			for c := n + 1; c < x.Next; c = p.Node(c).Next {
				walk(c, indent+" ")
			}
		}
	}
	walk(0, "")
	return b.String()
}

func TestOnlyWantedMembersBecomeNodes(t *testing.T) {
	shape := tape.NewShape()
	names := map[int32]string{-1: "-"}
	for _, n := range []string{"name", "given", "ext", "meta"} {
		names[shape.Key(n)] = n
	}
	shape.Root().Member("name").Member("given")
	shape.Root().Member("meta")
	shape.Root().Member("ext").All()
	line := `{"id":"x","name":[{"family":"F","gi\u0076en":["A","\u0042\n"]},{"use":"o"}],"meta":{"v":1},"ext":{"name":1.50,"zz":[true]}}`
	var p tape.Tape
	if err := p.Parse([]byte(line), shape); err != nil {
		t.Fatal(err)
	}
	want := "-=" + line + `
 name=[{"family":"F","gi\u0076en":["A","\u0042\n"]},{"use":"o"}]
  -={"family":"F","gi\u0076en":["A","\u0042\n"]}
   given=["A","\u0042\n"]
    -=A
    -=B
` + "\n" + `  -={"use":"o"}
 meta={"v":1}
 ext={"name":1.50,"zz":[true]}
  name=1.50
  -=[true]
   -=true
`
	if diff := cmp.Diff(want, dump(&p, names)); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
	name := p.Member(0, shape.Key("name"))
	if name < 0 || p.Node(name).Kind != tape.Array {
		t.Errorf("Member(name) = %d", name)
	}
	if got := p.Member(0, shape.Key("given")); got != -1 {
		t.Errorf("Member(given) of the root = %d, want -1", got)
	}
	if got := p.Member(name, shape.Key("given")); got != -1 {
		t.Errorf("Member of an array = %d, want -1", got)
	}
}

func TestBigObjectsMayNestAndRepeatNamesOfEachOther(t *testing.T) {
	var b strings.Builder
	b.WriteByte('{')
	for i := range 200 {
		fmt.Fprintf(&b, `"k%d":{`, i)
		for j := range 100 {
			fmt.Fprintf(&b, `"k%d":0,`, j)
		}
		b.WriteString(`"z":0},`)
	}
	b.WriteString(`"z":0}`)
	var p tape.Tape
	for range 2 {
		if err := p.Parse([]byte(b.String()), nil); err != nil {
			t.Fatal(err)
		}
	}
	twice := strings.TrimSuffix(b.String(), "}") + `,"k150":1}`
	if err := p.Parse([]byte(twice), nil); err == nil {
		t.Error("a name of the outer big object, twice, was accepted")
	}
}

func TestASteadyTapeDoesNotAllocate(t *testing.T) {
	shape := observationShape()
	line := observationLine()
	var p tape.Tape
	for range 100 { // until it has learned the line
		if err := p.Parse(line, shape); err != nil {
			t.Fatal(err)
		}
	}
	allocs := testing.AllocsPerRun(100, func() {
		if err := p.Parse(line, shape); err != nil {
			t.Fatal(err)
		}
		for n := range int32(p.Len()) {
			p.Text(n)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations per line, want 0", allocs)
	}
}
