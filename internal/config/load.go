package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// Load reads the configuration at path with the files that it includes, checks
// all of it, and fills in what is not said. Relative paths are taken against
// the folder of the file at path.
//
// The error is a *problem.Problem: ConfigMissing when a file is not there,
// ConfigInvalid when it cannot be used; the latter's cause is of type Mistakes.
func Load(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, problem.Wrap(err, problem.ConfigMissing, "there is no configuration at "+path,
			"Name it with --config, or copy docs/examples/bulkhead.yaml and change it.")
	}
	if err != nil {
		return nil, problem.Wrap(err, problem.ConfigMissing, "the configuration cannot be read",
			"Name a file that this user can read with --config.")
	}
	return Parse(path, text)
}

// Parse does what Load does with a text that has been read already; name
// stands for its path.
func Parse(name string, text []byte) (*Config, error) {
	base, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		return nil, problem.Wrap(err, problem.ConfigMissing, "the folder of the configuration cannot be found",
			"Name the configuration by its whole path with --config.")
	}
	r := &reader{}
	c := &Config{}
	root := place{src: r.read(name, text, c)}
	tenants := make([]place, 0, len(c.Tenants))
	for i := range c.Tenants {
		tenants = append(tenants, root.at("tenants").index(i))
	}
	tenants = append(tenants, r.include(root, base, c)...)

	c.profiles = Profiles()
	builtin := maps.Clone(c.profiles)
	r.userProfiles(root.at("profiles"), absolute(base, c.Profiles), c.profiles)
	for _, name := range slices.Sorted(maps.Keys(c.profiles)) {
		if c.profiles[name] != builtin[name] {
			c.own = append(c.own, name)
		}
	}
	r.check(root, tenants, c)
	r.checkAlerts(root.at("alerts"), c)
	r.checkMetrics(root.at("metrics"), c.Metrics)
	r.checkTraces(root.at("traces"), c.Traces)
	r.checkHooks(root.at("hooks"), c)
	r.checkCallbacks(root.at("callbacks"), c)
	r.checkEncryption(root.at("encryption"), c.Encryption)
	if len(r.mistakes) > 0 {
		return nil, invalid(name, r.mistakes.inOrder(r.files))
	}
	r.question(root, tenants, c)
	c.doubts = r.doubts
	c.fill(base)
	return c, nil
}

func invalid(name string, mistakes Mistakes) *problem.Problem {
	summary := fmt.Sprintf("the configuration %s has %d mistakes", name, len(mistakes))
	if len(mistakes) == 1 {
		summary = fmt.Sprintf("the configuration %s has a mistake", name)
	}
	return problem.Wrap(mistakes, problem.ConfigInvalid, summary,
		"Correct it and run the command again; docs/configuration.md explains every field.")
}
