package tape_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/tape"
	"github.com/google/go-cmp/cmp"
)

// slotText shows a slot: its text, with a star when there were more values.
func slotText(p *tape.Tape, n int32) string {
	f := p.Slot(n)
	if f.Kind == tape.Null {
		return "-"
	}
	if f.Many {
		return string(p.SlotText(n)) + "*"
	}
	return string(p.SlotText(n))
}

func TestASlotHasTheFirstValueThatIsNeitherNullNorAnArray(t *testing.T) {
	shape := tape.NewShape()
	family := shape.Root().Under("name").Under("family").Slot()
	given := shape.Root().Under("name").Under("given").Slot()
	name := shape.Root().Under("name").Slot()
	root := shape.Root().Slot()
	for _, tt := range []struct{ line, family, given, name string }{
		{`{}`, "-", "-", "-"},
		{`{"name":null}`, "-", "-", "-"},
		{`{"name":[[],[null]]}`, "-", "-", "-"},
		{`{"name":{"family":"O\u0027Hara"}}`, "O'Hara", "-", `{"family":"O\u0027Hara"}`},
		{`{"name":[null,{"given":[null,"A","B"]},{"family":true}]}`, "true", "A*", `{"given":[null,"A","B"]}*`},
		{`{"name":[{"given":"A"},{"given":["B"]}],"given":"no","family":1}`, "-", "A*", `{"given":"A"}*`},
		{`{"name":1.50}`, "-", "-", "1.50"},
	} {
		var p tape.Tape
		if err := p.Parse([]byte(tt.line), shape); err != nil {
			t.Fatal(err)
		}
		want := strings.Join([]string{tt.line, tt.family, tt.given, tt.name}, "\n")
		got := strings.Join([]string{slotText(&p, root), slotText(&p, family), slotText(&p, given), slotText(&p, name)}, "\n")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("slots of %s (-want +got):\n%s", tt.line, diff)
		}
		if p.Len() != 1 {
			t.Errorf("%s: %d nodes, want the root's only", tt.line, p.Len())
		}
	}
}

func TestFirstIsOnlyTheFirstValueWhateverItsParents(t *testing.T) {
	shape := tape.NewShape()
	coding := shape.Root().Under("category").Under("coding")
	code := coding.First().Under("code").Slot()
	all := coding.Under("code").Slot()
	system := coding.First().First().Under("system").First().Slot()
	for _, tt := range []struct{ line, code, all, system string }{
		{`{"category":[{"text":"x"},{"coding":[null,{"system":["s","t"]},{"code":"B"}]},{"coding":{"code":"C","system":"u"}}]}`, "-", "B*", "s"},
		{`{"category":{"coding":[[],[[{"code":"A"},{"code":"B"}]]]}}`, "A", "A*", "-"},
		{`{"category":[{"coding":[5,{"code":"A"}]}]}`, "-", "A", "-"},
	} {
		var p tape.Tape
		if err := p.Parse([]byte(tt.line), shape); err != nil {
			t.Fatal(err)
		}
		if got := [3]string{slotText(&p, code), slotText(&p, all), slotText(&p, system)}; got != [3]string{tt.code, tt.all, tt.system} {
			t.Errorf("slots of %s = %q, want %q %q %q", tt.line, got, tt.code, tt.all, tt.system)
		}
	}
}

func TestNodesBelowAFirstAreLaidForItOnly(t *testing.T) {
	shape := tape.NewShape()
	shape.Root().Member("name").First().Member("given")
	shape.Root().Under("name").Under("use").Slot()
	names := map[int32]string{-1: "-", shape.Key("name"): "name", shape.Key("given"): "given"}
	line := `{"name":[{"given":"A","use":"u"},{"given":"B"}]}`
	var p tape.Tape
	if err := p.Parse([]byte(line), shape); err != nil {
		t.Fatal(err)
	}
	want := "-=" + line + `
 name=[{"given":"A","use":"u"},{"given":"B"}]
  -={"given":"A","use":"u"}
   given=A
  -={"given":"B"}
`
	if diff := cmp.Diff(want, dump(&p, names)); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
}

func TestSlotsAreExactBelowAPlaceWithAllNodes(t *testing.T) {
	shape := tape.NewShape()
	ext := shape.Root().Member("ext")
	ext.All()
	slot := ext.Under("url").Slot()
	if again := ext.Under("url").Slot(); again != slot || shape.Slots() != 1 {
		t.Errorf("the slot asked for again = %d of %d, want %d of 1", again, shape.Slots(), slot)
	}
	var p tape.Tape
	if err := p.Parse([]byte(`{"ext":[{"ext":{"url":"inner"}},{"url":"outer"}]}`), shape); err != nil {
		t.Fatal(err)
	}
	if got := slotText(&p, slot); got != "outer" {
		t.Errorf("slot = %s, want outer", got)
	}
	if p.Len() != 7 {
		t.Errorf("%d nodes, want 7", p.Len())
	}
}

func TestSlotsAreEmptyAfterAnError(t *testing.T) {
	shape := tape.NewShape()
	slot := shape.Root().Under("a").Slot()
	var p tape.Tape
	if err := p.Parse([]byte(`{"a":1,"b":}`), shape); err == nil {
		t.Fatal("Parse = nil, want an error")
	}
	if p.Slot(slot).Kind != tape.Null || p.SlotText(slot) != nil {
		t.Errorf("slot after an error = %+v, want none", *p.Slot(slot))
	}
}

func TestATapeKeepsItsAnswersWhileShapesAlternate(t *testing.T) {
	line := []byte(`{"m0":0,"m1":1,"m2":2,"m3":3,"m4":4,"m5":5,"m6":6,"m7":7,"m8":8,"m9":9}`)
	var shapes []*tape.Shape
	for i := range 10 {
		s := tape.NewShape()
		s.Root().Under(fmt.Sprintf("m%d", i)).Slot()
		shapes = append(shapes, s)
	}
	var p tape.Tape
	for round := range 300 {
		i := round * 7 % 10
		if err := p.Parse(line, shapes[i]); err != nil {
			t.Fatal(err)
		}
		if got := slotText(&p, 0); got != fmt.Sprint(i) {
			t.Fatalf("round %d: slot = %s, want %d", round, got, i)
		}
	}
}

func TestASealedShapeAnswersButDoesNotChange(t *testing.T) {
	shape := tape.NewShape()
	known := shape.Root().Under("a")
	slot := known.Slot()
	shape.Root().Member("b")
	var p tape.Tape
	if err := p.Parse([]byte(`{}`), shape); err != nil {
		t.Fatal(err)
	}
	if again := shape.Root().Under("a"); again != known || again.Slot() != slot || shape.Key("b") != 0 {
		t.Error("the shape does not give what it has")
	}
	for name, ask := range map[string]func(){
		"Key":    func() { shape.Key("z") },
		"Member": func() { shape.Root().Member("a") },
		"Under":  func() { shape.Root().Under("z") },
		"First":  func() { known.First() },
		"Slot":   func() { shape.Root().Slot() },
		"All":    func() { known.All() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s changed a sealed shape", name)
				}
			}()
			ask()
		}()
	}
}

func TestASealedShapeServesManyGoroutines(t *testing.T) {
	shape, line := observationShape(), observationLine()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var p tape.Tape
			for range 50 {
				if err := p.Parse(line, shape); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
