package population

var allergyIntolerancePart = part{
	level:   ofPatient,
	slots:   func(c *cursor) int { return max(0, int(fold(c.pt.h, 0xa11)%6)-2) },
	life:    func(c *cursor) life { return c.loose(c.joining()) },
	profile: always(usCore + "allergyintolerance"),
	body:    writeAllergyIntolerance,
}

// An allergen is what a patient cannot bear.
type allergen struct{ category, code string }

var allergens = []allergen{
	{"medication", concept("Penicillin", coding{rxnorm, "7980", "penicillin G"}, coding{snomed, "764146007", "Penicillin"})},
	{"medication", concept("Sulfa drugs", coding{snomed, "387406002", "Sulfonamide"})},
	{"medication", concept("Aspirin", coding{rxnorm, "1191", "aspirin"})},
	{"food", concept("Peanut", coding{snomed, "762952008", "Peanut"})},
	{"food", concept("Shellfish", coding{snomed, "735029006", "Shellfish"})},
	{"environment", concept("Grass pollen", coding{snomed, "256277009", "Grass pollen"})},
	{"environment", concept("Latex", coding{snomed, "111088007", "Latex"})},
}

var manifestations = []string{
	concept("", coding{snomed, "126485001", "Hives"}), concept("", coding{snomed, "271807003", "Rash"}),
	concept("", coding{snomed, "39579001", "Anaphylaxis"}), concept("", coding{snomed, "422587007", "Nausea"}),
}

const (
	allergyActive   = `,"clinicalStatus":{"coding":[{"system":"` + terms + `allergyintolerance-clinical","code":"active","display":"Active"}]}`
	allergyVerified = `,"verificationStatus":{"coding":[{"system":"` + terms + `allergyintolerance-verification","code":"confirmed","display":"Confirmed"}]}`
)

func writeAllergyIntolerance(c *cursor) {
	a := &allergens[(int(c.pt.h>>30%7)+2*c.j)%len(allergens)]
	c.lit(allergyActive)
	c.lit(allergyVerified)
	c.either(c.d.chance(80), `,"type":"allergy"`, `,"type":"intolerance"`)
	c.lit(`,"category":["`)
	c.lit(a.category)
	c.lit(`"]`)
	c.either(c.v.chance(30), `,"criticality":"high"`, `,"criticality":"low"`)
	c.lit(`,"code":`)
	c.lit(a.code)
	c.subject("patient")
	lived := uint64(c.pt.joined - c.pt.birth)
	onset := c.pt.birth + int64(c.d.next()%lived)
	last := onset + int64(c.d.next()%uint64(c.pt.joined-onset))
	if c.d.chance(70) {
		c.lit(`,"onsetDateTime":"`)
		c.partialDate(onset, 1+c.d.below(3))
		c.lit(`"`)
	}
	c.when("recordedDate", c.pt.joined)
	if c.d.chance(50) {
		c.refer("recorder", c.familyDoctor())
	}
	if c.d.chance(50) {
		c.lit(`,"lastOccurrence":"`)
		c.partialDate(last, 3)
		c.lit(`"`)
	}
	if c.st.changes > 0 {
		c.correction()
	}
	c.lit(`,"reaction":[{"substance":`)
	c.lit(a.code)
	c.lit(`,"manifestation":[`)
	c.lit(*pick(&c.d, manifestations))
	c.lit(`],"onset":"`)
	c.partialDate(last, 3)
	c.either(c.d.chance(70), `","severity":"mild"}]`, `","severity":"severe"}]`)
}
