package population

var specimenPart = part{
	level: ofVisit,
	slots: one,
	life: func(c *cursor) life {
		if c.vs.labs() == 0 {
			return absent
		}
		return born(c.after(1))
	},
	profile: always(usCore + "specimen"),
	body:    writeSpecimen,
}

var (
	blood = concept("", coding{snomed, "119297000", "Blood specimen"})
	urine = concept("", coding{snomed, "122575003", "Urine specimen"})
)

func writeSpecimen(c *cursor) {
	c.lit(`,"identifier":[{"system":"urn:oid:1.3.6.1.4.1.32473.`)
	c.int(int(c.seed % 100000))
	c.lit(`.4","value":"S`)
	c.padded(int(c.h%1e10), 10)
	c.lit(`"}],"accessionIdentifier":{"value":"A`)
	c.padded(int(c.h>>8%1e8), 8)
	c.lit(`"},"status":"available","type":`)
	wet := c.panel() == panelUrine
	c.either(wet, urine, blood)
	c.subject("subject")
	c.when("receivedTime", c.vs.end+minute)
	c.lit(`,"collection":{"collectedDateTime":"`)
	c.dateTime(c.vs.start + 6*minute)
	c.lit(`"`)
	if !wet {
		c.lit(`,"bodySite":{"coding":[{"system":"` + snomed + `","code":"49852007","display":"Median cubital vein"}]}`)
	}
	c.lit(`}`)
	if c.d.chance(5) {
		c.lit(`,"condition":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0493","code":"HEM","display":"Hemolyzed"}]}]`)
	}
	if c.st.changes > 0 {
		c.correction()
	}
}
