package population

// A Provenance says who wrote the record of a visit.
var provenancePart = part{
	level:   ofVisit,
	slots:   one,
	life:    func(c *cursor) life { return c.leaf(4).unedited() },
	profile: always(usCore + "provenance"),
	body:    writeProvenance,
}

func writeProvenance(c *cursor) {
	c.lit(`,"target":[{`)
	c.ref(c.here(kindEncounter, 0))
	c.lit(`}`)
	if c.vs.acute >= 0 {
		c.lit(`,{`)
		c.ref(c.here(kindCondition, 0))
		c.lit(`}`)
	}
	c.lit(`]`)
	c.stamp("recorded", c.vs.created)
	if c.d.chance(50) {
		c.lit(`,"activity":{"coding":[{"system":"` + terms + `v3-DataOperation","code":"CREATE","display":"create"}]}`)
	}
	c.lit(`,"agent":[{"type":{"coding":[{"system":"` + terms + `provenance-participant-type","code":"author","display":"Author"}]},"who":{`)
	c.ref(c.doctor())
	c.lit(`},"onBehalfOf":{`)
	c.ref(c.practice())
	c.lit(`}},{"type":{"coding":[{"system":"http://hl7.org/fhir/us/core/CodeSystem/us-core-provenance-participant-type","code":"transmitter","display":"Transmitter"}]},"who":{`)
	c.ref(c.practice())
	c.lit(`}}]`)
}
