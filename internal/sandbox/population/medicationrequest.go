package population

var medicationRequestPart = part{
	level: ofVisit,
	slots: func(*cursor) int { return maxPrescriptions },
	life: func(c *cursor) life {
		p, ok := c.prescribed(c.j)
		if !ok {
			return absent
		}
		created := c.after(1)
		return born(created).until(created + int64(p.drug.days)*day)
	},
	profile: always(usCore + "medicationrequest"),
	body:    writeMedicationRequest,
}

var (
	community = `,"category":[` + concept("", coding{terms + "medicationrequest-category", "community", "Community"}) + `]`
	discharge = `,"category":[` + concept("", coding{terms + "medicationrequest-category", "outpatient", "Outpatient"}) + `]`
)

func writeMedicationRequest(c *cursor) {
	p, _ := c.prescribed(c.j)
	c.either(c.st.past, `,"status":"completed"`, `,"status":"active"`)
	c.lit(`,"intent":"order"`)
	c.either(c.d.chance(70), community, discharge)
	if c.d.chance(20) {
		c.lit(`,"priority":"routine"`)
	}
	if c.d.chance(30) {
		c.either(c.d.chance(10), `,"reportedBoolean":true`, `,"reportedBoolean":false`)
	}
	c.medication(p)
	c.subject("subject")
	c.encounter("encounter")
	c.when("authoredOn", c.vs.end)
	c.refer("requester", c.doctor())
	if c.d.chance(30) {
		c.refer("recorder", c.doctor())
	}
	if c.d.chance(25) && p.reason.e == noVisit {
		c.lit(`,"reasonCode":[`)
		c.lit(chronic[c.pt.problems[p.reason.j].disease].code)
		c.lit(`]`)
	}
	c.because(p.reason)
	if c.st.changes > 0 {
		c.correction()
	}
	c.dosage("dosageInstruction", p)
	c.lit(`,"dispenseRequest":{"validityPeriod":{"start":"`)
	c.date(c.vs.start)
	c.lit(`","end":"`)
	c.date(c.vs.start + year)
	c.lit(`"},"numberOfRepeatsAllowed":`)
	c.int(c.d.below(4))
	c.supply("quantity", p)
	c.days("expectedSupplyDuration", p.drug.days)
	c.lit(`}`)
	if c.d.chance(50) {
		c.either(c.d.chance(85), `,"substitution":{"allowedBoolean":true}`, `,"substitution":{"allowedBoolean":false}`)
	}
}
