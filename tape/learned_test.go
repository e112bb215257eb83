package tape

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A twin is a tape that learns from the first line on beside one that never
// does.
type twin struct{ learned, plain Tape }

func (w *twin) impatient(shape *Shape) *network {
	w.learned.open(shape)
	w.learned.plan.net.wait = 0
	return w.learned.plan.net
}

// parse parses a line with both and compares everything.
func (w *twin) parse(t *testing.T, line []byte, shape *Shape) error {
	t.Helper()
	w.plain.plain = true
	got, want := w.learned.Parse(line, shape), w.plain.Parse(line, shape)
	if (got == nil) != (want == nil) || got != nil && *got.(*SyntaxError) != *want.(*SyntaxError) { //nolint:errorlint // Parse returns it bare
		t.Fatalf("learned: %v\nplain: %v\n%s", got, want, line)
	}
	if !slices.Equal(w.plain.nodes, w.learned.nodes) {
		t.Fatalf("nodes (-plain +learned):\n%s%s", cmp.Diff(w.plain.nodes, w.learned.nodes), line)
	}
	if !slices.Equal(w.plain.found, w.learned.found) {
		t.Fatalf("slots (-plain +learned):\n%s%s", cmp.Diff(w.plain.found, w.learned.found), line)
	}
	return got
}

// known reports whether the tape knows the line by now.
func (w *twin) known(line []byte, shape *Shape) bool {
	w.learned.line = line
	w.learned.open(shape)
	w.learned.nodes = w.learned.nodes[:0]
	return w.learned.follow(w.learned.plan.net)
}

// A recordKind describes lines as a machine makes them: members in one order,
// each optional.
type recordKind []recordMember

type recordMember struct {
	name string
	of   recordKind // of an object; nil for a scalar
	many bool       // in an array
}

func inventKind(r *rand.Rand, depth int) recordKind {
	var k recordKind
	names := len(inventedNames)
	if r.IntN(8) > 0 {
		names-- // without the name that is another's, escaped
	}
	for _, n := range r.Perm(names)[:1+r.IntN(5)] {
		m := recordMember{name: inventedNames[n], many: r.IntN(3) == 0}
		if depth > 0 && r.IntN(2) == 0 {
			m.of = inventKind(r, depth-1)
		}
		k = append(k, m)
	}
	return k
}

// write writes a record. Now and then members are missing, null, of another
// kind or out of their order.
func (k recordKind) write(r *rand.Rand, b *strings.Builder, comma string) {
	order := r.Perm(len(k))
	if r.IntN(40) > 0 {
		for i := range order {
			order[i] = i
		}
	}
	b.WriteByte('{')
	first := true
	for _, i := range order {
		m := k[i]
		if r.IntN(6) == 0 {
			continue
		}
		if !first {
			b.WriteString(comma)
		}
		first = false
		fmt.Fprintf(b, `"%s":`, m.name)
		if !m.many {
			m.value(r, b, comma)
			continue
		}
		b.WriteByte('[')
		for j := range r.IntN(4) {
			if j > 0 {
				b.WriteString(comma)
			}
			m.value(r, b, comma)
		}
		b.WriteByte(']')
	}
	b.WriteByte('}')
}

func (m recordMember) value(r *rand.Rand, b *strings.Builder, comma string) {
	if m.of == nil || r.IntN(20) == 0 {
		scalars := inventedScalars
		if r.IntN(10) > 0 {
			scalars = inventedScalars[5:]
		}
		b.WriteString(scalars[r.IntN(len(scalars))])
		return
	}
	m.of.write(r, b, comma)
}

// damage changes a line without regard to its grammar: a byte, or the bytes
// between two commas left out, doubled, or changed with their neighbours.
func damage(r *rand.Rand, line []byte) []byte {
	cuts := []int{0}
	for i, c := range line {
		if c == ',' {
			cuts = append(cuts, i)
		}
	}
	cuts = append(cuts, len(line))
	k := r.IntN(len(cuts) - 1)
	part := line[cuts[k]:cuts[k+1]]
	switch r.IntN(6) {
	case 0:
		return bytes.Join([][]byte{line[:cuts[k]], line[cuts[k+1]:]}, nil)
	case 1:
		return bytes.Join([][]byte{line[:cuts[k+1]], part, line[cuts[k+1]:]}, nil)
	case 2:
		j := r.IntN(len(cuts) - 1)
		return bytes.Join([][]byte{line[:cuts[k]], line[cuts[j]:cuts[j+1]], line[cuts[k]:]}, nil)
	case 3:
		return line[:r.IntN(len(line))]
	}
	line = bytes.Clone(line)
	alphabet := "\"\\{}[],:0-.eut \x00\x1f\xc3\xbc\xff"
	line[r.IntN(len(line))] = alphabet[r.IntN(len(alphabet))]
	return line
}

func TestWhatIsLearnedChangesNothing(t *testing.T) {
	r := newRand(2)
	var w twin
	hits, refused, lines := 0, 0, 0
	for range 50 {
		kind, shape := inventKind(r, 4), inventShape(r)
		net := w.impatient(shape)
		for range 300 {
			comma := ","
			if r.IntN(20) == 0 {
				comma = " ,\t"
			}
			var b strings.Builder
			kind.write(r, &b, comma)
			line := []byte(b.String())
			if r.IntN(5) == 0 {
				line = damage(r, line)
			}
			if r.IntN(20) == 0 && w.plain.Parse(line, shape) == nil {
				line = shuffled(r, line)
			}
			lines++
			if w.parse(t, line, shape) != nil {
				refused++
			}
			hits += net.tried - net.missed
			net.tried, net.missed, net.credit = 0, 0, 1 // it is not judged, and learns from each line
		}
	}
	if hits < lines/4 || refused < lines/10 {
		t.Errorf("of %d lines %d were known and %d refused: too few to tell", lines, hits, refused)
	}
}

func TestAMemberThatComesTwiceOnTheWayIsRefused(t *testing.T) {
	for _, lines := range [][]string{
		{`{"a":1,"b":2}`, `{"b":2,"a":1}`, `{"a":1,"b":2,"a":3}`, `{"b":2,"a":1,"b":2}`, `{"a":1,"b":2}`},
		{`{"a":1,"x":{}}`, `{"x":{},"a":1}`, `{"a":1,"x":{},"a":1}`, `{"x":{},"a":1,"x":{}}`},
		{`{"a":null,"b":2}`, `{"b":2,"a":null}`, `{"b":1,"a":null,"b":1}`, `{"a":null,"b":2,"a":null}`},
		{`{"o":{"a":"1","b":"2"},"z":"3"}`, `{"o":{"b":"2","a":"1"},"z":"3"}`, `{"o":{"a":"1","b":"2","a":"1"},"z":"3"}`},
		{`[{"a":"1"},{"b":"1"}]`, `[{"b":"1"},{"a":"1"}]`, `[{"a":"1","b":"1"}]`, `[{"b":"1","a":"1"}]`, `[{"b":"1","a":"1","b":"1"}]`},
		{`{"a":"1","\u0062":"2"}`, `{"b":"2","a":"1"}`, `{"a":"1","\u0062":"2","b":"3"}`, `{"b":"2","a":"1","\u0062":"2"}`},
		{`{"b":"1"}`, `{"a":"1"}`, `{"a":"1","b":"1"}`, `{"b":"1","a":"1"}`, `{"a":"1","b":"1","a":"1"}`, `{"b":"1","a":"1","b":"1"}`},
	} {
		shape := NewShape()
		shape.Root().Member("a")
		var w twin
		w.impatient(shape)
		refused := false
		for range 3 {
			for _, line := range lines {
				err := w.parse(t, []byte(line), shape)
				refused = refused || err != nil && err.(*SyntaxError).Reason == ReasonDuplicateKey //nolint:errorlint // Parse returns it bare
			}
		}
		if twice := len(lines) != 4 || lines[0][0] != '['; twice && !refused {
			t.Errorf("%q: nothing was refused", lines)
		}
		if !w.known([]byte(lines[0]), shape) {
			t.Errorf("%s has not been learned", lines[0])
		}
	}
}

func TestNewMembersFindTheirPlaceInTheOrder(t *testing.T) {
	var w twin
	w.impatient(nothing)
	lines := []string{`{"a":1,"d":1}`, `{"a":1,"c":1,"d":1}`, `{"b":1,"c":1}`, `{"a":1,"b":1,"c":1,"d":1,"e":1}`, `{"0":1,"a":1}`}
	for _, line := range lines {
		if err := w.parse(t, []byte(line), nothing); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range append(lines[:2:2], lines[4], `{"0":1,"a":1,"c":1,"d":1}`) {
		if !w.known([]byte(line), nothing) {
			t.Errorf("%s is not known", line)
		}
	}
	if w.known([]byte(`{"d":1,"a":1}`), nothing) {
		t.Error("a line against the order is known")
	}
}

func TestAFirstInALaterParentIsFoundOnTheWayToo(t *testing.T) {
	shape := NewShape()
	first := shape.Root().Under("p").Under("q").First()
	first.Under("v").Slot()
	first.Member("u")
	first.Slot()
	var w twin
	w.impatient(shape)
	for range 3 {
		for _, line := range []string{
			`{"p":[{"q":[{"v":"1","u":"2"},{"v":"3","u":"4"}]},{"q":[{"v":"5"}]}]}`,
			`{"p":[{"x":"0"},{"q":[{"v":"1"},{"v":"3"}]}]}`,
			`{"p":[{"q":[{"v":"9"}]},{"x":"0"},{"q":[{"v":"1"},{"v":"3"}]}]}`,
			`{"p":[{"q":[{"v":"9"}]},{"x":"0"},{"q":{"v":"5","u":{"v":1}}}]}`,
			`{"p":[{"x":"0"},{"q":{"v":"5","u":{"v":1}}}]}`,
			`{"p":[{"q":[]},{"q":[{"v":"5"}]}]}`,
			`{"p":[{"q":null},{"q":{"v":"5","u":{"v":1}}}]}`,
			`{"p":[{"q":"s"},{"q":{"v":"5"}}]}`,
			`{"p":[{"q":true},{"q":{"v":"5"}}]}`,
			`{"p":[{"q":[{}]},{"q":{"v":"5"}}]}`,
		} {
			if err := w.parse(t, []byte(line), shape); err != nil {
				t.Fatal(err)
			}
			compare(t, &w.learned, []byte(line), shape)
		}
	}
	if net := w.learned.plan.net; net.tried-net.missed < 20 {
		t.Errorf("%d of %d lines were known, want 20", net.tried-net.missed, net.tried)
	}
}

func TestLinesWithoutOrderDoNotFillTheNetwork(t *testing.T) {
	r := newRand(3)
	var w twin
	net := w.impatient(nothing)
	paused := false
	for range 20 * round {
		var b strings.Builder
		b.WriteByte('{')
		for i, n := range r.Perm(12) {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `"member%d":{"x%d":[true,"%d"]}`, n, r.IntN(1000), n)
		}
		b.WriteByte('}')
		if err := w.parse(t, []byte(b.String()), nil); err != nil {
			t.Fatal(err)
		}
		paused = paused || net.wait > 0
		if net.edges > maxEdges || net.size > maxSize+2*maxMembers || net.bytes > maxBytes {
			t.Fatalf("the network grew to %d edges, %d places, %d bytes", net.edges, net.size, net.bytes)
		}
	}
	if !paused || net.pause < 2*minPause {
		t.Errorf("wait %d, pause %d: the network was not given up", net.wait, net.pause)
	}
}

// TestRealLinesAreParsedTheSame runs over the lines of Synthea patients where
// they are at hand, and over lines of our own.
func TestRealLinesAreParsedTheSame(t *testing.T) {
	r := newRand(4)
	files := map[string][][]byte{"own": ownLines(400)}
	paths, _ := filepath.Glob("../../shared/datasets/synthea-100/*.ndjson.gz")
	for _, path := range paths {
		files[filepath.Base(path)] = readLines(t, path, 250)
	}
	for name, lines := range files {
		t.Run(name, func(t *testing.T) {
			shape := NewShape()
			for _, path := range []string{"id", "status", "code.coding.code", "code.text", "subject.reference", "meta.lastUpdated", "name.family", "item.sequence"} {
				at := shape.Root()
				for member := range strings.SplitSeq(path, ".") {
					at = at.Under(member)
				}
				at.Slot()
			}
			shape.Root().Under("code").Under("coding").First().Under("display").Slot()
			shape.Root().Member("category").First().Member("coding").Member("code")
			shape.Root().Member("extension").All()
			var w twin
			net := w.impatient(shape)
			for i, line := range lines {
				if err := w.parse(t, line, shape); err != nil {
					t.Fatalf("line %d: %v", i, err)
				}
				if i%10 == 0 {
					compare(t, &w.learned, line, shape)
				}
				_ = w.parse(t, damage(r, line), shape)
			}
			t.Logf("%d lines, %d missed, %d edges, %d places, %d bytes", net.tried, net.missed, net.edges, net.size, net.bytes)
		})
	}
}

// FuzzLearned holds what is learned against the scanner: the lines of a text
// one after the other, twice, with a shape that a number stands for.
func FuzzLearned(f *testing.F) {
	f.Add([]byte("{\"a\":1,\"b\":2}\n{\"b\":2,\"a\":1}\n{\"a\":1,\"b\":2,\"a\":3}"), 1)
	f.Add([]byte("{\"a\":[{\"b\":\"x\"},{\"b\":\"y\"}]}\n{\"a\":[null,{\"b\":\"x\"}]}\n{\"a\":[{},{\"b\":\"x\",\"c\":true}]}"), 2)
	f.Add([]byte("{\"id\":\"\\u0031\",\"name\":[]}\n{\"id\":\"\\ud83d\",\"name\":[]}\n [ 1 , -2.5e3]\n[1,\"\"]"), 3)
	f.Fuzz(func(t *testing.T, text []byte, seed int) {
		shape := inventShape(newRand(seed))
		var w twin
		w.impatient(shape)
		for range 2 {
			for line := range bytes.SplitSeq(text, []byte("\n")) {
				_ = w.parse(t, line, shape)
			}
		}
	})
}
