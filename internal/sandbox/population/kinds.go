package population

import (
	"errors"
	"fmt"
	"slices"
)

// A kind is a resource type of this package, as an index of typeNames.
type kind uint8

const (
	kindAllergyIntolerance kind = iota
	kindAppointment
	kindBinary
	kindCarePlan
	kindCareTeam
	kindClaim
	kindCondition
	kindCoverage
	kindDevice
	kindDiagnosticReport
	kindDocumentReference
	kindEncounter
	kindGoal
	kindGroup
	kindImmunization
	kindLocation
	kindMedia
	kindMedication
	kindMedicationAdministration
	kindMedicationDispense
	kindMedicationRequest
	kindMedicationStatement
	kindObservation
	kindOrganization
	kindPatient
	kindPractitioner
	kindPractitionerRole
	kindProcedure
	kindProvenance
	kindQuestionnaireResponse
	kindRelatedPerson
	kindServiceRequest
	kindSpecimen
	kinds
)

var typeNames = [kinds]string{
	"AllergyIntolerance", "Appointment", "Binary", "CarePlan", "CareTeam", "Claim", "Condition", "Coverage",
	"Device", "DiagnosticReport", "DocumentReference", "Encounter", "Goal", "Group", "Immunization",
	"Location", "Media", "Medication", "MedicationAdministration", "MedicationDispense",
	"MedicationRequest", "MedicationStatement", "Observation", "Organization", "Patient", "Practitioner",
	"PractitionerRole", "Procedure", "Provenance", "QuestionnaireResponse", "RelatedPerson",
	"ServiceRequest", "Specimen",
}

// ErrUnknownType is the error of a resource type that [Types] does not list.
var ErrUnknownType = errors.New("type not in the population")

func kindOf(resourceType string) (kind, error) {
	i, found := slices.BinarySearch(typeNames[:], resourceType)
	if !found {
		return 0, fmt.Errorf("%w: %q", ErrUnknownType, resourceType)
	}
	return kind(i), nil
}

// A level says to what a part's resources belong.
type level uint8

const (
	ofPractice level = iota
	ofPatient
	ofVisit
)

// A part is a set of resources of one type that belong to the same level. Its
// functions read the cursor's patient and visit.
type part struct {
	level level
	// slots is how many places there are; some may stay empty.
	slots func(*cursor) int
	// life is the life of what stands in place c.j; absent when empty. It does
	// not know of the deletion of the visit or the patient.
	life func(*cursor) life
	// profile is the meta.profile; nil when none applies.
	profile func(*cursor) string
	// body appends all that follows meta, with a comma before each element.
	body func(*cursor)
}

func one(*cursor) int { return 1 }

// always gives a part one profile.
func always(profile string) func(*cursor) string {
	return func(*cursor) string { return profile }
}

const usCore = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
