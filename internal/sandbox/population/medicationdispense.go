package population

var medicationDispensePart = part{
	level: ofVisit,
	slots: func(*cursor) int { return maxPrescriptions },
	life: func(c *cursor) life {
		if p, ok := c.prescribed(c.j); !ok || p.h>>40%10 >= 7 {
			return absent
		}
		return c.leaf(2)
	},
	profile: always(usCore + "medicationdispense"),
	body:    writeMedicationDispense,
}

func writeMedicationDispense(c *cursor) {
	p, _ := c.prescribed(c.j)
	c.lit(`,"status":"completed"`)
	c.medication(p)
	c.subject("subject")
	c.encounter("context")
	if c.d.chance(80) {
		c.lit(`,"performer":[{"actor":{`)
		c.ref(c.keyOf(kindOrganization, orgPharmacy))
		c.lit(`}}]`)
	}
	if c.d.chance(40) {
		c.refer("location", c.site())
	}
	c.lit(`,"authorizingPrescription":[{`)
	c.ref(c.here(kindMedicationRequest, c.j))
	c.lit(`}],"type":{"coding":[{"system":"` + actCode + `","code":"FF","display":"First Fill"}]}`)
	c.supply("quantity", p)
	c.days("daysSupply", p.drug.days)
	c.when("whenPrepared", c.after(2)-8*minute)
	c.when("whenHandedOver", c.after(2)-minute)
	if c.st.changes > 0 {
		c.correction()
	}
	c.dosage("dosageInstruction", p)
	if c.d.chance(40) {
		c.either(c.d.chance(30), `,"substitution":{"wasSubstituted":true}`, `,"substitution":{"wasSubstituted":false}`)
	}
}
