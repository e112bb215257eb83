package population

// Conditions are the problem list of a patient and the diagnosis of a visit.
var (
	problemPart = part{
		level:   ofPatient,
		slots:   func(c *cursor) int { return c.pt.n },
		life:    problemLife,
		profile: always(usCore + "condition-problems-health-concerns"),
		body:    writeProblem,
	}
	diagnosisPart = part{
		level:   ofVisit,
		slots:   one,
		life:    diagnosisLife,
		profile: always(usCore + "condition-encounter-diagnosis"),
		body:    writeDiagnosis,
	}
)

// problemLife lets one problem in ten come to an end.
func problemLife(c *cursor) life {
	created := c.pt.problems[c.j].created
	if c.h>>40%10 != 0 {
		return born(created)
	}
	return born(created).until(created + 200*day + int64(c.h>>12%uint64(6*year)))
}

// diagnosisLife lets the illness of a visit pass within a month.
func diagnosisLife(c *cursor) life {
	if c.vs.acute < 0 {
		return absent
	}
	return born(c.vs.created).until(c.vs.created + 5*day + int64(c.h>>12%uint64(20*day)))
}

const (
	clinical     = terms + "condition-clinical"
	verification = `,"verificationStatus":{"coding":[{"system":"` + terms + `condition-ver-status","code":"confirmed","display":"Confirmed"}]}`
	abated       = `,"clinicalStatus":{"coding":[{"system":"` + clinical + `","code":"resolved","display":"Resolved"}]}`
	ongoing      = `,"clinicalStatus":{"coding":[{"system":"` + clinical + `","code":"active","display":"Active"}]}`
)

var severities = []string{
	bare(snomed, "255604002", "Mild"), bare(snomed, "6736007", "Moderate"), bare(snomed, "24484000", "Severe"),
}

// condition appends the status, the category and the code.
func (c *cursor) condition(category, code string) {
	c.either(c.st.past, abated, ongoing)
	c.lit(verification)
	c.lit(`,"category":[{"coding":[{"system":"` + terms + `condition-category","code":"`)
	c.lit(category)
	c.lit(`"}]}]`)
	if at := c.v.below(len(severities)); c.d.chance(40) {
		c.lit(`,"severity":`)
		c.lit(severities[at])
	}
	c.lit(`,"code":`)
	c.lit(code)
	c.subject("subject")
}

func writeProblem(c *cursor) {
	q := &c.pt.problems[c.j]
	c.condition(`problem-list-item","display":"Problem List Item`, chronic[q.disease].code)
	c.lit(`,"onsetDateTime":"`)
	c.partialDate(q.onset, 1+c.d.below(3))
	c.lit(`"`)
	if c.st.past {
		c.on("abatementDateTime", problemLife(c).milestone)
	}
	c.when("recordedDate", q.created)
	if c.d.chance(60) {
		c.lit(`,"recorder":{`)
		c.ref(c.familyDoctor())
		c.lit(`}`)
	}
	if c.d.chance(30) {
		c.lit(`,"asserter":{`)
		c.ref(c.patientKey())
		c.lit(`}`)
	}
	if c.d.chance(30) {
		c.lit(`,"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/condition-assertedDate","valueDateTime":"`)
		c.partialDate(q.onset, 3)
		c.lit(`"}]`)
	}
	if c.st.changes > 0 {
		c.correction()
	}
}

func writeDiagnosis(c *cursor) {
	c.condition(`encounter-diagnosis","display":"Encounter Diagnosis`, acute[c.vs.acute].code)
	c.encounter("encounter")
	if c.d.chance(20) {
		c.lit(`,"onsetString":"a few days ago"`)
	} else {
		c.on("onsetDateTime", max(c.pt.birth+day, c.vs.start-int64(1+c.d.below(6))*day))
	}
	if c.st.past {
		c.on("abatementDateTime", diagnosisLife(c).milestone)
	}
	c.when("recordedDate", c.vs.created)
	if c.d.chance(60) {
		c.lit(`,"recorder":{`)
		c.ref(c.doctor())
		c.lit(`}`)
	}
	if c.d.chance(10) {
		c.lit(`,"bodySite":[{"coding":[{"system":"` + snomed + `","code":"7771000","display":"Left side"}]}]`)
	}
	if c.st.changes > 0 {
		c.correction()
	}
}
