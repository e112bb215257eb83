package scenario

import (
	"fmt"
	"sync"

	"github.com/goccy/go-yaml"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// keys are made once: an RSA key takes longer than most scenarios.
var keys = sync.OnceValues(func() (pair map[smart.Algorithm]*smart.Key, err error) {
	pair = map[smart.Algorithm]*smart.Key{}
	for _, alg := range []smart.Algorithm{smart.RS384, smart.ES384} {
		if pair[alg], err = smart.GenerateKey(alg); err != nil {
			return nil, err
		}
	}
	return pair, nil
})

// profiles are the built-in vendor profiles, only to be read.
var profiles = sync.OnceValue(config.Profiles)

// tenants are the Spec's tenants with their defaults filled in.
func (s Spec) tenants() ([]Tenant, error) {
	all := append([]Tenant{s.Tenant}, s.More...)
	for i := range all {
		t := &all[i]
		if t.ID == "" {
			t.ID = "lakeside"
			if i > 0 {
				t.ID = fmt.Sprintf("lakeside-%d", i+1)
			}
		}
		if t.Preset == "" {
			t.Preset = string(sandbox.ProfileStandard)
		}
		if t.Profile == "" {
			t.Profile = t.Preset
		}
		profile, ok := profiles()[t.Profile]
		if !ok {
			return nil, fmt.Errorf("there is no vendor profile %q", t.Profile)
		}
		if t.Level == "" {
			t.Level = profile.Levels[0]
		}
		if t.Types == nil {
			t.Types = []string{"Condition", "Encounter", "Observation", "Patient"}
		}
		if t.Source == nil {
			t.Source = people(*t, uint64(i)+1)
		}
	}
	return all, nil
}

func people(t Tenant, seed uint64) sandbox.Source {
	patients := t.Patients
	if patients == 0 {
		patients = 8
	}
	return sandbox.FromPopulation(population.New(population.Config{
		Seed: seed, Practice: t.ID, Patients: patients, Epoch: Begin, VisitsPerPatient: 3, ObservationsPerPatient: 6,
		ChangeRate: 0.02, DeleteRate: 0.01, JoinRate: 0.02, Canary: Canary,
	}))
}

// practice is the tenant's side of the sandbox.
func (t Tenant) practice() (sandbox.Practice, error) {
	profile := sandbox.PresetProfile(t.Preset)
	knobs, err := sandbox.PresetKnobs(t.Preset)
	if err != nil {
		return sandbox.Practice{}, err
	}
	if t.Knobs != nil {
		t.Knobs(&knobs)
	}
	p := []sandbox.Practice{{
		Code: t.Code(), Name: t.ID, Profile: profile, Source: t.Source, Open: t.Open, Knobs: &knobs,
		Groups: []sandbox.Group{{ID: GroupID, Identifier: Group, Name: "everybody"}},
	}}
	if t.KnobsYAML == "" {
		return p[0], nil
	}
	var overlay any
	if err := yaml.Unmarshal([]byte(t.KnobsYAML), &overlay); err != nil {
		return p[0], err
	}
	text, err := yaml.Marshal(map[string]any{t.Code(): overlay})
	if err != nil {
		return p[0], err
	}
	return p[0], sandbox.ApplyKnobs(text, p)
}

// registers reports whether the tenant has a registration of its own.
func (t Tenant) registers() bool { return !t.Open && t.Under == "" }

// client is how the sandbox knows a tenant's registration.
func (t Tenant) client() (sandbox.Client, error) {
	key, err := t.key()
	if err != nil {
		return sandbox.Client{}, err
	}
	public, err := smart.JWKS(key)
	return sandbox.Client{ID: "client-" + t.ID, JWKS: public}, err
}

func (t Tenant) key() (*smart.Key, error) {
	made, err := keys()
	if err != nil {
		return nil, err
	}
	for _, alg := range profiles()[t.Profile].Algorithms {
		if key, ok := made[smart.Algorithm(alg)]; ok {
			return key, nil
		}
	}
	return nil, fmt.Errorf("profile %s takes neither RS384 nor ES384", t.Profile)
}
