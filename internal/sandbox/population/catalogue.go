package population

// catalogue says of what parts each type consists.
var catalogue = [kinds][]part{
	kindCondition:        {problemPart, diagnosisPart},
	kindEncounter:        {encounterPart},
	kindLocation:         {locationPart},
	kindObservation:      {observationPart},
	kindOrganization:     {organizationPart},
	kindPatient:          {patientPart},
	kindPractitioner:     {practitionerPart},
	kindPractitionerRole: {practitionerRolePart},
}
