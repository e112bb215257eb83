package lines

var services = []struct{ code, name string }{
	{"430193006", "Medication Reconciliation (procedure)"},
	{"171207006", "Depression screening (procedure)"},
	{"715252007", "Depression screening using Patient Health Questionnaire Nine Item score (procedure)"},
	{"428211000124100", "Assessment of substance use (procedure)"},
	{"710824005", "Assessment of health and social care needs (procedure)"},
	{"314529007", "Medication review due (situation)"},
	{"73761001", "Colonoscopy"},
	{"23426006", "Measurement of respiratory function (procedure)"},
}

// claim appends a claim of one to six items.
func claim(l *line) {
	patient := l.number / 18
	l.lit(`{"resourceType":"Claim","id":"`)
	l.uuid(theClaim, l.number)
	l.lit(`","status":"active","type":{"coding":[{"system":"` + terms + `claim-type","code":"institutional"}]},"use":"claim","patient":{"reference":"Patient/`)
	l.uuid(thePatient, patient)
	l.lit(`","display":"`)
	l.person(patient)
	l.lit(`"},"billablePeriod":`)
	from := at(l.number)
	l.period(from, from+30*minute)
	l.lit(`,"created":`)
	l.clock(from+30*minute, toSecond)
	l.lit(`,"provider":{"reference":"Organization/`)
	l.uuid(theOrganization, mix(patient)%211)
	l.lit(`"},"priority":{"coding":[{"system":"` + terms + `processpriority","code":"normal"}]},"insurance":[{"sequence":1,"focal":true,"coverage":{"display":"Cigna Health"}}],"item":[`)
	items := 1 + l.draw(6)
	for i := range items {
		l.item(i)
	}
	l.lit(`],"total":{"value":`)
	l.decimal(50, 4000, 2)
	l.lit(`,"currency":"USD"}}`)
}

// item appends the i-th item, from 0.
func (l *line) item(i int) {
	if i > 0 {
		l.lit(`,`)
	}
	l.lit(`{"sequence":`)
	l.int(i + 1)
	s := services[l.draw(len(services))]
	l.lit(`,"productOrService":`)
	l.snomedConcept(s.code, s.name)
	if i == 0 {
		l.lit(`,"encounter":[{"reference":"Encounter/`)
		l.uuid(theEncounter, l.number)
		l.lit(`"}]`)
	} else {
		l.lit(`,"net":{"value":`)
		l.decimal(20, 700, 2)
		l.lit(`,"currency":"USD"}`)
	}
	l.lit(`}`)
}
