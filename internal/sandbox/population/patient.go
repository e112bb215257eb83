package population

const (
	raceURL      = usCore + "race"
	ethnicityURL = usCore + "ethnicity"
	cdcRace      = "urn:oid:2.16.840.1.113883.6.238"
)

var patientPart = part{
	level: ofPatient,
	slots: one,
	life: func(c *cursor) life {
		return life{created: c.pt.joined, milestone: c.pt.died, deleted: never}
	},
	profile: always(usCore + "patient"),
	body:    writePatient,
}

// A people is a race and its codes.
type people struct {
	omb, text, detailed string
	share               int
}

var races = []people{
	{coding{cdcRace, "2106-3", "White"}.json(), "White", "", 58},
	{coding{cdcRace, "2054-5", "Black or African American"}.json(), "Black or African American", "", 15},
	{coding{cdcRace, "2028-9", "Asian"}.json(), "Asian", coding{cdcRace, "2036-2", "Filipino"}.json(), 12},
	{coding{cdcRace, "1002-5", "American Indian or Alaska Native"}.json(), "Native American", coding{cdcRace, "1586-7", "Shoshone"}.json(), 8},
	{coding{cdcRace, "2076-8", "Native Hawaiian or Other Pacific Islander"}.json(), "Pacific Islander", "", 7},
}

func writePatient(c *cursor) {
	c.demographics()
	c.lit(`,"identifier":[{"use":"usual","type":{"coding":[{"system":"` + table203 + `","code":"MR","display":"Medical record number"}],"text":"Medical Record Number"},"system":"urn:oid:1.3.6.1.4.1.32473.`)
	c.int(int(c.seed % 100000))
	c.lit(`.1","value":"`)
	c.padded(c.pt.index+100001, 7)
	c.lit(`"}`)
	if c.d.chance(40) {
		c.lit(`,{"use":"secondary","type":{"coding":[{"system":"` + table203 + `","code":"DL","display":"Driver's license number"}]},"system":"urn:oid:2.16.840.1.113883.4.3.25","value":"S`)
		c.padded(c.d.below(100000000), 8)
		c.lit(`"}`)
	}
	c.lit(`],"active":`)
	c.either(c.st.past, "false", "true")
	c.patientNames()
	c.patientTelecom()
	c.lit(`,"gender":"`)
	c.either(c.pt.female, "female", "male")
	c.lit(`"`)
	c.on("birthDate", c.pt.birth+12*hour)
	if told := c.d.chance(30); c.st.past {
		c.when("deceasedDateTime", c.pt.died)
	} else if told {
		c.lit(`,"deceasedBoolean":false`)
	}
	c.patientAddress()
	c.patientTies()
}

func (c *cursor) demographics() {
	d := dice(fold(c.pt.h, 0x4ace))
	c.lit(`,"extension":[`)
	if d.chance(90) {
		c.race(&d)
		c.lit(`,`)
	}
	if d.chance(90) {
		c.ethnicity(&d)
		c.lit(`,`)
	}
	if d.chance(6) {
		c.lit(`{"url":"` + usCore + `tribal-affiliation","extension":[{"url":"tribalAffiliation","valueCodeableConcept":{"coding":[{"system":"` + terms + `v3-TribalEntityUS","code":"170","display":"Navajo Nation"}],"text":"Navajo"}},{"url":"isEnrolled","valueBoolean":true}]},`)
	}
	if d.chance(25) {
		c.lit(`{"url":"` + usCore + `genderIdentity","valueCodeableConcept":{"coding":[{"system":"` + snomed + `","code":"`)
		c.either(c.pt.female, `446141000124107","display":"Identifies as female`, `446151000124109","display":"Identifies as male`)
		c.lit(`"}]}},`)
	}
	c.either(c.pt.female,
		`{"url":"`+usCore+`birthsex","valueCode":"F"},{"url":"`+usCore+`sex","valueCode":"248152002"}]`,
		`{"url":"`+usCore+`birthsex","valueCode":"M"},{"url":"`+usCore+`sex","valueCode":"248153007"}]`)
}

func (c *cursor) race(d *dice) {
	at, share := 0, d.below(100)
	for share >= races[at].share {
		share -= races[at].share
		at++
	}
	r := &races[at]
	c.lit(`{"url":"` + raceURL + `","extension":[{"url":"ombCategory","valueCoding":`)
	c.lit(r.omb)
	if r.detailed != "" {
		c.lit(`},{"url":"detailed","valueCoding":`)
		c.lit(r.detailed)
	}
	c.lit(`},{"url":"text","valueString":"`)
	c.lit(r.text)
	c.lit(`"}]}`)
}

func (c *cursor) ethnicity(d *dice) {
	code := `"2186-5","display":"Not Hispanic or Latino"}},{"url":"text","valueString":"Not Hispanic or Latino`
	if d.chance(22) {
		code = `"2135-2","display":"Hispanic or Latino"}},{"url":"text","valueString":"Hispanic or Latino`
	}
	c.lit(`{"url":"` + ethnicityURL + `","extension":[{"url":"ombCategory","valueCoding":{"system":"` + cdcRace + `","code":`)
	c.lit(code)
	c.lit(`"}]}`)
}

// patientNames appends the names: the official one, and for some an old one.
func (c *cursor) patientNames() {
	d := dice(fold(c.pt.h, 0x4a3e))
	c.lit(`,"name":[{"use":"official","family":"`)
	c.family(&d)
	c.lit(`","given":["`)
	c.given(&d)
	c.lit(`"`)
	if d.chance(60) {
		c.lit(`,"`)
		c.lit(string(rune('A'+d.below(26))) + `."`)
	}
	c.lit(`]`)
	if d.chance(20) {
		c.either(c.pt.female, `,"prefix":["Ms."]`, `,"prefix":["Mr."]`)
	}
	if d.chance(4) {
		c.lit(`,"suffix":["Jr."]`)
	}
	c.lit(`}`)
	if c.pt.female && d.chance(25) && c.pt.age(c.pt.joined) > 25 {
		c.lit(`,{"use":"old","family":"`)
		c.family(&d)
		c.lit(`","given":["`)
		e := dice(fold(c.pt.h, 0x4a3e+1))
		c.given(&e)
		c.lit(`"],"period":{"end":"`)
		c.partialDate(c.pt.birth+24*year, 1+d.below(3))
		c.lit(`"}}`)
	}
	c.lit(`]`)
}

func (c *cursor) given(d *dice) {
	names := maleNames
	if c.pt.female {
		names = femaleNames
	}
	c.text(*pick(d, names))
	c.canary(" ")
}

// patientTelecom appends the contacts; an edit of the patient changes the
// first number.
func (c *cursor) patientTelecom() {
	c.lit(`,"telecom":[`)
	c.phone(&c.v, "home")
	if c.d.chance(70) {
		c.lit(`,`)
		c.phone(&c.d, "mobile")
	}
	if c.d.chance(30) {
		c.lit(`,`)
		c.phone(&c.d, "work")
	}
	if c.d.chance(60) {
		c.lit(`,`)
		c.email(&c.d, "mail")
	}
	c.lit(`]`)
}

// patientAddress appends where the patient lives; one edit in three is a move.
func (c *cursor) patientAddress() {
	moves := uint64(c.st.changes+2) / 3
	c.address(fold(c.pt.h, 0xadd2e55+moves), true)
	if moves > 0 {
		c.b = c.b[:len(c.b)-1]
		c.lit(`,{"use":"old",`)
		d := dice(fold(c.pt.h, 0xadd2e55+moves-1))
		c.addressBody(&d, true)
		c.lit(`}]`)
	}
}

const v3Marital = terms + "v3-MaritalStatus"

var maritals = []string{
	concept("", coding{v3Marital, "M", "Married"}), concept("", coding{v3Marital, "S", "Never married"}),
	concept("", coding{v3Marital, "D", "Divorced"}), concept("", coding{v3Marital, "W", "Widowed"}),
}

var languages = []string{
	concept("", coding{"urn:ietf:bcp:47", "en", "English"}), concept("", coding{"urn:ietf:bcp:47", "en-US", "English (US)"}),
	concept("", coding{"urn:ietf:bcp:47", "es", "Spanish"}), concept("", coding{"urn:ietf:bcp:47", "vi", "Vietnamese"}),
}

// patientTies appends how the patient is bound to others: marriage, language,
// doctor and practice.
func (c *cursor) patientTies() {
	if status := pick(&c.d, maritals); c.pt.age(c.pt.joined) > 22 {
		c.lit(`,"maritalStatus":`)
		c.lit(*status)
	}
	if c.d.chance(85) {
		c.lit(`,"communication":[{"language":`)
		c.lit(languages[c.d.below(1+c.d.below(len(languages)))])
		c.lit(`,"preferred":true}]`)
	}
	if c.d.chance(80) {
		c.lit(`,"generalPractitioner":[{`)
		c.ref(c.familyDoctor())
		c.lit(`}]`)
	}
	c.refer("managingOrganization", c.practice())
}
