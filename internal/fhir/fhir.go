// Package fhir holds the few FHIR R4 words that every room needs: resource
// types, ids, instants and keys. It parses no resources.
//
// https://hl7.org/fhir/R4/
package fhir

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ECWTypes are the resource types that an eClinicalWorks bulk export offers,
// in alphabetical order. A practice's CapabilityStatement may list fewer.
var ECWTypes = []string{
	"AllergyIntolerance", "Binary", "CarePlan", "CareTeam", "Claim", "Condition", "Coverage", "Device",
	"DiagnosticReport", "DocumentReference", "Encounter", "Goal", "Group", "Immunization", "Location",
	"Media", "Medication", "MedicationAdministration", "MedicationDispense", "MedicationRequest",
	"Observation", "Organization", "Patient", "Practitioner", "PractitionerRole", "Procedure",
	"Provenance", "QuestionnaireResponse", "RelatedPerson", "ServiceRequest", "Specimen",
}

var instant = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$`)

// longestTypeName is far longer than the name of any type that there is.
const longestTypeName = 64

// IsTypeName reports whether s has the shape of a resource type's name: 2 to
// 64 ASCII letters, the first a capital. It does not know which types exist,
// so that a newer release's types pass.
func IsTypeName(s string) bool {
	if len(s) < 2 || len(s) > longestTypeName || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// Key is a resource's key within a tenant, such as "Patient/123".
func Key(resourceType, id string) string { return resourceType + "/" + id }

// ParseInstant reads a FHIR instant: a time to the second or finer, with zone.
// https://hl7.org/fhir/R4/datatypes.html#instant
func ParseInstant(s string) (time.Time, error) {
	if !instant.MatchString(s) {
		return time.Time{}, fmt.Errorf("instant has the wrong shape (%d characters)", len(s))
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("instant is no time: %d characters", len(s))
	}
	return t, nil
}

// FormatInstant writes t as a FHIR instant in UTC, to the millisecond and
// never later than t.
func FormatInstant(t time.Time) string {
	return t.UTC().Truncate(time.Millisecond).Format("2006-01-02T15:04:05.000Z07:00")
}

// SnakeCase writes a type's name as a table's name: "DiagnosticReport" gives
// "diagnostic_report".
func SnakeCase(resourceType string) string {
	var b strings.Builder
	for i, r := range resourceType {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// TypeSet returns types sorted, without repetition, in a new slice: the form
// in which watermarks and requests compare them.
func TypeSet(types []string) []string {
	s := slices.Clone(types)
	slices.Sort(s)
	return slices.Compact(s)
}

// administrative are the types of a practice's own records: they belong to no
// patient's compartment.
// https://hl7.org/fhir/R4/compartmentdefinition-patient.html
var administrative = []string{
	"Binary", "Endpoint", "HealthcareService", "InsurancePlan", "Location", "Medication", "Organization",
	"OrganizationAffiliation", "Practitioner", "PractitionerRole", "Questionnaire", "Schedule", "Slot", "Substance",
}

// IsAdministrative reports whether resources of the type belong to the
// practice, and to no patient.
func IsAdministrative(resourceType string) bool { return slices.Contains(administrative, resourceType) }
