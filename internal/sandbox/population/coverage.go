package population

var coveragePart = part{
	level: ofPatient,
	slots: func(c *cursor) int {
		if fold(c.pt.h, 0xc0)%100 < 15 {
			return 2
		}
		return 1
	},
	life:    func(c *cursor) life { return born(c.joining()) },
	profile: always(usCore + "coverage"),
	body:    writeCoverage,
}

// payer is who pays the patient's i-th coverage.
func (c *cursor) payer(i int) key {
	at := fold(c.pt.h, 0x9a7) % payerCount
	return c.keyOf(kindOrganization, orgPayer+(int(at)+i)%payerCount)
}

var coverageTypes = []string{
	concept("", coding{actCode, "EHCPOL", "Extended healthcare"}),
	concept("", coding{actCode, "HMO", "Health maintenance organization policy"}),
	concept("", coding{actCode, "PPO", "Preferred provider organization policy"}),
}

const (
	relatedSelf  = `,"relationship":{"coding":[{"system":"` + terms + `subscriber-relationship","code":"self","display":"Self"}],"text":"Self"}`
	relatedChild = `,"relationship":{"coding":[{"system":"` + terms + `subscriber-relationship","code":"child","display":"Child"}]}`
)

func writeCoverage(c *cursor) {
	c.lit(`,"identifier":[{"type":{"coding":[{"system":"` + table203 + `","code":"MB","display":"Member Number"}]},"system":"urn:oid:1.3.6.1.4.1.32473.9","value":"`)
	c.padded(int(c.h%1e11), 11)
	c.lit(`"}],"status":"active","type":`)
	c.lit(*pick(&c.d, coverageTypes))
	minor := c.pt.age(c.pt.joined) < 18
	if minor {
		c.lit(`,"policyHolder":{`)
		c.ref(c.own(kindRelatedPerson, 0))
		c.lit(`}`)
	} else if c.d.chance(60) {
		c.refer("policyHolder", c.patientKey())
	}
	c.lit(`,"subscriberId":"`)
	c.padded(int(c.h>>7%1e9), 9)
	c.lit(`"`)
	c.subject("beneficiary")
	c.either(minor, relatedChild, relatedSelf)
	c.lit(`,"period":{"start":"`)
	c.date(max(c.pt.birth+day, c.pt.joined-int64(c.d.below(700))*day))
	c.lit(`"},"payor":[{`)
	c.ref(c.payer(c.j))
	c.lit(`}],"class":[{"type":{"coding":[{"system":"` + terms + `coverage-class","code":"group","display":"Group"}]},"value":"G`)
	c.int(1000 + c.d.below(9000))
	c.lit(`","name":"Employees of `)
	c.text(c.town.city)
	c.lit(`"},{"type":{"coding":[{"system":"` + terms + `coverage-class","code":"plan","display":"Plan"}]},"value":"`)
	c.either(c.d.chance(50), `gold","name":"Gold plan"}]`, `basic","name":"Basic plan"}]`)
	c.lit(`,"order":`)
	c.int(c.j + 1)
	c.lit(`,"network":"N`)
	c.int(1 + c.v.below(90))
	c.lit(`-`)
	c.int(c.st.changes)
	c.lit(`"`)
}
