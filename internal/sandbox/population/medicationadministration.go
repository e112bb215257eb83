package population

// An administration is a single dose that the practice gives at a visit.
var medicationAdministrationPart = part{
	level: ofVisit,
	slots: one,
	life: func(c *cursor) life {
		if c.vs.acute < 0 || c.h>>40%10 >= 3 {
			return absent
		}
		return c.leaf(2)
	},
	body: writeMedicationAdministration,
}

func writeMedicationAdministration(c *cursor) {
	g := &drugs[drugAcetaminophen]
	c.lit(`,"status":"completed"`)
	c.lit(`,"medicationCodeableConcept":`)
	c.lit(g.code)
	c.subject("subject")
	c.encounter("context")
	c.when("effectiveDateTime", c.vs.start+int64(1+c.d.below(9))*minute)
	c.lit(`,"performer":[{"actor":{`)
	c.ref(c.doctor())
	c.lit(`}}]`)
	c.because(c.here(kindCondition, 0))
	if c.st.changes > 0 {
		c.correction()
	}
	c.lit(`,"dosage":{"text":"Once, in the office","route":`)
	c.lit(g.route)
	c.lit(`,"dose":{"value":`)
	c.int(1 + c.d.below(2))
	c.lit(g.unit)
	c.lit(`}`)
}
