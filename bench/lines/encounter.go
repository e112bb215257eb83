package lines

const minute = 60_000

var visits = []struct{ class, code, name, reason, why string }{
	{"AMB", "410620009", "Well child visit (procedure)", "", ""},
	{"AMB", "162673000", "General examination of patient (procedure)", "", ""},
	{"AMB", "185349003", "Encounter for check up (procedure)", "", ""},
	{"AMB", "185345009", "Encounter for symptom", "444814009", "Viral sinusitis (disorder)"},
	{"AMB", "185345009", "Encounter for symptom", "195662009", "Acute viral pharyngitis (disorder)"},
	{"AMB", "424619006", "Prenatal visit", "72892002", "Normal pregnancy"},
	{"WELL", "390906007", "Follow-up encounter", "59621000", "Hypertension"},
	{"EMER", "50849002", "Emergency room admission (procedure)", "", ""},
	{"URGENT", "702927004", "Urgent care clinic (procedure)", "10509002", "Acute bronchitis (disorder)"},
	{"IMP", "183452005", "Encounter Inpatient", "22298006", "Myocardial Infarction"},
}

var (
	givenNames  = []string{"Ada", "Bruno", "Clémence", "Dario", "Elif", "Femi", "Grażyna", "Hana", "Ivo", "Jörg", "Kaito", "Lucía", "Mona", "Noor"}
	familyNames = []string{"Abara", "Bergström", "Castellanos", "Dvořák", "Eberhart", "Fontaine", "Georgiou", "Hashimoto", "Ibáñez", "Jankowski", "Kowalczyk"}
)

// encounter appends a visit: who came, whom they saw, when, where and why.
func encounter(l *line) {
	visit, patient := l.number, l.number/11
	v := visits[l.draw(len(visits))]
	l.lit(`{"resourceType":"Encounter","id":"`)
	l.uuid(theEncounter, visit)
	l.lit(`","status":"finished","class":{"system":"` + terms + `v3-ActCode","code":"`)
	l.lit(v.class)
	l.lit(`"},"type":[`)
	l.snomedConcept(v.code, v.name)
	l.lit(`],"subject":{"reference":"Patient/`)
	l.uuid(thePatient, patient)
	l.lit(`","display":"`)
	l.person(patient)
	from := at(visit)
	l.participant(from, from+int64(15+15*l.draw(6))*minute)
	if v.reason != "" {
		l.lit(`,"reasonCode":[`)
		l.snomedConcept(v.reason, v.why)
		l.lit(`]`)
	}
	if v.class == "IMP" {
		l.lit(`,"hospitalization":{"dischargeDisposition":{"coding":[{"system":"` + terms + `discharge-disposition","code":"home","display":"Home"}],"text":"Home"}}`)
	}
	practice := mix(patient) % 211
	l.lit(`,"serviceProvider":{"reference":"Organization/`)
	l.uuid(theOrganization, practice)
	l.lit(`","display":"`)
	l.lit(familyNames[practice%uint64(len(familyNames))])
	l.lit(` FAMILY PRACTICE `)
	l.int(int(practice))
	l.lit(`"}}`)
}

// participant ends the subject and appends whom the patient saw, and when.
func (l *line) participant(from, to int64) {
	l.lit(`"},"participant":[{"type":[{"coding":[{"system":"` + terms + `v3-ParticipationType","code":"PPRF","display":"primary performer"}],"text":"primary performer"}],"period":`)
	l.period(from, to)
	l.lit(`,"individual":{"reference":"Practitioner/`)
	doctor := mix(l.number/11) % 307
	l.uuid(thePractitioner, doctor)
	l.lit(`","display":"Dr. `)
	l.person(doctor)
	l.lit(`"}}],"period":`)
	l.period(from, to)
}

func (l *line) period(from, to int64) {
	l.lit(`{"start":`)
	l.clock(from, toSecond)
	l.lit(`,"end":`)
	l.clock(to, toSecond)
	l.lit(`}`)
}

func (l *line) snomedConcept(code, name string) {
	l.lit(`{"coding":[{"system":"` + snomed + `","code":"`)
	l.lit(code)
	l.lit(`","display":"`)
	l.lit(name)
	l.lit(`"}],"text":"`)
	l.lit(name)
	l.lit(`"}`)
}

// person appends an invented name, the same for the same number.
func (l *line) person(number uint64) {
	n := mix(number ^ 0x77)
	l.lit(givenNames[n%uint64(len(givenNames))])
	l.lit(" ")
	l.lit(familyNames[n>>32%uint64(len(familyNames))])
}
