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

func (c *cursor) vital() int {
	i := c.j % vitalHead
	if i == vitalMassIndex && c.pt.age(c.vs.start) < 3 {
		return vitalHead
	}
	return i
}

// panel is the order that the visit's laboratory results answer.
func (c *cursor) panel() int {
	switch {
	case c.vs.n > 0:
		return chronic[c.pt.problems[c.vs.active[c.vs.e%c.vs.n]].disease].panel
	case c.vs.acute >= 0:
		return acute[c.vs.acute].panel
	}
	return panelBlood
}

func (c *cursor) lab() *lab {
	return &labs[(panels[c.panel()].first+c.j-c.vs.vitals-1)%len(labs)]
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
	if c.st.changes == 0 {
		c.lit(`,"status":"final"`)
	} else if c.v.chance(50) {
		c.lit(`,"status":"amended"`)
	} else {
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

func (c *cursor) vitalSign() {
	i := c.vital()
	v := &vitals[i]
	c.lit(categoryVital)
	c.about(v.code)
	if i == vitalPressure {
		c.bloodPressure()
		return
	}
	value := c.measure(i)
	if c.d.chance(2) {
		c.lit(valueUnknown)
		return
	}
	c.lit(`,"valueQuantity":{"value":`)
	c.dec(value, v.scale)
	c.lit(v.unit)
	if i == vitalTemperature && c.d.chance(30) {
		c.lit(`,"bodySite":{"coding":[{"system":"` + snomed + `","code":"74262004","display":"Oral cavity"}]}`)
	}
	if i == vitalWeight && c.d.chance(20) {
		c.lit(`,"method":{"coding":[{"system":"` + snomed + `","code":"258104002","display":"Measured"}]}`)
	}
}

// measure is the value of a vital sign at its scale.
func (c *cursor) measure(i int) int {
	noise := c.v.below(5) - 2
	mm, grams := c.body()
	switch i {
	case vitalPulse:
		return 62 + int(c.pt.h>>8%24) + c.d.below(9) + noise
	case vitalWeight:
		return grams/100 + noise
	case vitalHeight:
		return mm + noise/2
	case vitalMassIndex:
		return grams*100/(mm*mm/1000) + noise
	case vitalTemperature:
		if c.vs.acute >= 0 && c.vs.acute < 5 {
			return 9900 + 10*c.d.below(31) + 10*noise
		}
		return 9760 + 10*c.d.below(14) + 10*noise
	case vitalBreaths:
		return 12 + c.d.below(7)
	case vitalOxygen:
		return 940 + 5*c.d.below(12)
	case vitalHead:
		return 340 + 4*int((c.vs.start-c.pt.birth)/(30*day)) + noise
	}
	return 0
}

// body is the patient's height in millimetres and weight in grams at the
// visit. Children grow; adults gain and lose a little.
func (c *cursor) body() (mm, grams int) {
	d := dice(fold(c.pt.h, 0xb0d))
	adult := 1690 + d.below(200)
	if c.pt.female {
		adult -= 120
	}
	index := 190 + d.below(80) + d.below(60) // tenths of kg/m2
	drift := int(fold(c.vs.h, 0xd1e7)%12) - 6
	months := int((c.vs.start - c.pt.birth) / (year / 12))
	mm = adult
	if months < 18*12 {
		mm = 500 + (adult-500)*months/(18*12)
		index = 155 + (index-155)*months/(18*12)
	}
	return mm, (index + drift) * mm / 100 * mm / 100
}

func (c *cursor) bloodPressure() {
	age := c.pt.age(c.vs.start)
	high := 96 + min(age, 80)/3 + int(c.pt.h>>16%16) + c.d.below(12) + c.v.below(3)
	for _, i := range c.vs.active[:c.vs.n] {
		if c.pt.problems[i].disease == 0 {
			high += 18
		}
	}
	low := high*6/10 + c.d.below(10)
	if high >= 140 {
		c.lit(interpretations['H'-'A'])
	}
	c.lit(`,"component":[{"code":`)
	c.lit(systolic)
	c.lit(`,"valueQuantity":{"value":`)
	c.int(high)
	c.lit(vitals[vitalPressure].unit)
	c.lit(`},{"code":`)
	c.lit(diastolic)
	if c.d.chance(1) {
		c.lit(valueUnknown)
	} else {
		c.lit(`,"valueQuantity":{"value":`)
		c.int(low)
		c.lit(vitals[vitalPressure].unit)
	}
	c.lit(`}]`)
}

// interpretations by letter, from A.
var interpretations = func() (s [26]string) {
	for code, name := range map[byte]string{'H': "High", 'L': "Low", 'N': "Normal", 'A': "Abnormal"} {
		s[code-'A'] = `,"interpretation":[` + bare(terms+"v3-ObservationInterpretation", string(rune(code)), name) + `]`
	}
	return s
}()

func (c *cursor) labResult() {
	l := c.lab()
	c.lit(`,"basedOn":[{`)
	c.ref(c.here(kindServiceRequest, 0))
	c.lit(`}]`)
	c.lit(categoryLab)
	c.about(l.code)
	d := dice(fold(fold(c.pt.h, 0x1ab), uint64(c.vs.e)<<8|uint64(c.j)))
	switch {
	case c.d.chance(1):
		c.lit(valueUnknown)
	case len(l.answers) > 0:
		c.lit(`,"valueCodeableConcept":`)
		c.lit(l.answers[d.below(1+d.below(len(l.answers)))])
	case len(l.words) > 0:
		c.field("valueString", *pick(&d, l.words))
	default:
		c.labQuantity(l, &d)
	}
	c.refer("specimen", c.here(kindSpecimen, 0))
	c.lit(l.ranges)
}

func (c *cursor) labQuantity(l *lab, d *dice) {
	span := l.high - l.low
	// Half of the value is the patient's own level, half the day's.
	own := int(fold(fold(c.pt.h, uint64(l.low)), uint64(l.high)) % uint64(span+1))
	value := l.low + (own+d.below(span+1))/2 + (d.below(span+1)-span/2)/2 + c.v.below(max(2, span/20))
	if d.chance(6) {
		value = l.high + d.below(span)
	}
	value = max(value, 1)
	c.lit(`,"valueQuantity":{"value":`)
	if l.floor && value < l.low {
		c.dec(l.low, l.scale)
		c.lit(`,"comparator":"<"`)
	} else {
		c.dec(value, l.scale)
	}
	c.lit(l.unit)
	switch {
	case value > l.high:
		c.lit(interpretations['H'-'A'])
	case value < l.low && !l.floor:
		c.lit(interpretations['L'-'A'])
	case c.d.chance(70):
		c.lit(interpretations['N'-'A'])
	}
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
