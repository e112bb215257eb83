package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/door"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// A described operation, as /api/openapi.json has it.
type described struct {
	id, method, path string
	Parameters       []struct {
		Name, In string
		Schema   map[string]any
	}
	RequestBody *struct{ Required bool }
	Responses   map[string]struct {
		Content map[string]struct{ Schema map[string]any }
	}
}

// description reads what the API says of itself.
func description(t *testing.T, v *visitor) (operations []described, schemas map[string]any) {
	t.Helper()
	var d struct {
		OpenAPI    string
		Paths      map[string]map[string]json.RawMessage
		Components struct{ Schemas map[string]any }
	}
	got := v.get("/api/openapi.json")
	if err := json.Unmarshal([]byte(got.body), &d); err != nil || !strings.HasPrefix(d.OpenAPI, "3.1.") {
		t.Fatalf("%q, %v", d.OpenAPI, err)
	}
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for method, text := range d.Paths[path] {
			op := described{path: path, method: strings.ToUpper(method)}
			var named struct{ OperationID string }
			if err := json.Unmarshal(text, &op); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &named); err != nil {
				t.Fatal(err)
			}
			op.id = named.OperationID
			operations = append(operations, op)
		}
	}
	return operations, d.Components.Schemas
}

// A verifier compares JSON with a schema, as far as the API's schemas go; what
// it does not know in one is a fault.
type verifier struct{ schemas map[string]any }

func (v verifier) faults(at string, schema map[string]any, value any) (list []string) {
	if ref, ok := schema["$ref"].(string); ok {
		named, ok := v.schemas[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)
		if !ok {
			return []string{at + ": there is no " + ref}
		}
		return v.faults(at, named, value)
	}
	kinds, many := schema["type"].([]any)
	if kind, ok := schema["type"].(string); ok && !many {
		kinds = []any{kind}
	}
	if schema["type"] != nil && !slices.ContainsFunc(kinds, func(k any) bool { return isKind(value, k) }) {
		return []string{fmt.Sprintf("%s: %v is not of %v", at, value, kinds)}
	}
	for word, says := range schema {
		if value == nil {
			break
		}
		switch word {
		case "type", "description", "examples", "readOnly", "contentEncoding":
		case "enum":
			if !slices.Contains(says.([]any), value) {
				list = append(list, fmt.Sprintf("%s: %v is not one of %v", at, value, says))
			}
		case "format":
			if _, err := time.Parse(time.RFC3339, fmt.Sprint(value)); says == "date-time" && err != nil {
				list = append(list, at+": "+err.Error())
			}
		case "items":
			for i, one := range value.([]any) {
				list = append(list, v.faults(fmt.Sprintf("%s[%d]", at, i), says.(map[string]any), one)...)
			}
		case "required":
			for _, name := range says.([]any) {
				if _, ok := value.(map[string]any)[name.(string)]; !ok {
					list = append(list, fmt.Sprintf("%s: it is without %s", at, name))
				}
			}
		case "properties":
			for name, one := range value.(map[string]any) {
				member, ok := says.(map[string]any)[name].(map[string]any)
				if !ok {
					if schema["additionalProperties"] == false {
						list = append(list, at+": it has a member "+name)
					}
					continue
				}
				list = append(list, v.faults(at+"."+name, member, one)...)
			}
		case "additionalProperties":
			if members, ok := says.(map[string]any); ok {
				for name, one := range value.(map[string]any) {
					list = append(list, v.faults(at+"."+name, members, one)...)
				}
			}
		default:
			list = append(list, fmt.Sprintf("%s: the verifier does not know %q", at, word))
		}
	}
	return list
}

func isKind(value, kind any) bool {
	switch value := value.(type) {
	case nil:
		return kind == "null"
	case string:
		return kind == "string"
	case bool:
		return kind == "boolean"
	case float64:
		return kind == "number" || kind == "integer" && value == float64(int64(value))
	case []any:
		return kind == "array"
	default:
		return kind == "object"
	}
}

// checkAnswer demands that an answer is documented and as it is documented.
func (op described) checkAnswer(t *testing.T, v verifier, got got, want string) {
	t.Helper()
	status := fmt.Sprint(got.code)
	if want != "default" && status != want {
		t.Errorf("%s: status %s, want %s: %s", op.id, status, want, got.body)
		return
	}
	answer, ok := op.Responses[want]
	if !ok {
		t.Errorf("%s: the status %s is not documented", op.id, want)
		return
	}
	if len(answer.Content) == 0 && got.body == "" {
		return
	}
	kind, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	content, ok := answer.Content[kind]
	if !ok {
		t.Errorf("%s: a %s is not documented of %s", op.id, kind, want)
		return
	}
	var value any
	if err := json.Unmarshal([]byte(got.body), &value); err != nil {
		t.Errorf("%s: %v", op.id, err)
		return
	}
	for _, fault := range v.faults(want, content.Schema, value) {
		t.Errorf("%s: %s", op.id, fault)
	}
}

// askings are the bodies of operations that are done as they are meant.
var askings = map[string]string{
	"start-export": `{"full":true}`, "replay-export": `{}`, "acknowledge-alert": `{"for":"3d"}`, "pause-practice": `{"reason":"they move"}`, "unpause-practice": `{}`,
}

// ask sends a request of an operation to riverbend, with what replaces parts of
// its path.
func (op described) ask(v *visitor, o *town, body string, instead ...string) got {
	fill := strings.NewReplacer(append(instead, "{tenant}", "riverbend", "{export}", o.newest, "{request}", "1", "{alert}", "2")...)
	kind := ""
	if body != "" {
		kind = "application/json"
	}
	return v.ask(op.method, fill.Replace(op.path), kind, body)
}

// Every answer that the API documents is given, and is as it is documented.
func TestAnswersAreAsTheAPIDescribesThem(t *testing.T) {
	o := newTown(t)
	may, boss := o.person("olga", "operator", "privacy_officer"), o.person("boss", "admin")
	boss.post("/people", "id", "cleo", "grants", "operator", "password", password, "again", password)
	unsettled := o.visit()
	unsettled.post("/sign-in", "name", "cleo", "password", password)
	o.work.begun = func(string) (string, error) { return o.newest, nil }
	operations, schemas := description(t, may)
	check := verifier{schemas}
	for _, op := range operations {
		told := 0
		for status := range op.Responses {
			told++
			switch status {
			case "200", "202", "204":
				op.checkAnswer(t, check, op.ask(may, o, askings[op.id]), status)
			case "400":
				op.checkAnswer(t, check, op.ask(may, o, `{"reason":`), status)
			case "401":
				op.checkAnswer(t, check, op.ask(o.visit(), o, askings[op.id]), status)
			case "403":
				op.checkAnswer(t, check, op.ask(unsettled, o, askings[op.id]), status)
			case "404":
				op.checkAnswer(t, check, op.ask(may, o, askings[op.id], "{tenant}", "nowhere"), status)
			case "409":
				o.work.refuse = problem.New(problem.Usage, "it cannot be done now", "Wait.").For("riverbend")
				op.checkAnswer(t, check, op.ask(may, o, askings[op.id]), status)
				o.work.refuse = nil
			case "413":
				op.checkAnswer(t, check, op.ask(may, o, `{"reason":"`+strings.Repeat("x", door.MaxBody)+`"}`), status)
			case "415":
				fill := strings.NewReplacer("{tenant}", "riverbend", "{export}", o.newest, "{alert}", "2")
				op.checkAnswer(t, check, may.ask(op.method, fill.Replace(op.path), "text/plain", "{}"), status)
			case "422":
				op.checkAnswer(t, check, op.wrong(may, o), status)
			case "default":
			default:
				t.Errorf("%s: nothing here provokes status %s", op.id, status)
			}
		}
		if told < 4 {
			t.Errorf("%s: only %d answers are documented", op.id, told)
		}
	}
	if len(operations) < 20 {
		t.Errorf("only %d operations", len(operations))
	}
	o.store.Close() // and now bulkhead is at fault
	for _, op := range operations {
		got := op.ask(may, o, askings[op.id])
		if got.code != http.StatusInternalServerError && got.code != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d without a ledger", op.id, got.code)
		}
		op.checkAnswer(t, check, got, "default")
	}
}

// wrong sends something that the operation's own description forbids.
func (op described) wrong(v *visitor, o *town) got {
	if op.RequestBody != nil {
		return op.ask(v, o, `{"no-such-member":1}`)
	}
	for _, p := range op.Parameters {
		bad := ""
		switch {
		case p.Schema["maxLength"] != nil:
			bad = strings.Repeat("x", int(p.Schema["maxLength"].(float64))+1)
		case p.Schema["type"] == "integer" || p.Schema["format"] == "date-time":
			bad = "x"
		}
		switch {
		case bad == "" || p.Name == "tenant":
		case p.In == "query":
			fill := strings.NewReplacer("{tenant}", "riverbend", "{export}", o.newest)
			return v.get(fill.Replace(op.path) + "?" + p.Name + "=" + bad)
		default:
			return op.ask(v, o, "", "{"+p.Name+"}", bad)
		}
	}
	v.Errorf("%s: nothing of it can be wrong", op.id)
	return got{}
}

// A schema that says the wrong thing, or too little, must not pass.
func TestTheVerifierSeesWhatIsWrong(t *testing.T) {
	schema := map[string]any{
		"type": "object", "additionalProperties": false, "required": []any{"at"},
		"properties": map[string]any{"at": map[string]any{"type": "string", "format": "date-time"}, "n": map[string]any{"type": []any{"integer", "null"}}},
	}
	for text, want := range map[string]int{
		`{"at":"2026-01-01T00:00:00Z","n":null}`: 0, `{"at":"2026-01-01T00:00:00Z","n":3}`: 0,
		`{"n":1}`: 1, `{"at":"yesterday"}`: 1, `{"at":"2026-01-01T00:00:00Z","n":1.5}`: 1, `{"at":"2026-01-01T00:00:00Z","more":1}`: 1, `[]`: 1,
	} {
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		if got := (verifier{}).faults("it", schema, value); len(got) != want {
			t.Errorf("%s: faults %q, want %d", text, got, want)
		}
	}
	if got := (verifier{}).faults("it", map[string]any{"pattern": "x"}, "y"); len(got) != 1 {
		t.Errorf("a word that is not known passes: %q", got)
	}
}
