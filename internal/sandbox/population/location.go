package population

var locationPart = part{
	level:   ofPractice,
	slots:   func(c *cursor) int { return c.sites() },
	life:    rooted,
	profile: always(usCore + "location"),
	body:    writeLocation,
}

// sites is how many places the practice has.
func (p *Population) sites() int { return 2 + min(p.config.Patients/2500, 18) }

var siteType = concept("Family medicine clinic", coding{terms + "v3-RoleCode", "PROFF", "Provider's Office"})

func writeLocation(c *cursor) {
	c.lit(`,"status":"active","name":"`)
	c.orgName(orgPractice)
	if c.j > 0 {
		c.lit(`, site `)
		c.int(c.j + 1)
	}
	c.lit(`","mode":"instance","type":[`)
	c.lit(siteType)
	c.lit(`],"telecom":[`)
	c.phone(&c.v, "work")
	c.lit(`]`)
	at := len(c.b)
	c.address(c.h, false)
	// Location.address is one address, not a list.
	c.b = append(c.b[:at+len(`,"address":`)], c.b[at+len(`,"address":[`):]...)
	c.b = c.b[:len(c.b)-1]
	c.lit(`,"position":{"longitude":`)
	c.dec(c.town.lon+c.d.below(900), 4)
	c.lit(`,"latitude":`)
	c.dec(c.town.lat+c.d.below(900), 4)
	c.lit(`}`)
	c.refer("managingOrganization", c.practice())
}

// site is where the visit at the cursor takes place.
func (c *cursor) site() key {
	return c.keyOf(kindLocation, int(fold(c.pt.h, 0x517e)%uint64(c.sites())))
}
