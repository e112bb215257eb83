package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestEveryQuirkHasAKnob(t *testing.T) {
	known := map[string]bool{}
	for _, k := range KnobTexts() {
		for _, quirk := range k.Quirks {
			known[quirk] = true
		}
	}
	for _, a := range ActionTexts() {
		if _, after, ok := strings.Cut(a.Does, "quirk "); ok {
			known[strings.FieldsFunc(after, func(r rune) bool { return r == ' ' || r == ')' })[0]] = true
		}
	}
	for letter, n := range map[string]int{"K": 14, "P": 14, "M": 12, "D": 11, "N": 14, "A": 8} {
		for i := range n {
			if quirk := fmt.Sprint(letter, i+1); !known[quirk] {
				t.Errorf("nothing plays quirk %s", quirk)
			}
			delete(known, fmt.Sprint(letter, i+1))
		}
	}
	if len(known) > 0 {
		t.Errorf("there are no quirks %v", known)
	}
}

func TestEveryKnobSaysWhatItDoes(t *testing.T) {
	names := map[string]bool{}
	for _, k := range KnobTexts() {
		if k.Does == "" || k.Values == "" || names[k.Name] {
			t.Errorf("knob %q: %+v", k.Name, k)
		}
		names[k.Name] = true
	}
	for _, want := range []string{"duplicate", "retryAfter", "token.expiresIn", "rate", "faults", "filesPer", "file", "bad"} {
		if !names[want] {
			t.Errorf("knob %s is not listed", want)
		}
	}
}

func TestEveryActionSaysWhatItDoes(t *testing.T) {
	for _, a := range actions {
		if !slices.ContainsFunc(ActionTexts(), func(text ActionText) bool { return text.Name == a && text.Does != "" }) {
			t.Errorf("action %s is not listed", a)
		}
	}
	if got := FaultMembers(); !slices.Contains(got, "atByte") || slices.Contains(got, "") {
		t.Errorf("members %v", got)
	}
	if got := FaultKinds(); slices.Contains(got, "") || !slices.Contains(got, KindToken) {
		t.Errorf("kinds %v", got)
	}
}

func TestEveryPresetSaysWhatItIs(t *testing.T) {
	for _, p := range PresetTexts() {
		if p.Name == "" || p.Does == "" || strings.HasPrefix(p.Does, "dialect") {
			t.Errorf("preset %+v", p)
		}
	}
	for want := range strings.FieldsSeq("standard standard-stu1 standard-stu3 standard-stu4 ecw epic oracle-millennium athena nextgen veradigm " +
		"bcda ab2d dpc hapi azure healthlake firely medplum smart-reference") {
		if !slices.Contains(PresetNames(), want) {
			t.Errorf("there is no preset %s", want)
		}
	}
}
