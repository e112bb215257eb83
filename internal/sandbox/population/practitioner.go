package population

var (
	practitionerPart = part{
		level:   ofPractice,
		slots:   func(c *cursor) int { return c.doctors() },
		life:    rooted,
		profile: always(usCore + "practitioner"),
		body:    writePractitioner,
	}
	practitionerRolePart = part{
		level: ofPractice,
		slots: func(c *cursor) int { return c.doctors() },
		life: func(c *cursor) life { // after the doctors, the sites and the practice
			return born(c.start + 6*hour + int64(c.h>>12%uint64(hour)))
		},
		profile: always(usCore + "practitionerrole"),
		body:    writePractitionerRole,
	}
)

// doctors is how many practitioners the practice has.
func (p *Population) doctors() int { return 3 + min(p.config.Patients/400, 97) }

// doctor is who sees the patient at the visit at the cursor.
func (c *cursor) doctor() key {
	if c.vs.h&3 != 0 {
		return c.familyDoctor()
	}
	return c.keyOf(kindPractitioner, int(c.vs.h>>32%uint64(c.doctors())))
}

// familyDoctor is whom the patient at the cursor usually sees.
func (c *cursor) familyDoctor() key {
	return c.keyOf(kindPractitioner, int(fold(c.pt.h, 0xd0c)%uint64(c.doctors())))
}

var (
	degree      = concept("Doctor of medicine", coding{"http://terminology.hl7.org/CodeSystem/v2-0360", "MD", "Doctor of Medicine"})
	nurseDegree = concept("Nurse practitioner", coding{"http://terminology.hl7.org/CodeSystem/v2-0360", "NP", "Nurse Practitioner"})
	nucc        = "http://nucc.org/provider-taxonomy"
	roles       = [2]string{
		concept("", coding{nucc, "207Q00000X", "Family medicine physician"}),
		concept("", coding{nucc, "363LF0000X", "Family nurse practitioner"}),
	}
	specialties = [2]string{
		concept("", coding{nucc, "207Q00000X", "Family medicine"}),
		concept("", coding{nucc, "363LF0000X", "Family health"}),
	}
)

// nurse reports whether a practitioner is a nurse rather than a doctor.
func nurse(h uint64) bool { return h>>44%4 == 0 }

func writePractitioner(c *cursor) {
	c.lit(`,"identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"`)
	c.npi(c.h)
	c.lit(`"},{"use":"official","system":"urn:oid:1.3.6.1.4.1.32473.`)
	c.int(int(c.seed % 100000))
	c.lit(`.3","value":"P`)
	c.int(c.j + 1)
	c.lit(`"}],"active":true,"name":[{"use":"official","family":"`)
	d := dice(fold(c.h, 0x4a3e))
	family, given := *pick(&d, familyNames), doctorGiven(&d, c.h)
	c.text(family)
	c.lit(`","given":["`)
	c.text(given)
	c.lit(`"],"suffix":["`)
	c.either(nurse(c.h), "NP", "MD")
	c.lit(`"]}],"telecom":[`)
	c.phone(&c.v, "work")
	c.lit(`,`)
	c.email(&c.d, "practice")
	c.lit(`],"gender":"`)
	c.either(c.h>>45&1 == 0, "female", "male")
	c.lit(`"`)
	c.address(c.seed, false)
	c.lit(`,"qualification":[{"code":`)
	c.either(nurse(c.h), nurseDegree, degree)
	c.lit(`}]`)
}

func doctorGiven(d *dice, h uint64) string {
	female, male := *pick(d, femaleNames), *pick(d, maleNames)
	if h>>45&1 == 0 {
		return female
	}
	return male
}

// doctorName appends a practitioner's name inside a string.
func (c *cursor) doctorName(k key) {
	h := c.hash(k)
	d := dice(fold(h, 0x4a3e))
	family := *pick(&d, familyNames)
	c.text(doctorGiven(&d, h))
	c.lit(" ")
	c.text(family)
	c.either(nurse(h), ", NP", ", MD")
}

func writePractitionerRole(c *cursor) {
	h := c.hash(c.keyOf(kindPractitioner, c.j))
	c.lit(`,"active":true,"period":{"start":"`)
	c.partialDate(c.start-int64(c.d.below(9*365))*day, 1+c.d.below(3))
	c.lit(`"}`)
	c.refer("practitioner", c.keyOf(kindPractitioner, c.j))
	c.refer("organization", c.practice())
	c.lit(`,"code":[`)
	c.either(nurse(h), roles[1], roles[0])
	c.lit(`],"specialty":[`)
	c.either(nurse(h), specialties[1], specialties[0])
	c.lit(`],"location":[{`)
	c.ref(c.keyOf(kindLocation, c.j%c.sites()))
	c.lit(`}],"telecom":[`)
	c.phone(&c.v, "work")
	c.lit(`,`)
	c.email(&c.d, "practice")
	c.lit(`]`)
}
