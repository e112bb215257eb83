package population

var medicationPart = part{
	level:   ofPractice,
	slots:   func(*cursor) int { return len(drugs) },
	life:    rooted,
	profile: always(usCore + "medication"),
	body:    writeMedication,
}

func writeMedication(c *cursor) {
	g := &drugs[c.j]
	c.lit(`,"code":`)
	c.lit(g.code)
	c.lit(`,"status":"active"`)
	c.refer("manufacturer", c.keyOf(kindOrganization, orgMaker+c.j%makerCount))
	c.lit(`,"form":`)
	c.lit(g.form)
	c.lit(`,"ingredient":[{"itemCodeableConcept":`)
	c.lit(g.ingredient)
	c.lit(`,"isActive":true}],"batch":{"lotNumber":"`)
	c.hex(c.v.next(), 6)
	c.lit(`"}`)
}

// maxPrescriptions bounds the prescriptions of a visit: three for problems,
// and the last one for what the patient came with.
const maxPrescriptions = 4

// A prescription is what a visit orders.
type prescription struct {
	drug   *drug
	reason key
	h      uint64
}

// prescribed is the i-th prescription of the visit at the cursor, if any.
func (c *cursor) prescribed(i int) (prescription, bool) {
	h := fold(c.vs.h, 0x9e5c+uint64(i))
	if i == maxPrescriptions-1 {
		if c.vs.acute < 0 || len(acute[c.vs.acute].drugs) == 0 {
			return prescription{}, false
		}
		return prescription{&drugs[acute[c.vs.acute].drugs[0]], c.here(kindCondition, 0), h}, true
	}
	if i >= c.vs.n || h%100 >= 65 {
		return prescription{}, false
	}
	at := c.vs.active[i]
	choice := chronic[c.pt.problems[at].disease].drugs
	if len(choice) == 0 {
		return prescription{}, false
	}
	which := fold(c.pt.h, 0xd9+uint64(at)) % uint64(len(choice))
	return prescription{&drugs[choice[which]], c.own(kindCondition, at), h}, true
}

// medication appends the drug by reference or by code; all that speak of one
// prescription choose alike.
func (c *cursor) medication(p prescription) {
	if p.h>>50%10 >= 3 {
		c.lit(`,"medicationCodeableConcept":`)
		c.lit(p.drug.code)
		return
	}
	for i := range drugs {
		if &drugs[i] == p.drug {
			c.refer("medicationReference", c.keyOf(kindMedication, i))
		}
	}
}

// dosage appends ,"name":[...] with how the drug is taken.
func (c *cursor) dosage(name string, p prescription) {
	c.lit(`,"`)
	c.lit(name)
	c.lit(`":[{"text":"Take 1 dose `)
	c.int(p.drug.times)
	c.lit(` times a day`)
	c.canary(" ")
	c.lit(`","timing":{"repeat":{"frequency":`)
	c.int(p.drug.times)
	c.lit(`,"period":1,"periodUnit":"d"}`)
	if p.drug.times < 3 {
		c.either(p.drug.times == 1,
			`,"code":{"coding":[{"system":"`+terms+`v3-GTSAbbreviation","code":"QD","display":"Every day"}]}`,
			`,"code":{"coding":[{"system":"`+terms+`v3-GTSAbbreviation","code":"BID","display":"Twice a day"}]}`)
	}
	c.lit(`},`)
	if p.drug.asNeeded {
		c.lit(`"asNeededBoolean":true,`)
	}
	c.lit(`"route":`)
	c.lit(p.drug.route)
	c.lit(`,"doseAndRate":[{"doseQuantity":{"value":1`)
	c.lit(p.drug.unit)
	c.lit(`}]}]`)
}

// supply appends the quantity of a prescription under a name.
func (c *cursor) supply(name string, p prescription) {
	c.open(name)
	c.lit(`"value":`)
	c.int(p.drug.times * p.drug.days)
	c.lit(p.drug.unit)
}

// days appends a Duration under a name.
func (c *cursor) days(name string, n int) {
	c.open(name)
	c.lit(`"value":`)
	c.int(n)
	c.lit(inDays)
}

// because appends ,"reasonReference":[{...}].
func (c *cursor) because(k key) {
	c.lit(`,"reasonReference":[{`)
	c.ref(k)
	c.lit(`}]`)
}
