package cli

import (
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
)

// sandboxList is everything that a sandbox can be told.
type sandboxList struct {
	Knobs   []sandbox.KnobText      `json:"knobs"`
	Presets []sandbox.PresetSummary `json:"presets"`
	Actions []sandbox.ActionText    `json:"actions"`
	Members []string                `json:"fault"` // of a fault
	Kinds   []sandbox.Kind          `json:"kinds"` // of requests, for on of a fault
}

// list prints what there is to set.
func (c *sandboxCommand) list(g *Globals) error {
	all := sandboxList{sandbox.KnobTexts(), sandbox.PresetTexts(), sandbox.ActionTexts(), sandbox.FaultMembers(), sandbox.FaultKinds()}
	if g.JSON {
		return g.emit(all)
	}
	g.printf("knobs, by their names in YAML, with the quirks of real servers that they play\n\n")
	for _, k := range all.Knobs {
		g.printf("  %-22s %-12s %s\n  %-22s %-12s %s\n", k.Name, strings.Join(k.Quirks, " "), k.Does, "", "", k.Values)
	}
	g.printf("\npresets, for --profile and for preset in a scenario\n\n")
	for _, p := range all.Presets {
		g.printf("  %-22s %s\n", p.Name, p.Does)
	}
	g.printf("\nwhat a fault may do\n\n")
	for _, a := range all.Actions {
		g.printf("  %-22s %s\n", a.Name, a.Does)
	}
	var kinds []string
	for _, k := range all.Kinds {
		kinds = append(kinds, string(k))
	}
	g.printf("\nmembers of a fault: %s\nrequests that it may be for (on): %s\n", strings.Join(all.Members, " "), strings.Join(kinds, " "))
	return nil
}
