package population

// A RelatedPerson is the parent of a minor, or someone close to an adult.
var relatedPersonPart = part{
	level: ofPatient,
	slots: func(c *cursor) int {
		if c.accompanied() {
			return 1
		}
		return 0
	},
	life:    func(c *cursor) life { return born(c.pt.joined + 30*second) },
	profile: always(usCore + "relatedperson"),
	body:    writeRelatedPerson,
}

// accompanied reports whether someone stands by the patient.
func (c *cursor) accompanied() bool {
	return c.pt.age(c.pt.joined) < 18 || fold(c.pt.h, 0x4e1)%100 < 30
}

var (
	parent = concept("", coding{terms + "v3-RoleCode", "PRN", "Parent"})
	spouse = concept("", coding{terms + "v3-RoleCode", "SPS", "Spouse"})
)

func writeRelatedPerson(c *cursor) {
	c.lit(`,"active":true`)
	c.subject("patient")
	c.lit(`,"relationship":[`)
	c.either(c.pt.age(c.pt.joined) < 18, parent, spouse)
	c.lit(`],"name":[{"family":"`)
	same := dice(fold(c.pt.h, 0x4a3e)) // the patient's own family name
	c.family(&same)
	c.lit(`","given":["`)
	if c.d.chance(50) {
		c.text(*pick(&c.d, femaleNames))
	} else {
		c.text(*pick(&c.d, maleNames))
	}
	c.lit(`"]}],"telecom":[`)
	c.phone(&c.v, "mobile")
	c.lit(`,`)
	c.email(&c.d, "mail")
	c.lit(`]`)
	c.address(fold(c.pt.h, 0xadd2e55), true)
	c.lit(`,"period":{"start":"`)
	c.partialDate(c.pt.joined, 1+c.d.below(3))
	c.lit(`"}`)
}
