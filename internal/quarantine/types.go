package quarantine

import (
	_ "embed"
	"strings"
)

//go:embed elementnames.txt
var elementNames string

// elements are the names of R4's elements. What else stands as the name of a
// member could be anything, a patient's name as well.
var elements = func() map[string]bool {
	known := make(map[string]bool, 2000)
	for line := range strings.Lines(elementNames) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for name := range strings.FieldsSeq(line) {
			known[name] = true
		}
	}
	return known
}()

// isElement reports whether a member has a name that R4 has given it: that of an
// element, or of what belongs to a primitive one (id and extensions).
// https://hl7.org/fhir/R4/json.html#primitive
func isElement(name string) bool { return elements[strings.TrimPrefix(name, "_")] }

// KnownType reports whether a name is that of a resource type of FHIR R4. Any
// other name could be a text of a server's choice.
func KnownType(name string) bool { return resourceTypes[name] }

// resourceTypes are those of FHIR R4 and its Bundle, in whose names no patient
// can hide: https://hl7.org/fhir/R4/resourcelist.html
var resourceTypes = func() map[string]bool {
	known := map[string]bool{}
	for name := range strings.FieldsSeq(`Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment
		AppointmentResponse AuditEvent Basic Binary BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement CarePlan
		CareTeam CatalogEntry ChargeItem ChargeItemDefinition Claim ClaimResponse ClinicalImpression CodeSystem Communication
		CommunicationRequest CompartmentDefinition Composition ConceptMap Condition Consent Contract Coverage
		CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceMetric DeviceRequest
		DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference EffectEvidenceSynthesis Encounter Endpoint
		EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition Evidence EvidenceVariable ExampleScenario
		ExplanationOfBenefit FamilyMemberHistory Flag Goal GraphDefinition Group GuidanceResponse HealthcareService ImagingStudy
		Immunization ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide InsurancePlan Invoice Library Linkage List
		Location Measure MeasureReport Media Medication MedicationAdministration MedicationDispense MedicationKnowledge
		MedicationRequest MedicationStatement MedicinalProduct MessageDefinition MessageHeader MolecularSequence NamingSystem
		NutritionOrder Observation ObservationDefinition OperationDefinition OperationOutcome Organization OrganizationAffiliation
		Parameters Patient PaymentNotice PaymentReconciliation Person PlanDefinition Practitioner PractitionerRole Procedure
		Provenance Questionnaire QuestionnaireResponse RelatedPerson RequestGroup ResearchDefinition ResearchElementDefinition
		ResearchStudy ResearchSubject RiskAssessment RiskEvidenceSynthesis Schedule SearchParameter ServiceRequest Slot Specimen
		SpecimenDefinition StructureDefinition StructureMap Subscription Substance SupplyDelivery SupplyRequest Task
		TerminologyCapabilities TestReport TestScript ValueSet VerificationResult VisionPrescription`) {
		known[name] = true
	}
	return known
}()
