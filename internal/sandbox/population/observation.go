package population

const (
	categoryVital  = `,"category":[{"coding":[{"system":"` + terms + `observation-category","code":"vital-signs","display":"Vital Signs"}],"text":"Vital signs"}]`
	categoryLab    = `,"category":[{"coding":[{"system":"` + terms + `observation-category","code":"laboratory","display":"Laboratory"}]}]`
	categorySocial = `,"category":[{"coding":[{"system":"` + terms + `observation-category","code":"social-history","display":"Social History"}]}]`
	categorySurvey = `,"category":[{"coding":[{"system":"` + terms + `observation-category","code":"survey","display":"Survey"}]}]`
	valueUnknown   = `,"dataAbsentReason":{"coding":[{"system":"` + terms + `data-absent-reason","code":"not-performed","display":"Not Performed"}]}`
)

var observationPart = part{
	level: ofVisit,
	slots: func(c *cursor) int { return c.vs.measures },
	life: func(c *cursor) life {
		if c.isLab() {
			return born(c.after(2)) // a report refers to it
		}
		return c.leaf(2)
	},
	profile: observationProfile,
	body:    writeObservation,
}

// The observations of a visit are its vital signs, one question, and the rest
// laboratory results.
func (c *cursor) isLab() bool   { return c.j > c.vs.vitals }
func (c *cursor) isVital() bool { return c.j < c.vs.vitals }

func (c *cursor) asks(question int) bool { return c.j == c.vs.vitals && c.asked() == question }

func observationProfile(c *cursor) string {
	switch {
	case c.isVital():
		return vitals[c.vital()].profile
	case c.isLab():
		return usCore + "observation-lab"
	}
	return questions[c.asked()].profile
}

func writeObservation(c *cursor) {
	switch {
	case c.st.changes == 0 || c.asks(askSmoking): // that profile knows no amendment
		c.lit(`,"status":"final"`)
	case c.v.chance(50):
		c.lit(`,"status":"amended"`)
	default:
		c.lit(`,"status":"corrected"`)
	}
	switch {
	case c.isVital():
		c.vitalSign()
	case c.isLab():
		c.labResult()
	default:
		c.answer()
	}
	if c.st.changes > 0 {
		c.correction()
	}
}

// about appends what all observations share, from code to performer.
func (c *cursor) about(code string) {
	c.lit(`,"code":`)
	c.lit(code)
	c.subject("subject")
	c.encounter("encounter")
	at := c.vs.start + int64(c.d.next()%uint64(c.vs.end-c.vs.start))
	c.when("effectiveDateTime", at)
	if c.d.chance(90) {
		c.stamp("issued", c.after(2)-int64(c.d.below(int(minute))))
	}
	if c.d.chance(85) {
		c.lit(`,"performer":[{`)
		c.ref(c.doctor())
		c.lit(`}]`)
	}
}

var corrections = []string{
	"Value checked against the paper form.", "Entered again:\nthe first entry was for another day.",
	"Corrected after a call \"back\" to the laboratory.", "Überprüft – stimmt.", "Looks fine 🩺", "See path C:\\scans\\old.",
}

// correction appends the note that an edit leaves.
func (c *cursor) correction() {
	c.lit(`,"note":[{"time":"`)
	c.dateTime(c.st.updated)
	c.lit(`","text":"`)
	c.text(*pick(&c.v, corrections))
	c.canary(" ")
	c.lit(` (`)
	c.int(c.st.changes)
	c.lit(`)"}]`)
}
