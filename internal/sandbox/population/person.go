package population

// maxProblems bounds the chronic problems of one patient.
const maxProblems = 6

// A problem is a chronic condition of a patient.
type problem struct {
	disease int // index of chronic
	onset   int64
	visit   int // at which it was recorded, or noVisit: when the patient joined
	created int64
}

// A person is what the cursor knows of the patient at whom it stands.
type person struct {
	index    int
	h        uint64
	female   bool
	birth    int64
	joined   int64
	died     int64 // or never
	deleted  int64 // or never
	interval float64
	first    int64 // begin of the day of the first visit
	problems [maxProblems]problem
	n        int // problems in use
}

// census is an upper bound of the patients who joined up to until.
func (p *Population) census(until int64) int {
	gap := p.joinGap()
	if gap == 0 || until <= p.epoch {
		return p.config.Patients
	}
	return p.config.Patients + int(float64(until-p.epoch)/gap) + 1
}

// joinGap is the time between two new patients after the epoch, or 0.
func (p *Population) joinGap() float64 {
	perDay := p.config.JoinRate * float64(p.config.Patients)
	if perDay <= 0 {
		return 0
	}
	return float64(day) / perDay
}

// listed patients stand in groups, and are therefore never deleted.
func (p *Population) listed(i int) bool { return i%8 == 5 && i < p.config.Patients }

// meet moves the cursor to the i-th patient. It reports false, with the person
// half known, when the patient joins after until.
func (c *cursor) meet(i int, until int64) bool {
	h := fold(fold(c.seed, 0x9a71e47), uint64(i))
	d := dice(h)
	raw := float64(c.start) + d.unit()*float64(c.epoch-c.start-7*day)
	if i >= c.config.Patients {
		raw = float64(c.epoch+day) + (float64(i-c.config.Patients)+unit(h))*c.joinGap()
	}
	at := c.weekday(int64(raw))
	c.pt = person{index: i, h: h, joined: at + 7*hour + 30*minute + int64(d.below(1500))*second + int64(d.below(1000))}
	if c.pt.joined > until {
		return false
	}
	c.pt.first = at
	c.pt.female = d.chance(52)
	c.pt.birth = c.midnight(c.pt.joined - 3*day - int64(d.unit()*86*float64(year)))
	c.pt.interval = c.interval * (0.5 + d.unit())
	c.pt.died = never
	age := 58 + d.below(40)
	if at := c.pt.birth + int64(age)*year + int64(d.below(int(year/second)))*second; d.chance(12) && at > c.pt.joined+30*day {
		c.pt.died = at
	}
	c.pt.deleted = never
	if !c.listed(i) {
		c.pt.deleted = c.pace.removal(c.pt.joined, h, c.config.PatientDeleteRate)
	}
	c.fallIll()
	return true
}

// fallIll gives the patient chronic problems, each with an age at its onset.
func (c *cursor) fallIll() {
	d := dice(fold(c.pt.h, 0x111))
	for i := range chronic {
		sick, spread := d.below(100) < chronic[i].percent, d.unit()
		if !sick || c.pt.n == maxProblems {
			continue
		}
		q := problem{disease: i, visit: noVisit, created: c.pt.joined + 10*minute + int64(i)*second + int64(spread*1000)}
		q.onset = c.pt.birth + int64((float64(chronic[i].from)+spread*float64(85-chronic[i].from))*float64(year))
		if q.onset > c.pt.joined {
			q.visit = int(float64(q.onset-c.pt.first)/c.pt.interval) + 1
			visit, ok := c.appointment(q.visit)
			if !ok {
				continue
			}
			q.created = visit.created
		}
		c.pt.problems[c.pt.n] = q
		c.pt.n++
	}
}

// A visit is what the cursor knows of the visit at which it stands.
type visit struct {
	e          int
	h          uint64
	start, end int64
	created    int64 // when the record of the visit was closed
	deleted    int64 // or never
	acute      int   // index of acute, or -1
	measures   int   // observations
	vitals     int   // of them vital signs; they come first
	active     [maxProblems]int
	n          int // active problems
}

// raw comes before all of the e-th visit, by less than a week; it grows with e.
func (c *cursor) raw(e int) int64 {
	if e == 0 {
		return c.pt.first
	}
	h := fold(c.pt.h, uint64(e)+0x715)
	return c.pt.first + int64((float64(e)+0.7*unit(h))*c.pt.interval)
}

// appointment works out when the patient's e-th visit is, and false when the
// patient dies before.
func (c *cursor) appointment(e int) (visit, bool) {
	h := fold(c.pt.h, uint64(e)+0x8e5)
	v := visit{e: e, h: h}
	at := c.pt.first
	if e > 0 {
		at = c.weekday(c.raw(e) + day)
	}
	v.start = at + 8*hour + int64(h>>8%108)*5*minute
	v.end = v.start + int64(10+h>>24%45)*minute
	v.created = v.end + 2*minute + int64(h>>32%uint64(5*minute))
	return v, v.created < c.pt.died
}

// attend moves the cursor to the patient's e-th visit, and reports false when
// neither it nor a later one took place up to until.
func (c *cursor) attend(e int, until int64) bool {
	if c.raw(e) > until {
		return false
	}
	var alive bool
	if c.vs, alive = c.appointment(e); !alive {
		return false
	}
	d := dice(c.vs.h)
	c.vs.deleted = c.pace.removal(c.vs.created, c.vs.h, c.config.DeleteRate/10)
	c.vs.acute = -1
	if at := d.below(len(acute)); d.chance(45) {
		c.vs.acute = at
	}
	c.vs.measures = int(c.observations + d.unit())
	c.vs.vitals = min(c.vs.measures, (c.vs.measures*3+4)/5)
	for i := range c.pt.n {
		if c.pt.problems[i].visit <= e {
			c.vs.active[c.vs.n] = i
			c.vs.n++
		}
	}
	return true
}

// labs is how many laboratory results the visit has.
func (v *visit) labs() int { return max(0, v.measures-v.vitals-1) }

// after is the time at which a resource of the visit is recorded: the rank
// keeps what is referred to before what refers to it.
func (c *cursor) after(rank int) int64 {
	return c.vs.created + int64(rank)*15*minute + int64(c.h>>12%uint64(15*minute))
}

// leaf is the life of a resource of the visit that nothing refers to.
func (c *cursor) leaf(rank int) life { return c.loose(c.after(rank)) }

// loose is the life of a resource that nothing refers to.
func (c *cursor) loose(created int64) life {
	l := born(created)
	l.deleted = c.pace.removal(created, c.h, c.config.DeleteRate)
	return l
}

// joining is a time within half an hour of the patient's joining.
func (c *cursor) joining() int64 { return c.pt.joined + minute + int64(c.h>>12%uint64(25*minute)) }

// rooted is the life of a resource that the practice has from the start.
func rooted(c *cursor) life { return born(c.Population.start + int64(c.h>>12%uint64(6*hour))) }

// midnight is the begin of the practice's day at ms.
func (p *Population) midnight(ms int64) int64 {
	local := ms + p.zone.offset(ms)
	at := local - floorMod(local, day)
	return at - p.zone.offset(at-p.zone.standard+12*hour)
}

// weekday is the begin of the day at ms, or of the Monday after it.
func (p *Population) weekday(ms int64) int64 {
	at := p.midnight(ms)
	switch floorMod((at+12*hour)/day+4, 7) {
	case 6:
		return p.midnight(at + 2*day + 12*hour)
	case 0:
		return p.midnight(at + day + 12*hour)
	}
	return at
}

// age is the patient's age in whole years at ms.
func (p *person) age(ms int64) int { return int((ms - p.birth) / year) }
