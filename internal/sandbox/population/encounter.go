package population

var encounterPart = part{
	level:   ofVisit,
	slots:   one,
	life:    func(c *cursor) life { return born(c.vs.created) },
	profile: always(usCore + "encounter"),
	body:    writeEncounter,
}

var visitTypes = []string{
	concept("Office visit", coding{cpt, "99213", "Office visit, established patient, low complexity"}, coding{snomed, "185349003", "Check-up visit"}),
	concept("Office visit", coding{cpt, "99214", "Office visit, established patient, moderate complexity"}),
	concept("Annual physical", coding{cpt, "99396", "Preventive visit, established adult"}, coding{snomed, "410620009", "Well visit"}),
	concept("Telephone visit", coding{cpt, "99442", "Telephone visit"}, coding{snomed, "185317003", "Telephone encounter"}),
}

var checkUp = concept("Check-up", coding{snomed, "410620009", "Well visit"})

func writeEncounter(c *cursor) {
	c.lit(`,"identifier":[{"use":"official","system":"urn:oid:1.3.6.1.4.1.32473.`)
	c.int(int(c.seed % 100000))
	c.lit(`.2","value":"V`)
	c.padded(int(c.h%1e9), 9)
	c.lit(`"}],"status":"finished"`)
	kind := c.d.below(len(visitTypes))
	if kind == 3 {
		c.lit(`,"class":{"system":"` + actCode + `","code":"VR","display":"virtual"}`)
	} else {
		c.lit(`,"class":{"system":"` + actCode + `","code":"AMB","display":"ambulatory"}`)
	}
	c.lit(`,"type":[`)
	c.lit(visitTypes[kind])
	c.lit(`],"serviceType":{"coding":[{"system":"` + terms + `service-type","code":"124","display":"General Practice"}]}`)
	c.subject("subject")
	c.participants()
	c.lit(`,"period":{"start":"`)
	c.dateTime(c.vs.start)
	c.lit(`","end":"`)
	c.dateTime(c.vs.end)
	c.lit(`"}`)
	if c.d.chance(50) {
		c.lit(`,"length":{"value":`)
		c.int(int((c.vs.end - c.vs.start) / minute))
		c.lit(inMinutes)
	}
	c.reasons()
	if c.d.chance(15) {
		c.lit(`,"hospitalization":{"dischargeDisposition":{"coding":[{"system":"` + terms + `discharge-disposition","code":"home","display":"Home"}],"text":"Home"}}`)
	}
	c.lit(`,"location":[{"location":{`)
	c.ref(c.site())
	c.lit(`}}]`)
	c.refer("serviceProvider", c.practice())
	if c.st.changes > 0 {
		c.lit(`,"priority":{"text":"Changed after review `)
		c.int(c.st.changes)
		c.lit(`"}`)
	}
}

func (c *cursor) participants() {
	c.lit(`,"participant":[{"type":[{"coding":[{"system":"` + terms + `v3-ParticipationType","code":"PPRF","display":"primary performer"}]}],"period":{"start":"`)
	c.dateTime(c.vs.start)
	c.lit(`","end":"`)
	c.dateTime(c.vs.end)
	c.lit(`"},"individual":{`)
	c.ref(c.doctor())
	c.lit(`,"display":"`)
	c.doctorName(c.doctor())
	c.lit(`"}}`)
	if c.d.chance(25) {
		c.lit(`,{"type":[{"coding":[{"system":"` + terms + `v3-ParticipationType","code":"ATND","display":"attender"}]}],"individual":{`)
		c.ref(c.familyDoctor())
		c.lit(`}}`)
	}
	c.lit(`]`)
}

// reasons appends why the patient came, and the diagnoses of the visit.
func (c *cursor) reasons() {
	c.lit(`,"reasonCode":[`)
	switch {
	case c.vs.acute >= 0:
		c.lit(acute[c.vs.acute].code)
	case c.vs.n > 0:
		c.lit(chronic[c.pt.problems[c.vs.active[0]].disease].code)
	default:
		c.lit(checkUp)
	}
	c.lit(`]`)
	n := 0
	if c.vs.acute >= 0 {
		c.diagnosis(c.here(kindCondition, 0), n)
		n++
	}
	for _, i := range c.vs.active[:min(2, c.vs.n)] {
		c.diagnosis(c.own(kindCondition, i), n)
		n++
	}
	if n > 0 {
		c.lit(`]`)
	}
}

// diagnosis appends the n-th diagnosis of the visit, counted from 0.
func (c *cursor) diagnosis(k key, n int) {
	c.either(n == 0, `,"diagnosis":[{"condition":{`, `,{"condition":{`)
	c.ref(k)
	c.lit(`},"use":{"coding":[{"system":"` + terms + `diagnosis-role","code":"billing","display":"Billing"}]},"rank":`)
	c.int(n + 1)
	c.lit(`}`)
}
