package scenario

import (
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// An edit is YAML that was laid over a part of the configuration.
type edit struct{ part, text string }

// registrationOf names the part of a configuration that is a tenant's
// registration; a tenant is named by its id, and all of it by "".
func registrationOf(tenant string) string { return "registration " + tenant }

// Edit lays YAML over the configuration for good, as Spec.Config is, and takes
// it up as a person does who edits the files and reloads.
func (w *World) Edit(text string) config.Diff { w.t.Helper(); return w.edit("", text) }

// EditTenant is Edit for a tenant, as Tenant.Config is.
func (w *World) EditTenant(id, text string) config.Diff { w.t.Helper(); return w.edit(id, text) }

// EditRegistration is Edit for the registration of a tenant, as
// Tenant.Registration is.
func (w *World) EditRegistration(id, text string) config.Diff {
	w.t.Helper()
	return w.edit(registrationOf(id), text)
}

func (w *World) edit(part, text string) config.Diff {
	w.t.Helper()
	w.edits = append(w.edits, edit{part, text})
	return w.reload()
}

// Leave takes a tenant out of the configuration and reloads.
func (w *World) Leave(id string) config.Diff { w.t.Helper(); return w.attend(id, false) }

// Enter puts a tenant into the configuration that was Absent, or has left, and
// reloads.
func (w *World) Enter(id string) config.Diff { w.t.Helper(); return w.attend(id, true) }

func (w *World) attend(id string, there bool) config.Diff {
	w.t.Helper()
	i := slices.IndexFunc(w.tenants, func(t Tenant) bool { return t.ID == id })
	if i < 0 {
		w.t.Fatalf("there is no practice of tenant %q", id)
	}
	w.tenants[i].Absent = !there
	return w.reload()
}

// reload writes the configuration as it is now and takes it up.
func (w *World) reload() config.Diff {
	w.t.Helper()
	c, err := w.configure()
	if err != nil {
		w.t.Fatal(err)
	}
	d, err := w.App.Reload(w.t.Context(), c, "test")
	if err != nil {
		w.t.Fatal(err)
	}
	w.App.Config = w.InForce()
	return d
}

// overlays lays a part's first overlay over it, and then its edits.
func (w *World) overlays(c map[string]any, part, first string) error {
	if err := overlay(c, first); err != nil {
		return err
	}
	for _, e := range w.edits {
		if e.part != part {
			continue
		}
		if err := overlay(c, e.text); err != nil {
			return err
		}
	}
	return nil
}
