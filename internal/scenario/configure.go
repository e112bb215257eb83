package scenario

import (
	"cmp"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
)

// configure writes the configuration and the keys to the World's folder and
// reads them as bulkhead does.
func (w *World) configure() (*config.Config, error) {
	sinks := map[string]any{"parquet": map[string]any{"kind": "parquet", "folder": "parquet"}}
	if w.spec.DuckDB {
		sinks["tables"] = map[string]any{"kind": "duckdb", "file": "tables.duckdb"}
	}
	registrations, tenants := map[string]any{}, []any{}
	for _, t := range w.tenants {
		profile, err := w.profileOf(t)
		if err != nil {
			return nil, err
		}
		one, err := w.tenantConfig(t, profile)
		if err != nil {
			return nil, err
		}
		if !t.Absent {
			tenants = append(tenants, one)
		}
		if !t.registers() {
			continue
		}
		if registrations[t.ID], err = w.registrationConfig(t, profile); err != nil {
			return nil, err
		}
	}
	c := map[string]any{
		"folder": "state", "tls": map[string]any{"ca_file": "ca.pem"}, "profiles": "profiles", "sinks": sinks, "tenants": tenants,
	}
	if len(registrations) > 0 {
		c["registrations"] = registrations
	}
	if err := w.overlays(c, "", w.spec.Config); err != nil {
		return nil, err
	}
	if err := w.writeYAML("bulkhead.yaml", c); err != nil {
		return nil, err
	}
	return config.Load(w.path("bulkhead.yaml"))
}

func (w *World) path(name string) string { return filepath.Join(w.dir, name) }

func (w *World) writeYAML(name string, v any) error {
	text, err := yaml.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(w.path(name), text, 0o600)
}

// profileOf gives the name of the tenant's vendor profile. One that knows on
// which hosts its vendor keeps files is extended by our storage.
func (w *World) profileOf(t Tenant) (string, error) {
	if err := os.MkdirAll(w.path("profiles"), 0o700); err != nil {
		return "", err
	}
	if len(profiles()[t.Profile].FileOrigins) == 0 {
		return t.Profile, nil
	}
	here := t.Profile + "-here"
	return here, w.writeYAML(filepath.Join("profiles", here+".yaml"), map[string]any{
		"name": here, "extends": t.Profile, "file_origins": []string{"https://" + hosts["storage"]},
	})
}

func (w *World) tenantConfig(t Tenant, profile string) (map[string]any, error) {
	c := map[string]any{
		"id": t.ID, "level": t.Level, "fhir_base_url": w.Practice(t.ID).Base(), "types": slices.Clone(t.Types),
		"agreement": map[string]any{
			"reference": "A", "status": "active", "effective_from": "2020-01-01",
			"types": []string{"*"}, "groups": []string{"*"}, "sinks": []string{"*"},
		},
	}
	if t.Open {
		c["open"], c["profile"] = true, profile
	} else {
		c["registration"] = cmp.Or(t.Under, t.ID)
	}
	if t.Level == config.LevelGroup {
		c["group"] = GroupID
		if sandbox.PresetProfile(t.Preset) == sandbox.ProfileECW {
			c["group"] = Group
		}
	}
	return c, w.overlays(c, t.ID, t.Config)
}

// registrationConfig makes the tenant's registration and writes its key.
func (w *World) registrationConfig(t Tenant, profile string) (map[string]any, error) {
	key, err := t.key()
	if err != nil {
		return nil, err
	}
	private, err := key.PrivateJWK()
	if err != nil {
		return nil, err
	}
	c := map[string]any{"profile": profile, "client_id": "client-" + t.ID, "key_file": t.ID + ".jwk"}
	return c, errors.Join(w.overlays(c, registrationOf(t.ID), t.Registration), os.WriteFile(w.path(t.ID+".jwk"), private, 0o600))
}

// overlay lays YAML over a map: maps are merged, null removes, everything else
// replaces.
func overlay(c map[string]any, text string) error {
	if text == "" {
		return nil
	}
	var over map[string]any
	if err := yaml.Unmarshal([]byte(text), &over); err != nil {
		return errors.Join(errors.New("the overlay is no YAML map"), err)
	}
	merge(c, over)
	return nil
}

func merge(c, over map[string]any) {
	for name, v := range over {
		below, isMap := v.(map[string]any)
		have, hasMap := c[name].(map[string]any)
		switch {
		case v == nil:
			delete(c, name)
		case isMap && hasMap:
			have = maps.Clone(have)
			merge(have, below)
			c[name] = have
		default:
			c[name] = v
		}
	}
}
