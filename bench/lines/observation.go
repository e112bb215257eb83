package lines

const (
	terms  = "http://terminology.hl7.org/CodeSystem/"
	loinc  = "http://loinc.org"
	snomed = "http://snomed.info/sct"
)

// A measure is what one kind of observation measures.
type measure struct {
	category, code, name, unit string
	low, high, digits          int
}

var measures = []measure{
	{"vital-signs", "8302-2", "Body Height", "cm", 60, 200, 1},
	{"vital-signs", "29463-7", "Body Weight", "kg", 4, 140, 1},
	{"vital-signs", "39156-5", "Body Mass Index", "kg/m2", 14, 45, 2},
	{"vital-signs", "8867-4", "Heart rate", "/min", 50, 120, 0},
	{"vital-signs", "9279-1", "Respiratory rate", "/min", 10, 24, 0},
	{"vital-signs", "8310-5", "Body temperature", "Cel", 35, 40, 3},
	{"vital-signs", "72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported", "{score}", 0, 10, 0},
	{"laboratory", "2339-0", "Glucose [Mass/volume] in Blood", "mg/dL", 60, 240, 2},
	{"laboratory", "6299-2", "Urea nitrogen [Mass/volume] in Blood", "mg/dL", 5, 30, 2},
	{"laboratory", "38483-4", "Creatinine [Mass/volume] in Blood", "mg/dL", 0, 4, 2},
	{"laboratory", "2947-0", "Sodium [Moles/volume] in Blood", "mmol/L", 130, 150, 2},
	{"laboratory", "6298-4", "Potassium [Moles/volume] in Blood", "mmol/L", 3, 6, 2},
	{"laboratory", "4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 4, 12, 2},
	{"laboratory", "2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", 120, 320, 2},
	{"laboratory", "2571-8", "Triglyceride [Mass/volume] in Serum or Plasma", "mg/dL", 60, 400, 2},
	{"laboratory", "18262-6", "Cholesterol in LDL [Mass/volume] in Serum or Plasma by Direct assay", "mg/dL", 50, 220, 2},
	{"laboratory", "6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 3, 12, 4},
	{"laboratory", "789-8", "Erythrocytes [#/volume] in Blood by Automated count", "10*6/uL", 3, 6, 4},
	{"laboratory", "718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 10, 18, 3},
	{"laboratory", "33914-3", "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum or Plasma by Creatinine-based formula (MDRD)", "mL/min/{1.73_m2}", 15, 120, 5},
	{"survey", "70274-6", "Generalized anxiety disorder 7 item (GAD-7) total score [Reported.PHQ]", "{score}", 0, 21, 0},
}

var smoking = []struct{ code, name string }{
	{"266919005", "Never smoked tobacco (finding)"}, {"8517006", "Ex-smoker (finding)"}, {"77176002", "Smoker (finding)"},
}

// observation appends a measure; one in fourteen is a blood pressure, one in
// twenty an answer that is a code.
func observation(l *line) {
	visit, patient := l.number/4, l.number/44
	l.lit(`{"resourceType":"Observation","id":"`)
	l.uuid(ownID, l.number)
	switch kind := l.draw(140); {
	case kind < 10:
		l.head("vital-signs", "85354-9", "Blood pressure panel with all children optional", patient, visit)
		l.pressure()
	case kind < 17:
		l.head("social-history", "72166-2", "Tobacco smoking status", patient, visit)
		s := smoking[l.draw(len(smoking))]
		l.lit(`,"valueCodeableConcept":{"coding":[{"system":"` + snomed + `","code":"` + s.code + `","display":"` + s.name + `"}],"text":"` + s.name + `"}}`)
	default:
		panel := mix(visit) % uint64(len(measures)) // visits take their measures in an order
		m := measures[(panel+l.number%4)%uint64(len(measures))]
		l.head(m.category, m.code, m.name, patient, visit)
		l.lit(`,"valueQuantity":`)
		l.quantity(m)
		l.lit(`}`)
	}
}

// head appends what all observations share.
func (l *line) head(category, code, name string, patient, visit uint64) {
	l.lit(`","status":"final","category":[{"coding":[{"system":"` + terms + `observation-category","code":"`)
	l.lit(category)
	l.lit(`","display":"`)
	l.lit(category)
	l.lit(`"}]}],"code":`)
	l.loincConcept(code, name)
	l.lit(`,"subject":{"reference":"Patient/`)
	l.uuid(thePatient, patient)
	l.lit(`"},"encounter":{"reference":"Encounter/`)
	l.uuid(theEncounter, visit)
	l.lit(`"},"effectiveDateTime":`)
	when := at(visit)
	l.clock(when, toSecond)
	l.lit(`,"issued":`)
	l.clock(when, toMilli)
}

func (l *line) loincConcept(code, name string) {
	l.lit(`{"coding":[{"system":"` + loinc + `","code":"`)
	l.lit(code)
	l.lit(`","display":"`)
	l.lit(name)
	l.lit(`"}],"text":"`)
	l.lit(name)
	l.lit(`"}`)
}

func (l *line) quantity(m measure) {
	l.lit(`{"value":`)
	l.decimal(m.low, m.high, m.digits)
	l.lit(`,"unit":"`)
	l.lit(m.unit)
	l.lit(`","system":"http://unitsofmeasure.org","code":"`)
	l.lit(m.unit)
	l.lit(`"}`)
}

func (l *line) pressure() {
	l.lit(`,"component":[{"code":`)
	l.loincConcept("8462-4", "Diastolic Blood Pressure")
	l.lit(`,"valueQuantity":`)
	l.quantity(measure{unit: "mm[Hg]", low: 50, high: 110})
	l.lit(`},{"code":`)
	l.loincConcept("8480-6", "Systolic Blood Pressure")
	l.lit(`,"valueQuantity":`)
	l.quantity(measure{unit: "mm[Hg]", low: 90, high: 190})
	l.lit(`}]}`)
}
