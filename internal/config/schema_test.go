package config

import (
	"bytes"
	"encoding"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// A node is a JSON Schema.
type node = map[string]any

func ref(name string) node { return node{"$ref": "#/$defs/" + name} }

// valueTypes are the schemas of values that are written as text.
var valueTypes = map[string]node{
	"text": {"type": []string{"string", "number"}},
	"Duration": {
		"description": "A duration such as 90s, 36h, 30d, 2w or 1d12h.",
		"anyOf":       []node{{"type": "string", "pattern": `^([0-9]+w)?([0-9]+d)?([0-9.]+(ns|us|µs|ms|s|m|h))*$`, "minLength": 1}, {"const": 0}},
	},
	"Moment": {
		"description": "A date, or a FHIR instant. A date means midnight in the tenant's time zone.",
		"type":        "string", "pattern": `^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2}))?$`,
	},
	"Size": {
		"description": "A size such as 500kB, 20MiB or a number of bytes.",
		"anyOf":       []node{{"type": "string", "pattern": `^[0-9]+ *(B|kB|KB|MB|GB|KiB|MiB|GiB)?$`}, {"type": "integer", "minimum": 1}},
	},
	"Cadence": {
		"description": "A duration such as 30d, or a cron expression of five fields.",
		"type":        "string", "minLength": 1,
	},
	"Window": {
		"description": "A time of the week such as mon-fri 08:00-18:00, or once, from an instant to another.",
		"type":        "string", "pattern": `^([A-Za-z,-]+ +)?[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}( +[A-Za-z0-9_+/-]+)?$|^[0-9T:.-]+(Z|[+-][0-9]{2}:[0-9]{2})/[0-9T:.-]+(Z|[+-][0-9]{2}:[0-9]{2})$`,
	},
}

// A drawer makes the schema of types, each once.
type drawer struct {
	comments map[string][][2]string
	defs     node
}

// of gives the schema of a field's type; words is the field's tag.
func (d *drawer) of(t reflect.Type, words string) node {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		d.defs[t.Name()] = valueTypes[t.Name()]
		return ref(t.Name())
	}
	switch t.Kind() {
	case reflect.Pointer:
		return d.of(t.Elem(), words)
	case reflect.Struct:
		d.object(t)
		return ref(t.Name())
	case reflect.Slice:
		item := d.of(t.Elem(), words)
		list := node{"type": "array", "items": item}
		if t.Elem().Kind() == reflect.Struct && valueTypes[t.Elem().Name()] == nil {
			return list
		}
		return node{"anyOf": []node{item, list}}
	case reflect.Map:
		m := node{"type": "object", "additionalProperties": d.of(t.Elem(), "")}
		if t.Elem().Kind() == reflect.String {
			m["additionalProperties"] = node{"type": []string{"string", "number", "null"}}
		}
		if words != "" {
			m["propertyNames"] = node{"enum": strings.Fields(words)}
		}
		return m
	case reflect.Bool:
		return node{"type": "boolean"}
	case reflect.Int:
		return node{"type": "integer"}
	}
	if words != "" {
		return node{"enum": strings.Fields(words)}
	}
	d.defs["text"] = valueTypes["text"]
	return ref("text")
}

func (d *drawer) object(t reflect.Type) {
	if d.defs[t.Name()] != nil {
		return
	}
	properties, needed := node{}, []string{}
	d.defs[t.Name()] = node{"type": "object", "additionalProperties": false, "properties": properties}
	described := map[string]string{}
	for _, row := range d.comments[t.Name()] {
		described[row[0]] = strings.ReplaceAll(row[1], `\|`, "|")
	}
	for f := range t.Fields() {
		name := f.Tag.Get("yaml")
		if name == "" {
			continue
		}
		property := d.of(f.Type, f.Tag.Get("words"))
		text := described[name]
		if text != "" {
			text = strings.ToUpper(text[:1]) + text[1:]
		}
		if strings.HasSuffix(text, " Needed.") {
			needed = append(needed, name)
		}
		property["description"] = text
		properties[name] = property
	}
	if len(needed) > 0 {
		d.defs[t.Name()].(node)["required"] = needed
	}
}

func TestTheSchemaIsPrintedFromTheFields(t *testing.T) {
	t.Parallel()
	d := drawer{comments: fieldComments(t), defs: node{}}
	d.of(reflect.TypeFor[Config](), "")
	var b bytes.Buffer
	w := json.NewEncoder(&b)
	w.SetEscapeHTML(false)
	w.SetIndent("", " ")
	if err := w.Encode(node{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Bulkhead configuration", "$ref": "#/$defs/" + WholeFile, "$defs": d.defs,
	}); err != nil {
		t.Fatal(err)
	}
	golden(t, "schema.json is not what the fields say", "schema.json", b.String())
	golden(t, "docs/config.schema.json is not the schema", filepath.Join("..", "..", "docs", "config.schema.json"), b.String())
	golden(t, "docs/tenant.schema.json is not the schema", filepath.Join("..", "..", "docs", "tenant.schema.json"), rooted(b.String(), TenantFile))
}

func TestEveryFieldIsInTheSchema(t *testing.T) {
	t.Parallel()
	var whole struct {
		Defs map[string]struct {
			Properties map[string]struct{ Description string }
		} `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(Schema(WholeFile)), &whole); err != nil {
		t.Fatal(err)
	}
	seen := 0
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(typ.Elem())
		case reflect.Struct:
			for f := range typ.Fields() {
				name := f.Tag.Get("yaml")
				if name == "" {
					continue
				}
				seen++
				if len(whole.Defs[typ.Name()].Properties[name].Description) < 5 {
					t.Errorf("%s.%s is not described in the schema", typ.Name(), name)
				}
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
	if seen < 150 {
		t.Errorf("only %d fields were looked for", seen)
	}
}

func TestTheSchemaAcceptsWhatIsGoodAndRefusesWhatIsNot(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile(filepath.Join("..", "..", "docs", "examples", "bulkhead.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	many := fleet(t, 1)
	tenant, err := os.ReadFile(filepath.Join(filepath.Dir(many), "tenants", "p000.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ kind, text string }{
		{WholeFile, string(example)},
		{WholeFile, good},
		{WholeFile, twoPractices},
		{TenantFile, string(tenant)},
		{WholeFile, strings.NewReplacer("TENANT", "purposes: quality", "AGREEMENT", "retention: {raw: 0, staged: 1d12h}").Replace(withAgreement)},
	} {
		if faults := faultsOf(t, c.kind, c.text); len(faults) > 0 {
			t.Errorf("refused: %v\n%s", faults, c.text)
		}
	}
	for replace, want := range map[string]string{
		"id: practice-000|idd: practice-000":      "idd",
		"id: practice-000|":                       "required",
		"status: active|status: signed":           "status",
		"notice: 60d|notice: sixty":               "notice",
		"{quality:|{profit:":                      "purposes",
		"effective_from: 2026|effective_from: 26": "effective_from",
		"who: us|who: them":                       "who",
		"auto_renew: true|auto_renew: yes":        "auto_renew",
		"types: [Patient|types: [{a: b}":          "types",
		"  reference:|  refference:":              "refference",
	} {
		before, after, _ := strings.Cut(replace, "|")
		text := strings.Replace(string(tenant), before, after, 1)
		if faults := faultsOf(t, TenantFile, text); !strings.Contains(strings.Join(faults, " "), want) {
			t.Errorf("%s is not refused: %v", replace, faults)
		}
		if _, err := Parse("bulkhead.yaml", []byte("registrations: {vendor: {profile: ecw, client_id: c, key_env: K}}\nsinks: {tables: {kind: duckdb, file: f}, lake: {kind: parquet, folder: f}}\ntenants:\n  - "+
			strings.ReplaceAll(text, "\n", "\n    "))); err == nil {
			t.Errorf("%s is refused by the schema and loads", replace)
		}
	}
}

// faultsOf gives the fields of a text that the schema of its kind refuses.
func faultsOf(t *testing.T, kind, text string) []string {
	t.Helper()
	var whole node
	if err := json.Unmarshal([]byte(Schema(kind)), &whole); err != nil {
		t.Fatal(err)
	}
	converted, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(converted, &value); err != nil {
		t.Fatal(err)
	}
	v := validator{t: t, defs: whole["$defs"].(node)}
	v.check("", whole, value)
	slices.Sort(v.faults)
	return v.faults
}
