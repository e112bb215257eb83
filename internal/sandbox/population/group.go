package population

// The groups of a practice are all its patients, and those with one of a few
// diseases. Only a cohort lists members, and only some: a listed patient is
// never deleted, so that the list always resolves.
var groupPart = part{
	level: ofPractice,
	slots: func(*cursor) int { return 1 + len(cohorts) },
	life:  rooted,
	body:  writeGroup,
}

// cohorts are indexes of chronic.
var cohorts = []int{0, 1, 4}

// maxMembers bounds the list of a cohort.
const maxMembers = 25

func writeGroup(c *cursor) {
	c.lit(`,"identifier":[{"system":"urn:oid:1.3.6.1.4.1.32473.`)
	c.int(int(c.seed % 100000))
	c.lit(`.5","value":"`)
	if c.j == 0 {
		c.text(c.groupIdentifier())
	} else {
		c.uuid(c.h ^ 0x92009)
	}
	c.lit(`"}],"type":"person","actual":true,"name":"`)
	if c.j == 0 {
		c.lit(`All patients`)
	} else {
		c.text(chronic[cohorts[c.j-1]].name)
	}
	c.lit(` (list `)
	c.int(c.st.version())
	c.lit(`)"`)
	if c.j == 0 {
		c.lit(`,"quantity":`)
		c.int(c.patients(c.st.updated))
	}
	c.refer("managingEntity", c.practice())
	if c.j > 0 {
		c.members(cohorts[c.j-1])
	}
}

// patients counts who has joined and was not deleted up to a time.
func (c *cursor) patients(until int64) int {
	n := 0
	for i := range c.census(until) {
		if c.meet(i, until) && c.pt.deleted > until {
			n++
		}
	}
	return n
}

// members lists patients with a disease at the time of the group's version.
func (c *cursor) members(disease int) {
	n := 0
	for i := 0; i < c.config.Patients && n < maxMembers; i++ {
		if !c.listed(i) || !c.meet(i, c.st.updated) || !c.pt.has(disease, c.st.updated) {
			continue
		}
		c.either(n == 0, `,"member":[{"entity":{`, `,{"entity":{`)
		n++
		c.ref(c.patientKey())
		c.lit(`},"period":{"start":"`)
		c.date(c.pt.joined)
		c.lit(`"}}`)
	}
	if n > 0 {
		c.lit(`]`)
	}
}

// has reports whether the person's disease was recorded up to a time.
func (p *person) has(disease int, until int64) bool {
	for _, q := range p.problems[:p.n] {
		if q.disease == disease && q.created <= until {
			return true
		}
	}
	return false
}
