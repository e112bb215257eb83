package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
)

// A Scenario is a whole sandbox as one file says it: which practices there
// are, like whose servers they behave, and what goes wrong.
type Scenario struct {
	TimeScale float64
	Token     *TokenKnobs // nil leaves the shared token endpoint to the practices
	Practices []Practice
}

// scenarioFile is the YAML of a Scenario.
type scenarioFile struct {
	TimeScale float64            `yaml:"timeScale"`
	Token     *yamlKnobs         `yaml:"token"`
	Practices []scenarioPractice `yaml:"practices"`
}

type scenarioPractice struct {
	Code     string          `yaml:"code"`
	Name     string          `yaml:"name"`
	Preset   string          `yaml:"preset"` // standard when empty
	Open     bool            `yaml:"open"`
	Patients int             `yaml:"patients"` // 200 when 0
	Seed     uint64          `yaml:"seed"`     // 1 when 0
	Groups   []scenarioGroup `yaml:"groups"`   // one of everybody when empty
	Knobs    yamlKnobs       `yaml:"knobs"`
	Faults   []Fault         `yaml:"faults"` // after those of knobs
}

type scenarioGroup struct {
	ID         string `yaml:"id"`
	Identifier string `yaml:"identifier"`
	Name       string `yaml:"name"`
}

// ReadScenario reads the YAML of a scenario. What it does not know is an error
// that shows the place in the text.
func ReadScenario(text []byte) (Scenario, error) {
	var f scenarioFile
	if err := yaml.UnmarshalWithOptions(text, &f, yaml.Strict()); err != nil {
		return Scenario{}, fmt.Errorf("read scenario: %w", err)
	}
	if len(f.Practices) == 0 {
		return Scenario{}, errors.New("read scenario: it has no practice")
	}
	s := Scenario{TimeScale: f.TimeScale}
	for i, one := range f.Practices {
		p, err := one.practice()
		if err != nil {
			return Scenario{}, fmt.Errorf("read scenario: practice %d: %w", i+1, err)
		}
		s.Practices = append(s.Practices, p)
	}
	if f.Token != nil {
		k := ECW().Token
		if err := yaml.UnmarshalWithOptions(f.Token.text, &k, yaml.Strict()); err != nil {
			return Scenario{}, fmt.Errorf("read scenario: token: %w", err)
		}
		if err := k.check(); err != nil {
			return Scenario{}, fmt.Errorf("read scenario: token: %w", err)
		}
		s.Token = &k
	}
	return s, nil
}

func (f scenarioPractice) practice() (Practice, error) {
	preset := cmp.Or(f.Preset, string(ProfileStandard))
	k, err := PresetKnobs(preset)
	if err != nil {
		return Practice{}, err
	}
	if k, err = layKnobs(f.Knobs.text, k); err != nil {
		return Practice{}, err
	}
	k.Faults = append(k.Faults, f.Faults...)
	p := Practice{
		Code: f.Code, Name: cmp.Or(f.Name, "Practice "+f.Code), Profile: PresetProfile(preset), Open: f.Open, Knobs: &k,
		Source: FromPopulation(population.New(population.Config{Seed: max(f.Seed, 1), Practice: f.Code, Patients: cmp.Or(f.Patients, 200)})),
	}
	for _, g := range f.Groups {
		p.Groups = append(p.Groups, Group{ID: g.ID, Identifier: g.Identifier, Name: g.Name})
	}
	if len(p.Groups) == 0 {
		p.Groups = slices.Clone(everybody)
	}
	return p, p.check()
}

// everybody is the group of a practice that names none.
var everybody = []Group{{ID: "group-all", Identifier: "5f0d3c1e-0000-4000-8000-00000000a11a", Name: "All patients"}}

// Everybody returns the group of all patients that a practice has when nobody
// says otherwise.
func Everybody() []Group { return slices.Clone(everybody) }
