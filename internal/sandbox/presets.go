package sandbox

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// presetFiles are knobs laid over Standard, with where each is known from: DOC
// (the vendor's manual, source or answer), REP (others who use it) or GUESS.
//
//go:embed presets/*.yaml
var presetFiles embed.FS

// practiceTypes are the administrative types: they belong to no patient.
var practiceTypes = []string{
	"Endpoint", "Group", "HealthcareService", "InsurancePlan", "Location", "Medication",
	"Organization", "OrganizationAffiliation", "Practitioner", "PractitionerRole", "Schedule", "Slot",
}

// PresetNames returns the names of the presets, sorted.
func PresetNames() []string {
	entries, err := presetFiles.ReadDir("presets")
	if err != nil {
		panic(err) // a mistake in this package
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}

// PresetText returns the YAML of a preset, with what is known of each knob; an
// unknown name is an error.
func PresetText(name string) ([]byte, error) {
	text, err := presetFiles.ReadFile(path.Join("presets", name+".yaml"))
	if err != nil || strings.ContainsAny(name, "/\\") {
		return nil, fmt.Errorf("there is no preset %q; there are %s", name, strings.Join(PresetNames(), ", "))
	}
	return text, nil
}

// PresetKnobs returns the knobs of a preset; an unknown name is an error.
func PresetKnobs(name string) (Knobs, error) {
	text, err := PresetText(name)
	if err != nil {
		return Knobs{}, err
	}
	k, err := layKnobs(text, Standard())
	if err != nil {
		return Knobs{}, fmt.Errorf("preset %s: %w", name, err)
	}
	return k, nil
}

// PresetProfile returns the profile that a preset's practices have.
func PresetProfile(name string) Profile {
	if name == string(ProfileECW) {
		return ProfileECW
	}
	return ProfileStandard
}

// Preset returns the knobs that profile p starts from.
func Preset(p Profile) Knobs {
	if p == ProfileECW {
		return ECW()
	}
	return Standard()
}

// ECW returns the preset of an eClinicalWorks practice as it is documented and
// observed.
func ECW() Knobs {
	k, err := PresetKnobs(string(ProfileECW))
	if err != nil {
		panic(err) // a mistake in the preset
	}
	return k
}

// Standard returns the preset of a server that does what Bulk Data STU2 says.
func Standard() Knobs {
	return Knobs{
		KickoffKnobs: KickoffKnobs{
			Dialect:    STU2,
			Operations: []string{"export"},
			Post:       true,
			Levels:     []Level{LevelSystem, LevelPatient, LevelGroup},
			Admin:      slices.Clone(practiceTypes),

			TypeScopeStatus: 403,
			NoGroupStatus:   404,
		},
		PollKnobs: PollKnobs{
			Takes:      30 * time.Second,
			Progress:   []string{"0", "25", "50", "75"},
			RetryAfter: 10 * time.Second,
			Expiry:     24 * time.Hour,
			BindClient: true,
		},
		ManifestKnobs: ManifestKnobs{FilesPer: 1000, Count: CountRight, Deletions: true},
		FileKnobs:     FileKnobs{Ranges: true, Gzip: true},

		RateWindow: time.Minute,
		Token: TokenKnobs{
			Algorithms:  []string{"RS384", "ES384"},
			Advertise:   true,
			BadScope:    "invalid_scope",
			Life:        300 * time.Second,
			JWKSRefresh: 5 * time.Minute,
		},
		OwnToken: true,
	}
}
