package sandbox

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"
)

// ApplyKnobs changes practices as a YAML text says: a map from practice code
// to knobs by their yaml names, each laid over the knobs that the practice has
// (or its profile's preset). An unknown practice or knob is an error, which
// shows the place in the text; then nothing is changed.
func ApplyKnobs(text []byte, practices []Practice) error {
	var files map[string]yamlKnobs
	if err := yaml.UnmarshalWithOptions(text, &files, yaml.Strict()); err != nil {
		return fmt.Errorf("read knobs: %w", err)
	}
	changed := slices.Clone(practices)
	for code, f := range files {
		i := slices.IndexFunc(changed, func(p Practice) bool { return p.Code == code })
		if i < 0 {
			return fmt.Errorf("read knobs: there is no practice %q", code)
		}
		k := Preset(changed[i].Profile)
		if changed[i].Knobs != nil {
			k = changed[i].Knobs.clone()
		}
		laid, err := layKnobs(f.text, k)
		if err != nil {
			return fmt.Errorf("read knobs of practice %q: %w", code, err)
		}
		changed[i].Knobs = &laid
	}
	copy(practices, changed)
	return nil
}

// layKnobs returns knobs as a YAML text changes them.
func layKnobs(text []byte, over Knobs) (Knobs, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return over.clone(), nil
	}
	text, err := ownNames(text)
	if err != nil {
		return Knobs{}, err
	}
	k := over.clone()
	if err := yaml.UnmarshalWithOptions(text, &k, yaml.Strict()); err != nil {
		return Knobs{}, err
	}
	k.settle()
	return k, k.check()
}

// yamlKnobs keeps the text of one practice's knobs until it is known what they
// are laid over.
type yamlKnobs struct{ text []byte }

// UnmarshalYAML keeps text.
func (f *yamlKnobs) UnmarshalYAML(text []byte) error {
	f.text = slices.Clone(text)
	return nil
}
