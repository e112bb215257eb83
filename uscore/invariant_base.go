package uscore

const (
	allergyVerification = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
	conditionVerStatus  = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
	conditionClinical   = "http://terminology.hl7.org/CodeSystem/condition-clinical"
)

// baseInvariants are those of the R4 types.
var baseInvariants = []invariant{
	{key: "ait-1", path: "AllergyIntolerance", broken: []situation{{
		none: either(coding("verificationStatus", allergyVerification, "entered-in-error"), has("clinicalStatus")),
	}}},
	{key: "ait-2", path: "AllergyIntolerance", broken: []situation{{
		all: either(coding("verificationStatus", allergyVerification, "entered-in-error"), has("clinicalStatus")),
	}}},
	{key: "app-1", path: "Appointment.participant", broken: oneOf("type actor")},
	{key: "app-2", path: "Appointment", broken: []situation{
		{all: has("start"), none: has("end")},
		{all: has("end"), none: has("start")},
	}},
	{key: "app-3", path: "Appointment", broken: []situation{
		{none: either(has("start"), is("status", "proposed cancelled waitlist"))},
		{none: either(has("end"), is("status", "proposed cancelled waitlist"))},
	}},
	{key: "app-4", path: "Appointment", broken: []situation{{all: has("cancelationReason"), none: is("status", "noshow cancelled")}}},
	{key: "con-1", path: "Condition.stage", broken: oneOf("summary assessment")},
	{key: "con-2", path: "Condition.evidence", broken: oneOf("code detail")},
	{
		key: "con-3", path: "Condition", // a warning
		broken: []situation{{
			all:  coding("category", "http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item"),
			none: either(has("clinicalStatus"), coding("verificationStatus", conditionVerStatus, "entered-in-error")),
		}},
	},
	{key: "con-4", path: "Condition", broken: []situation{{
		all: has("abatement[x]"), none: coding("clinicalStatus", conditionClinical, "resolved remission inactive"),
	}}},
	{key: "con-5", path: "Condition", broken: []situation{{
		all: either(coding("verificationStatus", conditionVerStatus, "entered-in-error"), has("clinicalStatus")),
	}}},
	{key: "cpl-3", path: "CarePlan.activity", broken: notBoth("detail reference")},
	{key: "ctm-1", path: "CareTeam.participant", broken: []situation{{
		all:  has("onBehalfOf"),
		test: test{holds: memberIsNoPractitioner, reads: []string{"member.reference", "member.type"}},
	}}},
	{key: "gol-1", path: "Goal.target", broken: []situation{{all: has("detail[x]"), none: has("measure")}}},
	{key: "imm-1", path: "Immunization.education", broken: oneOf("documentType reference")},
	{key: "mdd-1", path: "MedicationDispense", broken: []situation{{
		all:  has("whenHandedOver whenPrepared"),
		test: test{holds: handedOverBeforePrepared, reads: []string{"whenHandedOver", "whenPrepared"}},
	}}},
	{key: "obs-3", path: "Observation.referenceRange", broken: oneOf("low high text")},
	{key: "obs-6", path: "Observation", broken: notBoth("dataAbsentReason value[x]")},
	{key: "obs-7", path: "Observation", broken: []situation{{
		all:  has("value[x] component"),
		test: test{holds: componentRepeatsCode, reads: []string{"code.coding.system", "code.coding.code", "component.code.coding.system", "component.code.coding.code"}},
	}}},
	{key: "org-1", path: "Organization", broken: oneOf("identifier name")},
	{key: "org-2", path: "Organization.address", broken: []situation{{all: is("use", "home")}}},
	{key: "org-3", path: "Organization.telecom", broken: []situation{{all: is("use", "home")}}},
	{key: "pat-1", path: "Patient.contact", broken: oneOf("name telecom address organization")},
	{key: "prr-1", path: "ServiceRequest", broken: []situation{{all: has("orderDetail"), none: has("code")}}},
	{key: "qrs-1", path: "QuestionnaireResponse.item", broken: notBoth("answer item")},
}
