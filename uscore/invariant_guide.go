package uscore

// Reports must say when, and when issued, once there is something to report.
const reported = "partial preliminary final amended corrected appended"

// guideInvariants are those of the guides for types other than Observation.
var guideInvariants = []invariant{
	{
		// "Either Patient.name.given and/or Patient.name.family SHALL be present or a Data Absent Reason"
		key: "us-core-8", path: "Patient.name", broken: nameOrReason,
	},
	{key: "us-core-6", path: "Patient.name", broken: nameOrReason},
	{
		// "ASKU" and "UNK" exclude every other OMB race category.
		key: "us-core-23", path: "Patient.extension:race",
		broken: []situation{{test: test{holds: unknownRaceAmongOthers, reads: []string{"extension.url", "extension.valueCoding.code"}}}},
	},
	{key: "us-core-6", path: "DocumentReference.content.attachment", broken: oneOf("url data")},
	{
		key: "us-core-1", path: "Condition", // 3.1.1, a warning
		broken: []situation{{none: either(
			coding("category", "http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item encounter-diagnosis"),
			coding("category", "http://hl7.org/fhir/us/core/CodeSystem/condition-category", "health-concern"))}},
	},
	{key: "us-core-1", path: "Immunization.vaccineCode", broken: vaccineWithoutNDC}, // 3.1.1, a warning
	{key: "us-core-5", path: "Immunization", broken: []situation{{
		all:  system("vaccineCode", "http://hl7.org/fhir/sid/cvx"),
		none: system("vaccineCode", "http://hl7.org/fhir/sid/ndc"),
	}}},
	{key: "us-core-7", path: "Procedure", broken: []situation{{all: is("status", "completed in-progress"), none: has("performed[x]")}}},
	{key: "us-core-8", path: "DiagnosticReport", broken: []situation{{all: is("status", reported), none: has("effective[x]")}}},
	{key: "us-core-9", path: "DiagnosticReport", broken: []situation{{all: is("status", reported), none: has("issued")}}},
	{key: "us-core-10", path: "DiagnosticReport", broken: []situation{{all: is("status", reported), none: has("effective[x]")}}},
	{key: "us-core-9", path: "Device", broken: []situation{{
		all: has("udiCarrier"), none: has("manufactureDate expirationDate lotNumber serialNumber distinctIdentifier"),
	}}},
	{key: "us-core-12", path: "Device", broken: []situation{{
		all: has("udiCarrier"), none: either(inside("udiCarrier", "carrierAIDC"), inside("udiCarrier", "carrierHRF")),
	}}},
	{key: "us-core-13", path: "PractitionerRole", broken: oneOf("practitioner organization healthcareService location")},
	{key: "pd-1", path: "PractitionerRole", broken: oneOf("telecom endpoint")},
	{key: "us-core-14", path: "RelatedPerson", broken: oneOf("name relationship")},
	{key: "us-core-15", path: "Coverage", broken: oneOf("identifier:memberid subscriberId")},
	{key: "us-core-16", path: "Practitioner.identifier:NPI", broken: oneOf("value"), textAt: "value", text: tenDigits},
	{key: "us-core-16", path: "Organization.identifier:NPI", broken: oneOf("value"), textAt: "value", text: tenDigits},
	{key: "us-core-17", path: "Practitioner.identifier:NPI", textAt: "value", text: npiCheckDigit},
	{key: "us-core-17", path: "Organization.identifier:NPI", textAt: "value", text: npiCheckDigit},
	{key: "us-core-18", path: "Organization.identifier:CLIA", broken: oneOf("value"), textAt: "value", text: cliaNumber},
	{key: "us-core-19", path: "Organization.identifier:NAIC", broken: oneOf("value"), textAt: "value", text: fiveDigits},
	{key: "us-core-20", path: "MedicationDispense", broken: []situation{{all: is("status", "completed"), none: has("whenHandedOver")}}},
	{key: "us-core-21", path: "MedicationRequest", broken: []situation{{
		all: is("intent", "order original-order reflex-order filler-order instance-order"), none: has("requester"),
	}}},
	{key: "provenance-1", path: "Provenance.agent", broken: actsForNobody},
	// 3.1.1 states it at the very element that is missing when it is broken,
	// so there it can never be.
	{key: "provenance-1", path: "Provenance.agent.onBehalfOf"},
}

// nameOrReason: a name has a part, or says why it has none, and not both.
var nameOrReason = []situation{
	{none: either(has("family given"), extended(absentReason))},
	{all: either(has("family"), extended(absentReason))},
	{all: either(has("given"), extended(absentReason))},
}

var vaccineWithoutNDC = []situation{{test: test{holds: cvxWithoutNDC, reads: []string{"coding.system"}}}}

var actsForNobody = []situation{{
	none: has("onBehalfOf"),
	test: test{holds: agentIsPractitionerOrDevice, reads: []string{"who.reference", "who.type"}},
}}
