package population

var immunizationPart = part{
	level: ofVisit,
	slots: one,
	life: func(c *cursor) life {
		if c.h>>40%100 >= 35 {
			return absent
		}
		return c.leaf(2)
	},
	profile: always(usCore + "immunization"),
	body:    writeImmunization,
}

// A vaccine is given from one age to another, in years.
type vaccine struct {
	code     string
	from, to int
	doses    int
}

func newVaccine(code, name, product string, from, to, doses int) vaccine {
	return vaccine{concept(name, coding{cvx, code, name}, coding{ndc, product, name}), from, to, doses}
}

// The product codes are made up.
var vaccines = []vaccine{
	newVaccine("140", "Influenza vaccine, seasonal", "99990-0140-01", 1, 200, 1),
	newVaccine("20", "Diphtheria, tetanus and pertussis vaccine", "99990-0020-10", 0, 6, 5),
	newVaccine("10", "Polio vaccine", "99990-0010-10", 0, 6, 4),
	newVaccine("03", "Measles, mumps and rubella vaccine", "99990-0003-05", 1, 12, 2),
	newVaccine("21", "Chickenpox vaccine", "99990-0021-05", 1, 12, 2),
	newVaccine("115", "Tetanus, diphtheria and pertussis booster", "99990-0115-01", 11, 200, 1),
	newVaccine("62", "Human papillomavirus vaccine", "99990-0062-02", 9, 26, 3),
	newVaccine("33", "Pneumococcal vaccine", "99990-0033-01", 65, 200, 1),
	newVaccine("121", "Shingles vaccine", "99990-0121-01", 50, 200, 2),
}

var arms = [2]string{
	`,"site":` + concept("", coding{terms + "v3-ActSite", "LA", "Left arm"}),
	`,"site":` + concept("", coding{terms + "v3-ActSite", "RA", "Right arm"}),
}

// vaccine is one that suits the patient's age.
func (c *cursor) vaccine() *vaccine {
	at, age := c.d.below(len(vaccines)), c.pt.age(c.vs.start)
	for age < vaccines[at].from || age > vaccines[at].to {
		at = (at + 1) % len(vaccines)
	}
	return &vaccines[at]
}

func writeImmunization(c *cursor) {
	v := c.vaccine()
	if refused := c.d.chance(4); refused {
		c.lit(`,"status":"not-done","statusReason":{"coding":[{"system":"` + terms + `v3-ActReason","code":"PATOBJ","display":"Patient objection"}]}`)
	} else {
		c.lit(`,"status":"completed"`)
	}
	c.lit(`,"vaccineCode":`)
	c.lit(v.code)
	c.subject("patient")
	c.encounter("encounter")
	switch c.d.below(10) {
	case 0:
		c.lit(`,"occurrenceString":"at another practice"`)
	case 1, 2:
		c.on("occurrenceDateTime", c.vs.start)
	default:
		c.when("occurrenceDateTime", c.vs.start+5*minute)
	}
	c.either(c.d.chance(90), `,"primarySource":true`, `,"primarySource":false`)
	c.refer("location", c.site())
	c.refer("manufacturer", c.keyOf(kindOrganization, orgMaker+c.d.below(makerCount)))
	c.lit(`,"lotNumber":"`)
	c.hex(c.d.next(), 6)
	c.lit(`"`)
	c.on("expirationDate", c.vs.start+int64(90+c.d.below(400))*day)
	c.lit(arms[c.d.below(2)])
	c.lit(`,"route":{"coding":[{"system":"` + terms + `v3-RouteOfAdministration","code":"IM","display":"Injection, intramuscular"}]},"doseQuantity":{"value":0.5`)
	c.lit(inMillilitres)
	c.lit(`,"performer":[{"actor":{`)
	c.ref(c.doctor())
	c.lit(`}}]`)
	if c.st.changes > 0 {
		c.correction()
	}
	if c.d.chance(60) {
		c.lit(`,"protocolApplied":[{"doseNumberPositiveInt":`)
		c.int(1 + c.d.below(v.doses))
		c.lit(`,"seriesDosesPositiveInt":`)
		c.int(v.doses)
		c.lit(`}]`)
	}
}
