package population

var procedurePart = part{
	level: ofVisit,
	slots: one,
	life: func(c *cursor) life {
		if c.h>>40%100 >= 35 {
			return absent
		}
		return c.leaf(2)
	},
	profile: always(usCore + "procedure"),
	body:    writeProcedure,
}

func newProcedure(name, procedural, sct string) string {
	return concept(name, coding{cpt, procedural, name}, coding{snomed, sct, name})
}

var procedures = []string{
	newProcedure("Drawing of blood", "36415", "82078001"),
	newProcedure("Electrocardiogram", "93000", "29303009"),
	newProcedure("Colonoscopy", "45378", "73761001"),
	newProcedure("Depression screening", "96127", "171207006"),
	newProcedure("Spirometry", "94010", "127783003"),
	newProcedure("Mammography", "77067", "71651007"),
	newProcedure("Closure of a wound", "12001", "288086009"),
	newProcedure("Injection into a large joint", "20610", "76601001"),
}

var procedureCategory = `,"category":` + concept("", coding{snomed, "103693007", "Diagnostic procedure"})

func writeProcedure(c *cursor) {
	c.lit(`,"status":"completed"`)
	if c.d.chance(60) {
		c.lit(procedureCategory)
	}
	which := c.d.below(len(procedures))
	c.lit(`,"code":`)
	c.lit(procedures[which])
	c.subject("subject")
	c.encounter("encounter")
	if c.d.chance(50) {
		c.when("performedDateTime", c.vs.start+5*minute)
	} else {
		c.lit(`,"performedPeriod":{"start":"`)
		c.dateTime(c.vs.start + 5*minute)
		c.lit(`","end":"`)
		c.dateTime(c.vs.start + 9*minute)
		c.lit(`"}`)
	}
	c.lit(`,"performer":[{"actor":{`)
	c.ref(c.doctor())
	c.lit(`}}]`)
	c.refer("location", c.site())
	if c.vs.n > 0 && c.d.chance(60) {
		at := c.vs.active[0]
		c.lit(`,"reasonCode":[`)
		c.lit(chronic[c.pt.problems[at].disease].code)
		c.lit(`]`)
		c.because(c.own(kindCondition, at))
	}
	if which >= 6 {
		c.lit(`,"bodySite":[{"coding":[{"system":"` + snomed + `","code":"72696002","display":"Knee"}]}]`)
	}
	if c.d.chance(40) {
		c.lit(`,"outcome":{"coding":[{"system":"` + snomed + `","code":"385669000","display":"Successful"}],"text":"Went well"}`)
	}
	if c.st.changes > 0 {
		c.correction()
	}
}
