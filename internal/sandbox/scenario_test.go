package sandbox

import (
	"strings"
	"testing"
	"time"
)

func TestAScenarioIsAWholeSandbox(t *testing.T) {
	s, err := ReadScenario([]byte(`
timeScale: 60
token: {life: 1h}
practices:
  - code: ABCDEF
    name: Hillside
    preset: ecw
    patients: 3
    knobs:
      takes: 5m
      faults:
        - {on: poll, do: reset}
    faults:
      - {on: kickoff, times: 1, do: lost}
  - code: lake
    open: true
    patients: 2
    groups: [{id: g1, name: some}]
    knobs: {retryAfter: date}
`))
	if err != nil {
		t.Fatal(err)
	}
	first, second := s.Practices[0], s.Practices[1]
	switch {
	case s.TimeScale != 60 || s.Token.Life != time.Hour || len(s.Practices) != 2:
		t.Errorf("scenario %+v", s)
	case first.Profile != ProfileECW || first.Name != "Hillside" || first.Knobs.Takes != 5*time.Minute || first.Knobs.Rate != 250:
		t.Errorf("first practice %+v", first)
	case len(first.Knobs.Faults) != 2 || first.Knobs.Faults[1].Do != ActionLost || len(first.Groups) != 1:
		t.Errorf("first practice %+v", first)
	case second.Profile != ProfileStandard || !second.Open || second.Knobs.RetryText != "date" || second.Groups[0].ID != "g1":
		t.Errorf("second practice %+v", second)
	}
	if _, c := play(t, Config{Plain: true, Practices: s.Practices, Token: s.Token, TimeScale: s.TimeScale}); c == nil {
		t.Error("it does not start")
	}
}

func TestAScenarioThatIsUnknownIsAnError(t *testing.T) {
	for text, want := range map[string]string{
		"practices: []":                                    "no practice",
		"practice: [{code: A}]":                            "practice",
		"practices: [{code: A, preset: spaceship}]":        "spaceship",
		"practices: [{code: A, knobs: {takes: soon}}]":     "soon",
		"practices: [{code: A, knobs: {tokens: 1}}]":       "tokens",
		"practices: [{code: 'a/b'}]":                       "code",
		"practices: [{code: A, faults: [{do: explode}]}]":  "explode",
		"practices: [{code: A, preset: ecw, open: true}]":  "open",
		"{token: {lives: 1s}, practices: [{code: A}]}":     "lives",
		"{token: {jwks: stolen}, practices: [{code: A}]}":  "stolen",
		"practices: [{code: A, knobs: {duplicate: 3}}]":    "duplicate",
		"practices: [{code: A, knobs: {dialect: stu9}}]":   "stu9",
		"practices: [{code: A, knobs: {minPoll: -1s}}]":    "negative",
		"practices: [{code: A, knobs: {patientOnly: 99}}]": "99",
	} {
		if _, err := ReadScenario([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one about %s", text, err, want)
		}
	}
}

func TestEveryPresetCanBePlayed(t *testing.T) {
	for _, name := range PresetNames() {
		k, err := PresetKnobs(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p := openPractice(quick(k))
		if p.Profile = PresetProfile(name); p.Profile == ProfileECW {
			p.Open, p.Groups[0].Identifier = false, ""
		}
		srv, c := play(t, Config{Plain: true, Practices: []Practice{p}})
		base := srv.Practice("open").Base()
		if !p.Open {
			c.login(base, ecwScope)
		}
		var status string
		if k.Dialect == STU4 {
			status = c.postParameters(base+"/Group/g1/$export", parametersOf()).Header.Get("Content-Location")
		} else {
			status = c.kickoff(base, "/Group/g1/$export")
		}
		srv.Practice("open").Set(func(k *Knobs) { k.MinPoll = 0 })
		m := c.wait(status)
		if len(m.Output) == 0 {
			t.Errorf("%s: nothing is exported", name)
		}
	}
	if _, err := PresetKnobs("../presets"); err == nil {
		t.Error("a preset outside of the presets")
	}
}

func TestPresetsSayWhereTheyAreKnownFrom(t *testing.T) {
	for _, name := range PresetNames() {
		text, err := PresetText(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "standard") {
			continue
		}
		for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			if i > 0 && !strings.Contains(line, "DOC") && !strings.Contains(line, "REP") && !strings.Contains(line, "GUESS") && quirky(line) {
				t.Errorf("%s: nobody knows why: %s", name, line)
			}
		}
	}
}

// quirky reports whether a line of a preset sets something that a server's own
// defaults would not.
func quirky(line string) bool {
	switch strings.TrimSpace(line) {
	case "token:", "post: false", "deletions: false", "ranges: false", "gzip: false":
		return false
	}
	return true
}
