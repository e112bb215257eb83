package population

var careTeamPart = part{
	level:   ofPatient,
	slots:   one,
	life:    func(c *cursor) life { return born(c.joining()) },
	profile: always(usCore + "careteam"),
	body:    writeCareTeam,
}

var teamRoles = struct{ doctor, patient, caregiver, category string }{
	concept("", coding{snomed, "446050000", "Primary care provider"}),
	concept("", coding{snomed, "116154003", "Patient"}),
	concept("", coding{snomed, "133932002", "Caregiver"}),
	concept("", coding{loinc, "LA28865-6", "Longitudinal care team"}),
}

func writeCareTeam(c *cursor) {
	c.lit(`,"status":"active","category":[`)
	c.lit(teamRoles.category)
	c.lit(`],"name":"Care team of `)
	c.int(c.pt.index + 1)
	c.lit(`"`)
	c.subject("subject")
	c.lit(`,"period":{"start":"`)
	c.date(c.pt.joined)
	c.lit(`"},"participant":[{"role":[`)
	c.lit(teamRoles.doctor)
	c.lit(`],"member":{`)
	c.ref(c.familyDoctor())
	c.lit(`},"period":{"start":"`)
	c.partialDate(c.pt.joined, 2)
	c.lit(`"}},{"role":[`)
	c.lit(teamRoles.patient)
	c.lit(`],"member":{`)
	c.ref(c.patientKey())
	c.lit(`}}`)
	if c.accompanied() {
		c.lit(`,{"role":[`)
		c.lit(teamRoles.caregiver)
		c.lit(`],"member":{`)
		c.ref(c.own(kindRelatedPerson, 0))
		c.lit(`}}`)
	}
	c.lit(`]`)
	c.lit(`,"managingOrganization":[{`)
	c.ref(c.practice())
	c.lit(`}]`)
	if c.st.changes > 0 {
		c.correction()
	}
}
