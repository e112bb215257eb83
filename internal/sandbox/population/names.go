package population

// Names are common ones, put together at random. Some need more than ASCII.
var (
	femaleNames = []string{
		"Ana", "Zoë", "Renée", "Mary", "Linda", "Grace", "Siobhán", "Chloé", "Aisha", "Mei", "Ingrid", "Noor",
		"Elena", "Ruth", "Thị Hoa", "Søs", "Keisha", "Olga", "Priya", "Martha", "Joan", "Inés", "Ama", "Leah",
		"Nora", "Sofía", "Hannah", "Yuki", "Fatima", "Dolores", "Eve", "Carol",
	}
	maleNames = []string{
		"José", "Björn", "Łukasz", "James", "Robert", "Omar", "André", "Dmitri", "Kofi", "Wei", "Sven", "Raj",
		"Ignacio", "Paul", "Minh", "Jürgen", "Darnell", "Ivan", "Arjun", "Walter", "Sean", "Íñigo", "Kwame", "Levi",
		"Noah", "Mateo", "Isaac", "Kenji", "Ali", "Ernest", "Adam", "Karl",
	}
	familyNames = []string{
		"Muñoz", "Nguyễn", "O'Brien", "Smith", "Johnson", "Müller", "García", "Kowalczyk", "Okafor", "Chen",
		"Lindqvist", "Patel", "Hernández", "Dubois", "Szabó", "Fitzgerald", "Washington", "Petrov", "Iyer", "Cohen",
		"Begay", "Kamaka", "St. John", "De la Cruz", "Mbeki", "Sato", "Haddad", "Reyes", "Whitfield", "Ørsted",
		"Tran", "Novák", "McAllister", "Baptiste", "Yazzie", "Abebe", "Castillo", "Horvat", "Jansen", "Quist",
	}
	streets = []string{
		"Oak", "Maple", "Third", "Mill", "Quarry", "Peña", "Harbor", "Juniper", "College", "Depot", "Cottonwood",
		"Lakeview", "Ferry", "Orchard", "Garrison", "Sycamore", "Summit", "Prairie", "Station", "Rosewood",
	}
	streetKinds = []string{"St", "Ave", "Rd", "Lane", "Blvd", "Ct"}
)

// A town is where a practice and its patients are. Its zone is in hours from
// UTC in winter.
type town struct {
	city, county, state string
	zip                 int // lowest postal code
	area                int // of telephone numbers
	lat, lon            int // in units of 0.0001 degree
	zone                int
}

var towns = []town{
	{"Millbrook", "Worcester", "MA", 1500, 508, 422600, -718000, -5},
	{"Cedar Falls", "Black Hawk", "IA", 50610, 319, 425300, -924400, -6},
	{"Española", "Rio Arriba", "NM", 87530, 505, 359900, -1060800, -7},
	{"Port Alder", "Lane", "OR", 97400, 541, 440500, -1231000, -8},
	{"Saint-Croix", "Penobscot", "ME", 4400, 207, 448000, -687700, -5},
	{"Bayou Vert", "Terrebonne", "LA", 70340, 985, 295900, -907200, -6},
}

// family appends the patient's family name, with the canary behind it.
func (c *cursor) family(d *dice) {
	c.text(*pick(d, familyNames))
	if d.chance(8) {
		c.b = append(c.b, '-')
		c.text(*pick(d, familyNames))
	}
	c.canary(" ")
}

// canary appends the configured word behind a separator, inside a string.
func (c *cursor) canary(separator string) {
	if c.config.Canary != "" {
		c.lit(separator)
		c.text(c.config.Canary)
	}
}

// address appends ,"address":[{...}]; h decides where, and a private one carries
// the canary.
func (c *cursor) address(h uint64, private bool) {
	d := dice(h)
	c.lit(`,"address":[{`)
	if private {
		c.lit(`"use":"home",`)
	}
	c.addressBody(&d, private)
	c.lit(`}]`)
}

func (c *cursor) addressBody(d *dice, private bool) {
	c.lit(`"line":["`)
	c.int(1 + d.below(2400))
	c.lit(" ")
	c.text(*pick(d, streets))
	c.lit(" ")
	c.lit(*pick(d, streetKinds))
	if private {
		c.canary(" ")
	}
	c.lit(`"`)
	if d.chance(20) {
		c.lit(`,"Apt `)
		c.int(1 + d.below(60))
		c.lit(`"`)
	}
	c.lit(`],"city":"`)
	c.text(c.town.city)
	c.lit(`"`)
	c.field("district", c.town.county)
	c.field("state", c.town.state)
	c.lit(`,"postalCode":"`)
	c.padded(c.town.zip+d.below(60), 5)
	c.lit(`","country":"US"`)
}

// phone appends one telephone number of a made-up exchange.
func (c *cursor) phone(d *dice, use string) {
	c.lit(`{"system":"phone","value":"(`)
	c.int(c.town.area)
	c.lit(`) 555-`)
	c.padded(d.below(10000), 4)
	c.lit(`","use":"`)
	c.lit(use)
	c.lit(`"}`)
}

// email appends one address of a domain that is reserved for examples.
func (c *cursor) email(d *dice, domain string) {
	c.lit(`{"system":"email","value":"`)
	c.hex(d.next(), 9)
	c.lit(`@`)
	c.lit(domain)
	c.lit(`.example"}`)
}

// npi appends a ten-digit provider number whose check digit is right: Luhn over
// 80840 and the digits.
func (l *line) npi(h uint64) {
	body := 100_000_000 + int(h%100_000_000)
	sum := 24 // what the prefix 80840 adds
	for i, n := 0, body; n > 0; i, n = i+1, n/10 {
		digit := n % 10
		if i%2 == 0 {
			digit *= 2
		}
		sum += digit/10 + digit%10
	}
	l.int(body)
	l.int((10 - sum%10) % 10)
}

// groupIdentifier is the identifier of the group of all patients.
func (p *Population) groupIdentifier() string {
	if p.config.GroupIdentifier != "" {
		return p.config.GroupIdentifier
	}
	var l line
	l.uuid(fold(p.seed, 0x92009))
	return string(l.b)
}
