package population

// What patients are asked once a visit.
const (
	askSmoking = iota
	askMood
	askFalls
	askWork
	askPeriod
	askPregnancy
	askFamily
	asks
)

// An ask is a question whose answer is an Observation.
type ask struct {
	profile string
	code    string // CodeableConcept
	social  bool   // social history, not a survey
}

var questions = [asks]ask{
	{usCore + "smokingstatus", concept("", coding{loinc, "72166-2", "Tobacco smoking status"}), true},
	{usCore + "observation-screening-assessment", concept("", coding{loinc, "44261-6", "PHQ-9 total score"}), false},
	{usCore + "observation-screening-assessment", concept("", coding{loinc, "52552-7", "Falls in the past year"}), false},
	{usCore + "observation-occupation", concept("", coding{loinc, "11341-5", "Occupation"}), true},
	{usCore + "simple-observation", concept("", coding{loinc, "8665-2", "Last menstrual period start"}), true},
	{usCore + "observation-pregnancystatus", concept("", coding{loinc, "82810-3", "Pregnancy status"}), true},
	{usCore + "simple-observation", concept("", coding{loinc, "10157-6", "Diseases in the family"}), true},
}

var (
	smoking = []string{
		concept("", coding{snomed, "266919005", "Never smoked"}),
		concept("", coding{snomed, "8517006", "Former smoker"}),
		concept("", coding{snomed, "449868002", "Smokes every day"}),
		concept("", coding{snomed, "428041000124106", "Smokes some days"}),
		concept("", coding{snomed, "266927001", "Smoking status unknown"}),
	}
	work = []string{
		concept("Teacher", coding{"urn:oid:2.16.840.1.114222.4.5.327", "2310", "Elementary school teacher"}),
		concept("Nurse", coding{"urn:oid:2.16.840.1.114222.4.5.327", "3255", "Registered nurse"}),
		concept("Driver", coding{"urn:oid:2.16.840.1.114222.4.5.327", "9130", "Truck driver"}),
		concept("Carpenter", coding{"urn:oid:2.16.840.1.114222.4.5.327", "6230", "Carpenter"}),
	}
	pregnancy = []string{
		concept("", coding{snomed, "60001007", "Not pregnant"}),
		concept("", coding{snomed, "77386006", "Pregnant"}),
	}
	families = []string{
		"Mother: diabetes; father: none known",
		"None known",
		"Father died at 61 of a \"heart attack\"\nSister: asthma",
		"Großmutter mütterlicherseits: Schlaganfall",
	}
)

// answers of the PHQ-9 and what they score.
var moods = [4]string{
	coding{loinc, "LA6568-5", "Not at all"}.json(),
	coding{loinc, "LA6569-3", "Several days"}.json(),
	coding{loinc, "LA6570-1", "More than half the days"}.json(),
	coding{loinc, "LA6571-9", "Nearly every day"}.json(),
}

// mood is the visit's answer to the i-th question of the PHQ-9, 0 to 3.
func (v *visit) mood(i int) int {
	d := dice(fold(v.h, 0x3009+uint64(i)))
	return d.below(1 + d.below(4))
}

func (v *visit) moodTotal() int {
	total := 0
	for i := range 9 {
		total += v.mood(i)
	}
	return total
}

// asked is the question of the visit at the cursor.
func (c *cursor) asked() int {
	age := c.pt.age(c.vs.start)
	q := [...]int{askSmoking, askMood, askSmoking, askFalls, askWork, askPeriod, askSmoking, askPregnancy, askFamily}[(c.vs.e+int(c.pt.h>>50))%9]
	switch {
	case age < 16:
		return askFamily
	case (q == askPeriod || q == askPregnancy) && (!c.pt.female || age > 50):
		return askFalls
	}
	return q
}

func (c *cursor) answer() {
	q := c.asked()
	c.either(questions[q].social, categorySocial, categorySurvey)
	c.about(questions[q].code)
	d := dice(fold(c.pt.h, 0xa5c))
	switch q {
	case askSmoking:
		c.lit(`,"valueCodeableConcept":`)
		c.lit(smoking[d.below(1+d.below(len(smoking)))])
	case askMood:
		c.lit(`,"valueInteger":`)
		c.int(c.vs.moodTotal())
		c.lit(`,"derivedFrom":[{`)
		c.ref(c.here(kindQuestionnaireResponse, 0))
		c.lit(`}]`)
	case askFalls:
		c.either(c.d.chance(20), `,"valueBoolean":true`, `,"valueBoolean":false`)
	case askWork:
		c.lit(`,"valueCodeableConcept":`)
		c.lit(*pick(&d, work))
	case askPeriod:
		c.on("valueDateTime", c.vs.start-int64(1+c.d.below(40))*day)
	case askPregnancy:
		c.lit(`,"valueCodeableConcept":`)
		c.lit(pregnancy[d.below(20)/19])
	case askFamily:
		c.field("valueString", *pick(&d, families))
	}
}
