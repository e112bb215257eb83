package uscore

const ucum = "http://unitsofmeasure.org"

// observationInvariants are those of the guides' Observation profiles.
var observationInvariants = []invariant{
	{key: "us-core-2", path: "Observation", broken: valueOrReason},
	{key: "vs-2", path: "Observation", broken: valueOrReason},
	{key: "vs-3", path: "Observation.component", broken: oneOf("value[x] dataAbsentReason")},
	{key: "us-core-26", path: "Observation.component", broken: oneOf("value[x] dataAbsentReason")},
	{key: "us-core-1", path: "Observation.effective[x]", textAt: "effective[x]:effectiveDateTime", text: preciseToTheDay},
	{key: "vs-1", path: "Observation.effective[x]", textAt: "effective[x]:effectiveDateTime", text: preciseToTheDay},
	{key: "us-core-3", path: "Observation.value[x]", textAt: "value[x]:valueQuantity.system", text: isUCUM},
	{key: "us-core-3", path: "Observation", textAt: "value[x]:valueQuantity.system", text: isUCUM},
	{key: "us-core-22", path: "Observation.referenceRange", textAt: "low.system", text: isUCUM},
	{key: "us-core-22", path: "Observation.referenceRange", textAt: "high.system", text: isUCUM},
	{
		key: "us-core-4", path: "Observation.value[x]", // a warning
		broken: []situation{{all: system("value[x]:valueCodeableConcept", ""), none: system("value[x]:valueCodeableConcept", "http://snomed.info/sct")}},
	},
	{key: "us-core-24", path: "Observation", broken: []situation{{
		all: coding("code", "http://loinc.org", "72166-2 11367-0"), none: typed("value[x]", "CodeableConcept"),
	}}},
	{
		key: "us-core-25", path: "Observation", // a warning
		broken: []situation{{all: coding("code", "http://snomed.info/sct", "401201003 782516008"), none: typed("value[x]", "Quantity")}},
	},
}

// valueOrReason: without parts and members there is a value or a reason why not.
var valueOrReason = oneOf("component hasMember dataAbsentReason value[x]")
