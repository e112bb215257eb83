package sandbox

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// A KnobText describes one knob. It is made of the tags of the knobs' fields:
//
//	Pages int `yaml:"pages" quirk:"P12" values:"N" does:"cuts the manifest into N pages"`
//
// where quirk names the quirks of real servers that the knob plays (K1 to A8,
// separated by blanks) and values is left out where the type says it all.
type KnobText struct {
	Name   string   `json:"name"` // as in YAML; token.life for a knob of the token endpoint
	Quirks []string `json:"quirks,omitempty"`
	Values string   `json:"values"`
	Does   string   `json:"does"`
}

// KnobTexts describes every knob, in the order of the Knobs type.
func KnobTexts() []KnobText { return textsOf(reflect.TypeFor[Knobs](), "") }

// tagged is a struct whose fields a file of knobs may set and whose names
// stand below the name of the field that holds it.
var tagged = []reflect.Type{reflect.TypeFor[TokenKnobs]()}

func textsOf(t reflect.Type, prefix string) []KnobText {
	var texts []KnobText
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case f.Anonymous:
			texts = append(texts, textsOf(f.Type, prefix)...)
		case name == "-" || name == "":
		case slices.Contains(tagged, f.Type):
			texts = append(texts, textsOf(f.Type, name+".")...)
		default:
			texts = append(texts, KnobText{
				Name:   prefix + name,
				Quirks: strings.Fields(f.Tag.Get("quirk")),
				Values: valuesOf(f),
				Does:   f.Tag.Get("does"),
			})
		}
	}
	return texts
}

// valuesOf says what a knob may be set to.
func valuesOf(f reflect.StructField) string {
	if values := f.Tag.Get("values"); values != "" {
		return values
	}
	switch {
	case f.Type == reflect.TypeFor[time.Duration]():
		return "duration"
	case f.Type.Kind() == reflect.Bool:
		return "true|false"
	case f.Type.Kind() == reflect.Int || f.Type.Kind() == reflect.Int64:
		return "N"
	case f.Type.Kind() == reflect.Slice:
		return "list"
	case f.Type.Kind() == reflect.Map:
		return "map"
	}
	return "text"
}

// An ActionText describes one action of faults.
type ActionText struct {
	Name Action `json:"name"`
	Does string `json:"does"`
}

// ActionTexts describes what a fault may do.
func ActionTexts() []ActionText { return slices.Clone(actionTexts) }

var actionTexts = []ActionText{
	{ActionStatus, "answers status (500 when not set) with an OperationOutcome"},
	{ActionReset, "breaks the connection: at once, or after atByte bytes"},
	{ActionTruncate, "ends the body after atByte bytes as if it were whole"},
	{ActionHang, "answers nothing until the client or the server gives up; with atByte, after that many bytes"},
	{ActionLost, "does what was asked and breaks the connection instead of answering, or answers status in its place (quirk K5 for a kick-off)"},
	{ActionGone, "answers 404 as if the thing had never been"},
	{ActionStall, "sends the body, after atByte bytes, one byte at a time with pace between two of them"},
	{ActionSlow, "sends rate bytes of the body in a second"},
	{ActionWrongLength, "claims atByte bytes in Content-Length and ends there; without atByte, claims more than comes"},
	{ActionGarbage, "answers bytes that are nothing: 200, or status"},
	{ActionHTML, "answers a web page: 502, or status (quirk P13 for a poll)"},
}

// FaultMembers are the names of a fault's members in YAML.
func FaultMembers() []string {
	var names []string
	for f := range reflect.TypeFor[Fault]().Fields() {
		names = append(names, f.Tag.Get("yaml"))
	}
	return names
}

// FaultKinds are the kinds of requests that a fault may be for.
func FaultKinds() []Kind {
	return slices.DeleteFunc(slices.Clone(kinds), func(k Kind) bool { return k == "" })
}

// A PresetSummary describes one preset.
type PresetSummary struct {
	Name string `json:"name"`
	Does string `json:"does"` // the first line of its file
}

// PresetTexts describes every preset.
func PresetTexts() []PresetSummary {
	var all []PresetSummary
	for _, name := range PresetNames() {
		text, err := PresetText(name)
		if err != nil {
			panic(err) // a mistake in this package
		}
		first, _, _ := strings.Cut(string(text), "\n")
		all = append(all, PresetSummary{name, strings.TrimPrefix(first, "# ")})
	}
	return all
}
