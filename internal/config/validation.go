package config

// The versions of US Core by which resources can be judged; see Validation.
const (
	NoGuide      = "none"
	DefaultGuide = "6.1.0"
)

// What becomes of a resource that breaks a rule of its profile; see Validation.
const (
	DeliverErrors    = "deliver"
	QuarantineErrors = "quarantine"
)

// Validation says by which rules resources are judged, and what becomes of
// those that break one. A line that is no resource at all is quarantined
// whatever stands here.
type Validation struct {
	// USCore is the version of US Core whose profiles are applied: 3.1.1, 6.1.0,
	// 7.0.0 or 8.0.0; r4 applies the rules of base FHIR R4 only, and none
	// judges nothing. Default: 6.1.0.
	USCore string `yaml:"us_core" words:"3.1.1 6.1.0 7.0.0 8.0.0 r4 none"`
	// OnError is deliver (such a resource is counted, and delivered) or
	// quarantine (it is kept from the sinks until it is replayed). Default: deliver.
	OnError string `yaml:"on_error" words:"deliver quarantine"`
}

// fill puts what holds for all tenants where nothing was said.
func (v *Validation) fill(all Validation) {
	v.USCore = or(v.USCore, or(all.USCore, DefaultGuide))
	v.OnError = or(v.OnError, or(all.OnError, DeliverErrors))
}
