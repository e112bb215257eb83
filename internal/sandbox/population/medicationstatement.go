package population

// A statement is what the patient says to take; it follows the first
// prescription of a visit.
var medicationStatementPart = part{
	level: ofVisit,
	slots: one,
	life: func(c *cursor) life {
		p, ok := c.prescribed(0)
		if !ok || p.h>>32%10 >= 5 {
			return absent
		}
		return c.leaf(2).until(c.after(2) + int64(p.drug.days)*day)
	},
	body: writeMedicationStatement,
}

var statementCategory = `,"category":` + concept("", coding{terms + "medication-statement-category", "outpatient", "Outpatient"})

func writeMedicationStatement(c *cursor) {
	p, _ := c.prescribed(0)
	c.lit(`,"basedOn":[{`)
	c.ref(c.here(kindMedicationRequest, 0))
	c.lit(`}]`)
	c.either(c.st.past, `,"status":"completed"`, `,"status":"active"`)
	c.lit(statementCategory)
	c.medication(p)
	c.subject("subject")
	c.encounter("context")
	c.lit(`,"effectivePeriod":{"start":"`)
	c.date(c.vs.start)
	c.lit(`"`)
	if c.st.past {
		c.lit(`,"end":"`)
		c.date(c.vs.start + int64(p.drug.days)*day)
		c.lit(`"`)
	}
	c.lit(`}`)
	c.when("dateAsserted", c.vs.end)
	if c.d.chance(80) {
		c.refer("informationSource", c.patientKey())
	}
	c.because(p.reason)
	if c.st.changes > 0 {
		c.correction()
	}
	c.dosage("dosage", p)
}
