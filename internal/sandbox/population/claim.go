package population

var claimPart = part{
	level: ofVisit,
	slots: one,
	life:  func(c *cursor) life { return c.leaf(3) },
	body:  writeClaim,
}

const usd = `,"currency":"USD"}`

var (
	claimType = `,"type":` + bare(terms+"claim-type", "professional", "Professional")
	services  = []string{
		bare(cpt, "99213", "Office visit, low complexity"), bare(cpt, "99214", "Office visit, moderate complexity"),
		bare(cpt, "36415", "Drawing of blood"), bare(cpt, "96127", "Brief assessment"),
	}
)

func writeClaim(c *cursor) {
	c.lit(`,"status":"active"`)
	c.lit(claimType)
	c.lit(`,"use":"claim"`)
	c.subject("patient")
	c.lit(`,"billablePeriod":{"start":"`)
	c.dateTime(c.vs.start)
	c.lit(`","end":"`)
	c.dateTime(c.vs.end)
	c.lit(`"}`)
	c.on("created", c.vs.created)
	c.refer("insurer", c.payer(0))
	c.refer("provider", c.practice())
	c.lit(`,"priority":{"coding":[{"system":"` + terms + `processpriority","code":"normal"}]},"careTeam":[{"sequence":1,"provider":{`)
	c.ref(c.doctor())
	c.lit(`}}]`)
	c.claimDiagnosis()
	c.lit(`,"insurance":[{"sequence":1,"focal":true,"coverage":{`)
	c.ref(c.own(kindCoverage, 0))
	c.lit(`}}]`)
	c.claimItems()
}

func (c *cursor) claimDiagnosis() {
	switch {
	case c.vs.acute >= 0:
		c.lit(`,"diagnosis":[{"sequence":1,"diagnosisReference":{`)
		c.ref(c.here(kindCondition, 0))
		c.lit(`}}]`)
	case c.vs.n > 0:
		c.lit(`,"diagnosis":[{"sequence":1,"diagnosisCodeableConcept":`)
		c.lit(chronic[c.pt.problems[c.vs.active[0]].disease].code)
		c.lit(`}]`)
	}
}

// claimItems appends what was done and what it costs; an edit changes the
// price of the first item.
func (c *cursor) claimItems() {
	total := 0
	c.lit(`,"item":[`)
	for i := range 1 + c.d.below(3) {
		cents := 3500 + 25*c.d.below(600)
		if i == 0 {
			cents += c.st.changes * 5
		}
		total += cents
		c.either(i == 0, `{"sequence":`, `,{"sequence":`)
		c.int(i + 1)
		c.lit(`,"productOrService":`)
		c.lit(services[(i+c.d.below(2))%len(services)])
		c.on("servicedDate", c.vs.start)
		c.lit(`,"net":{"value":`)
		c.dec(cents, 2)
		c.lit(usd + `,"encounter":[{`)
		c.ref(c.here(kindEncounter, 0))
		c.lit(`}]}`)
	}
	c.lit(`],"total":{"value":`)
	c.dec(total, 2)
	c.lit(usd)
}
