package sandbox

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestKnobsAreLaidOverThePreset(t *testing.T) {
	practices := []Practice{ecwPractice(nil), openPractice(nil)}
	err := ApplyKnobs([]byte(`
ABCDEF:
  takes: 5m
  rate: 10
  progress: [0, 50]
  token: {life: 1h}
  bad:
    - {type: Patient, file: 1, broken: 2, noId: 1}
  faults:
    - {on: file, type: Observation, after: 3, do: reset, atByte: 1000}
    - on: poll
      do: status
      status: 503
`), practices)
	if err != nil {
		t.Fatal(err)
	}
	want := ECW()
	want.Takes, want.Rate, want.Progress, want.Token.Life = 5*time.Minute, 10, []string{"0", "50"}, time.Hour
	want.Bad = []BadLines{{Type: "Patient", File: 1, Broken: 2, NoID: 1}}
	want.Faults = []Fault{
		{On: KindFile, Type: "Observation", After: 3, Do: ActionReset, AtByte: 1000},
		{On: KindPoll, Do: ActionStatus, Status: 503},
	}
	if diff := cmp.Diff(&want, practices[0].Knobs); diff != "" {
		t.Errorf("knobs (-want +got):\n%s", diff)
	}
	if practices[1].Knobs != nil {
		t.Error("another practice was changed")
	}
}

func TestKnobsThatAreUnknownAreErrors(t *testing.T) {
	for text, want := range map[string]string{
		"ABCDEF: {take: 5m}":                                 "take",
		"ABCDEF: {token: {lives: 1h}}":                       "lives",
		"ABCDEF: {faults: [{onn: x}]}":                       "onn",
		"NOBODY: {takes: 5m}":                                "NOBODY",
		"ABCDEF: {takes: soon}":                              "soon",
		"open: {rate: 1}\nABCDEF: [1]":                       "ABCDEF",
		"ABCDEF: {faults: [{do: explode}]}":                  "explode",
		"ABCDEF: {faults: [{on: x, do: hang}]}":              "x",
		"ABCDEF: {faults: [{do: status, status: 7}]}":        "7",
		"ABCDEF: {duplicate: twice}":                         "twice",
		"ABCDEF: {gone: away}":                               "away",
		"ABCDEF: {access: none}":                             "none",
		"ABCDEF: {levels: [planet]}":                         "planet",
		"ABCDEF: {rate: -1}":                                 "negative",
		"ABCDEF: {noGroupStatus: 200}":                       "200",
		"ABCDEF: {token: {algorithms: [HS256]}}":             "HS256",
		"ABCDEF: {token: {faults: [{after: -1, do: hang}]}}": "negative",
		"- just: a list":                                     "knobs",
	} {
		practices := []Practice{ecwPractice(nil), openPractice(nil)}
		err := ApplyKnobs([]byte(text), practices)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one about %s", text, err, want)
		}
		if practices[0].Knobs != nil || practices[1].Knobs != nil {
			t.Errorf("%s: something was changed", text)
		}
	}
}
