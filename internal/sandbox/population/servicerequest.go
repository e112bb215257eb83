package population

// A visit orders its laboratory results in the first place, and may refer the
// patient to another doctor in the second.
var serviceRequestPart = part{
	level: ofVisit,
	slots: func(*cursor) int { return 2 },
	life: func(c *cursor) life {
		switch {
		case c.j == 0 && c.vs.labs() > 0:
			return born(c.after(1)).until(c.after(1) + hour)
		case c.j == 1 && c.h>>40%10 == 0:
			return c.leaf(1)
		}
		return absent
	},
	profile: always(usCore + "servicerequest"),
	body:    writeServiceRequest,
}

var (
	labOrder  = `,"category":[` + concept("", coding{snomed, "108252007", "Laboratory procedure"}) + `],"priority":"routine","code":`
	referral  = `,"category":[` + concept("", coding{snomed, "409063005", "Counselling"}) + `],"priority":"urgent","code":` + concept("", coding{snomed, "3457005", "Referral"})
	referrals = []string{"Please see soon.", "Patient prefers mornings.\nSpeaks French – très bien."}
)

func writeServiceRequest(c *cursor) {
	c.either(c.st.past, `,"status":"completed"`, `,"status":"active"`)
	c.lit(`,"intent":"order"`)
	if c.j == 0 {
		c.lit(labOrder)
		c.lit(panels[c.panel()].code)
	} else {
		c.lit(referral)
	}
	c.subject("subject")
	c.encounter("encounter")
	c.when("occurrenceDateTime", c.vs.end)
	c.when("authoredOn", c.vs.end)
	c.refer("requester", c.doctor())
	if c.j == 0 {
		c.lit(`,"performer":[{`)
		c.ref(c.keyOf(kindOrganization, orgLab))
		c.lit(`}]`)
	}
	switch {
	case c.vs.acute >= 0:
		c.because(c.here(kindCondition, 0))
	case c.vs.n > 0:
		c.because(c.own(kindCondition, c.vs.active[0]))
	default:
		c.lit(`,"reasonCode":[`)
		c.lit(checkUp)
		c.lit(`]`)
	}
	if c.st.changes > 0 {
		c.correction()
	} else if c.j == 1 {
		c.lit(`,"note":[{"text":"`)
		c.text(*pick(&c.d, referrals))
		c.canary(" ")
		c.lit(`"}]`)
	}
}
