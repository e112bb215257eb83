package sqlonfhir

import "strings"

// The choice elements of FHIR R4 (https://hl7.org/fhir/R4/formats.html#choice):
// the element's name, its types (* for the open list), and its parents, each
// named by the resource or data type or by the element that holds it.
const choiceTable = `
abatement: Age dateTime Period Range string: Condition
additive: CodeableConcept Reference: additive container
age: Age Range string: FamilyMemberHistory
age: CodeableConcept Range: Population
allowed: Money string unsignedInt: benefit financial
allowed: boolean CodeableConcept: substitution
amount: Quantity Range Ratio string: relationship
amount: Quantity Range string: SubstanceAmount target
amount: Quantity string: moiety property
answer: boolean Coding date dateTime decimal integer Quantity Reference string time: enableWhen
asNeeded: boolean CodeableConcept: Dosage ServiceRequest dosage dosageInstruction
author: Reference string: Annotation note
born: date Period string: FamilyMemberHistory
bounds: Duration Period Range: repeat
characteristic: CodeableConcept Quantity: patientCharacteristics
chargeItem: CodeableConcept Reference: lineItem
code: CodeableConcept Reference: DeviceRequest
collected: dateTime Period: collection
content: Attachment Reference: friendly legal rule
content: Attachment Reference string: payload
created: dateTime Period: Media
date: dateTime Period: procedure
deceased: Age boolean date Range string: FamilyMemberHistory
deceased: boolean dateTime: Patient
defaultValue: *: ElementDefinition source
definingSubstance: CodeableConcept Reference: property
definition: canonical CodeableConcept DataRequirement Expression: characteristic
definition: canonical uri: action
detail: boolean CodeableConcept integer Quantity Range Ratio string: target
diagnosis: CodeableConcept Reference: diagnosis
dose: Quantity Range: doseAndRate
doseNumber: positiveInt string: ImmunizationEvaluation protocolApplied recommendation
due: date Duration: target
duration: Quantity Range: characteristic
effective: dateTime Period: ClinicalImpression DiagnosticReport MedicationAdministration MedicationStatement
effective: dateTime instant Period Timing: Observation
entity: CodeableConcept Reference: valuedItem
event: CodeableConcept dateTime id Reference: timeFromEvent
event: Coding uri: MessageDefinition MessageHeader
example: boolean canonical: resource
fastingStatus: CodeableConcept Duration: collection
fixed: *: ElementDefinition
identified: dateTime Period: DetectedIssue
indication: CodeableConcept Reference: administrationGuidelines specialDesignation
instances: Quantity Range: characteristic
item: CodeableConcept Reference: SupplyRequest ingredient interactant suppliedItem
legallyBinding: Attachment Reference: Contract
location: Address CodeableConcept Reference: addItem item
location: Address Reference: accident
manufacturer: Reference string: DeviceDefinition
maxValue: date dateTime decimal instant integer positiveInt Quantity time unsignedInt: ElementDefinition
medication: CodeableConcept Reference: MedicationAdministration MedicationDispense MedicationRequest MedicationStatement otherTherapy
minValue: date dateTime decimal instant integer positiveInt Quantity time unsignedInt: ElementDefinition
minimumVolume: Quantity string: container
module: canonical CodeableConcept uri: GuidanceResponse
multipleBirth: boolean integer: Patient
name: Reference url: page
occurred: dateTime Period: Provenance
occurrence: dateTime Period: CommunicationRequest RiskAssessment
occurrence: dateTime Period Timing: ChargeItem DeviceRequest ServiceRequest SupplyDelivery SupplyRequest action
occurrence: dateTime string: Immunization
offset: Duration Range: relatedAction
onset: Age Period Range string: condition
onset: Age dateTime Period Range string: AllergyIntolerance Condition
participantEffective: dateTime Duration Period Timing: characteristic
pattern: *: ElementDefinition
performed: Age dateTime Period Range string: Procedure
probability: decimal Range: prediction
procedure: CodeableConcept Reference: procedure
product: CodeableConcept Reference: ActivityDefinition ChargeItem detail
quantity: Quantity Range Ratio: ServiceRequest
rate: Quantity Range Ratio: doseAndRate
rate: Quantity Ratio: administration dosage
reported: boolean Reference: MedicationRequest
scheduled: Period string Timing: detail
seriesDoses: positiveInt string: ImmunizationEvaluation protocolApplied recommendation
serviced: date Period: CoverageEligibilityRequest CoverageEligibilityResponse addItem item
source: Attachment Reference: Consent
source: canonical uri: ConceptMap
start: CodeableConcept date: Goal
statusReason: CodeableConcept Reference: MedicationDispense
studyEffective: dateTime Duration Period Timing: characteristic
subject: CodeableConcept Reference: ActivityDefinition DataRequirement EventDefinition Library Measure PlanDefinition ResearchDefinition ResearchElementDefinition action data input
substance: CodeableConcept Reference: ingredient relationship
target: Identifier Reference: relatesTo
target: canonical uri: ConceptMap
time: dateTime Period: manipulation processing
timing: Age dateTime Duration Period Range Timing: ActivityDefinition action
timing: date Period: supportingInfo
timing: date dateTime Reference Timing: TriggerDefinition trigger
timing: dateTime Period Timing: DeviceUseStatement
topic: CodeableConcept Reference: Contract term
used: Money string unsignedInt: benefit
used: Money unsignedInt: financial
value: *: Extension example extension input modifierExtension output parameter
value: Attachment boolean Coding date dateTime decimal integer Quantity Reference string time uri: answer initial
value: Attachment boolean Quantity Reference string: supportingInfo
value: CodeableConcept Quantity Range Reference: UsageContext useContext
value: Coding date integer Reference string time: answerOption
value: Money Quantity: costToBeneficiary
value: base64Binary CodeableConcept Quantity string: drugCharacteristic
value: base64Binary string: detail
value: boolean CodeableConcept Quantity Range Reference: characteristic
value: boolean CodeableConcept dateTime integer Period Quantity Range Ratio SampledData string time: Observation component
value: boolean CodeableConcept id Quantity Range Reference: definitionByTypeAndValue
value: boolean code Coding dateTime decimal integer string: property
value: dateTime Duration Period: dateFilter
when: Period Range: prediction
`

// openTypes is what * stands for in choiceTable.
const openTypes = `base64Binary boolean canonical code date dateTime decimal id instant integer markdown oid positiveInt string
time unsignedInt uri url uuid Address Age Annotation Attachment CodeableConcept Coding ContactPoint Count
Distance Duration HumanName Identifier Money Period Quantity Range Ratio Reference SampledData Signature
Timing ContactDetail Contributor DataRequirement Expression ParameterDefinition RelatedArtifact
TriggerDefinition UsageContext Dosage Meta`

// dateElements are the elements of R4 that have the type date and are not a
// choice. Other elements whose values look like dates are taken for dateTime.
const dateElements = `birthDate approvalDate lastReviewDate expirationDate statusDate paymentDate lockedDate
nextScheduled accident.date payment.date detail.date attestation.date Basic.created`

// choicesOf returns the types of the choice element name of a parent; nil when
// it is none.
func choicesOf(parent, name string) []string { return choices[parent+"."+name] }

var choices = readChoices()

func readChoices() map[string][]string {
	open := strings.Fields(openTypes)
	m := map[string][]string{}
	for line := range strings.Lines(strings.TrimSpace(choiceTable)) {
		part := strings.Split(line, ":")
		types := open
		if t := strings.TrimSpace(part[1]); t != "*" {
			types = strings.Fields(t)
		}
		for parent := range strings.FieldsSeq(part[2]) {
			m[parent+"."+part[0]] = types
		}
	}
	return m
}

var dates = readDates()

func readDates() map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq(dateElements) {
		m[name] = true
	}
	return m
}

// isDate reports whether the element name of a parent has the type date.
func isDate(parent, name string) bool { return dates[name] || dates[parent+"."+name] }

// title returns a type's name as it stands in the member name of a choice.
func title(typeName string) string {
	if typeName == "" {
		return ""
	}
	return strings.ToUpper(typeName[:1]) + typeName[1:]
}
