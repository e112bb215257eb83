package population

// The organizations of a practice: itself, its laboratory, its pharmacy, the
// payers of its patients and the makers of vaccines.
const (
	orgPractice = iota
	orgLab
	orgPharmacy
	orgPayer   // the first of payerCount
	payerCount = 4
	orgMaker   = orgPayer + payerCount // the first of makerCount
	makerCount = 2
	orgCount   = orgMaker + makerCount
)

var organizationPart = part{
	level:   ofPractice,
	slots:   func(*cursor) int { return orgCount },
	life:    rooted,
	profile: always(usCore + "organization"),
	body:    writeOrganization,
}

const orgType = terms + "organization-type"

var orgTypes = [4]string{
	concept("Healthcare provider", coding{orgType, "prov", "Healthcare Provider"}),
	concept("Insurance company", coding{orgType, "ins", "Insurance Company"}),
	concept("Business", coding{orgType, "bus", "Non-healthcare business"}),
	concept("Department", coding{orgType, "dept", "Hospital Department"}),
}

var payerNames = [payerCount]string{
	"Blue Harbor Health Plan", "Medicare", "State Medicaid", "Granite Mutual",
}

func writeOrganization(c *cursor) {
	c.lit(`,"identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"`)
	c.npi(c.h)
	c.lit(`"}`)
	if c.j == orgLab {
		c.lit(`,{"system":"urn:oid:2.16.840.1.113883.4.7","value":"`)
		c.padded(int(c.h%100), 2)
		c.lit(`D`)
		c.padded(int(c.h>>8%10_000_000), 7)
		c.lit(`"}`)
	}
	c.lit(`],"active":true,"type":[`)
	switch {
	case c.j < orgPayer:
		c.lit(orgTypes[0])
	case c.j < orgMaker:
		c.lit(orgTypes[1])
	default:
		c.lit(orgTypes[2])
	}
	c.lit(`],"name":"`)
	c.orgName(c.j)
	c.lit(`","telecom":[`)
	c.phone(&c.v, "work")
	c.lit(`]`)
	c.address(c.h, false)
	if c.j == orgLab {
		c.refer("partOf", c.practice())
	}
}

// orgName appends the name of the j-th organization inside a string.
func (c *cursor) orgName(j int) {
	switch {
	case j == orgPractice && c.config.Practice != "":
		c.text(c.config.Practice)
	case j == orgPractice:
		c.text(c.town.city)
		c.lit(" Family Practice")
	case j == orgLab:
		c.text(c.town.city)
		c.lit(" Laboratory")
	case j == orgPharmacy:
		c.text(c.town.city)
		c.lit(" Corner Pharmacy")
	case j < orgMaker:
		c.lit(payerNames[j-orgPayer])
	default:
		c.lit("Vaccine Works ")
		c.int(j - orgMaker + 1)
	}
}

func (c *cursor) practice() key { return c.keyOf(kindOrganization, orgPractice) }
