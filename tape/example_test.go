package tape_test

import (
	"fmt"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

func Example() {
	shape := tape.NewShape()
	shape.Root().Member("id")
	shape.Root().Member("name").Member("family")
	id, name, family := shape.Key("id"), shape.Key("name"), shape.Key("family")

	var t tape.Tape
	line := []byte(`{"resourceType":"Patient","id":"1","name":[{"family":"O\u0027Hara"},{"family":"Lee"}]}`)
	if err := t.Parse(line, shape); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", t.Text(t.Member(0, id)))
	names := t.Member(0, name)
	for n := names + 1; n < t.Node(names).Next; n = t.Node(n).Next {
		fmt.Printf("%s\n", t.Text(t.Member(n, family)))
	}
	// Output:
	// 1
	// O'Hara
	// Lee
}

func ExampleWant_Slot() {
	shape := tape.NewShape()
	family := shape.Root().Under("name").Under("family").Slot()
	given := shape.Root().Under("name").First().Under("given").Slot()

	var t tape.Tape
	for _, line := range []string{
		`{"name":[{"family":"Hara"},{"given":["Kim"]}]}`,
		`{"name":[{"family":"Lee","given":["Kim","B."]},{"family":"Ray"}]}`,
	} {
		if err := t.Parse([]byte(line), shape); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("family %q, more: %t; given %q, more: %t\n",
			t.SlotText(family), t.Slot(family).Many, t.SlotText(given), t.Slot(given).Many)
	}
	// Output:
	// family "Hara", more: false; given "", more: false
	// family "Lee", more: true; given "Kim", more: true
}

func ExampleSyntaxError() {
	var t tape.Tape
	fmt.Println(t.Parse([]byte(`{"id":"1","id":"2"}`), nil))
	// Output: invalid JSON at byte 11: duplicate_key
}
