package tape_test

import (
	"bytes"
	"errors"
	"strconv"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/tape"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// FuzzParse holds the tape against another strict JSON implementation: both
// accept or both refuse, and the values are equal.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"a":1}`, `[1,2.5e3,-0,"x",null,true,false]`, `{"a":{"b":[{}]},"\u0061":2}`, `"\ud83d\ude00"`, `"\ud83d"`,
		"\"\xff\"", `{"a":1,"a":2}`, ` [ ] `, `01`, `{"id":"x","name":[{"given":["a\n","ü"]}]}`, string(observationLine()),
	} {
		f.Add([]byte(s))
	}
	everything := tape.NewShape()
	everything.Root().All()
	some := observationShape()
	f.Fuzz(func(t *testing.T, line []byte) {
		var want any
		wantErr := json.Unmarshal(line, &want, json.WithUnmarshalers(numbersAsText))
		for _, shape := range []*tape.Shape{everything, some, nil} {
			var p tape.Tape
			err := p.Parse(line, shape)
			if e, ok := errors.AsType[*tape.SyntaxError](err); ok && e.Reason == tape.ReasonDepth {
				continue
			}
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("tape says %v, json/v2 says %v", err, wantErr)
			}
			if err == nil && shape == everything {
				if diff := cmp.Diff(want, decode(t, &p, 0)); diff != "" {
					t.Fatalf("values (-json +tape):\n%s", diff)
				}
			}
		}
	})
}

type number string

var numbersAsText = json.UnmarshalFromFunc(func(d *jsontext.Decoder, v *any) error {
	if d.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	x, err := d.ReadValue()
	*v = number(x)
	return err
})

// decode makes of a node what Unmarshal makes of its text. Names are read from
// the text, because a shape numbers only those it knows.
func decode(t *testing.T, p *tape.Tape, n int32) any {
	x := p.Node(n)
	switch x.Kind {
	case tape.Null:
		return nil
	case tape.True, tape.False:
		return x.Kind == tape.True
	case tape.Number:
		return number(p.Text(n))
	case tape.String:
		return string(p.Text(n))
	case tape.Array:
		list := []any{}
		for c := n + 1; c < x.Next; c = p.Node(c).Next {
			list = append(list, decode(t, p, c))
		}
		return list
	}
	members := map[string]any{}
	d := jsontext.NewDecoder(bytes.NewReader(p.Raw(n)))
	if _, err := d.ReadToken(); err != nil {
		t.Fatal(err)
	}
	for c := n + 1; c < x.Next; c = p.Node(c).Next {
		name, err := d.ReadToken()
		if err != nil {
			t.Fatal(err)
		}
		members[name.String()] = decode(t, p, c)
		if err := d.SkipValue(); err != nil {
			t.Fatal(err)
		}
	}
	return members
}

// TestMutatedLinesAgreeWithAnotherImplementation is the fuzz target's work
// without its engine: single bytes of real lines replaced, dropped and doubled.
func TestMutatedLinesAgreeWithAnotherImplementation(t *testing.T) {
	line := observationLine()
	shape := observationShape()
	alphabet := []byte("\"\\{}[],:0-.eut \x00\x1f\xc3\xbc\xff")
	var p tape.Tape
	refused := 0
	for i := range line {
		for j, c := range alphabet {
			m := bytes.Clone(line)
			switch j {
			case 0:
				m = append(m[:i], m[i+1:]...)
			case 1:
				m = append(m[:i+1], line[i:]...)
			case 2:
				m = m[:i]
			default:
				m[i] = c
			}
			err := p.Parse(m, shape)
			if want := jsontext.Value(m).IsValid(); (err == nil) != want {
				t.Fatalf("byte %d, mutation %s: tape says %v, jsontext valid = %t", i, strconv.Itoa(j), err, want)
			}
			if err != nil {
				refused++
			}
		}
	}
	if refused < len(line) {
		t.Errorf("only %d mutations were refused", refused)
	}
}
