package population

// A key names one resource: of the practice (e is noVisit and there is no
// patient), of a patient (e is noVisit) or of a visit.
type key struct {
	kind    kind
	patient bool
	e, j    int
}

const noVisit = -1

// A cursor stands at one resource of a walk through one type. It holds the
// only buffer of the walk.
type cursor struct {
	*Population
	line
	win     window
	removed bool // the walk also visits patients and visits that were deleted

	pt  person
	vs  visit
	key key
	j   int    // the resource's place within its part
	h   uint64 // the resource's hash
	st  state
	d   dice // for what stays the same in all versions
	v   dice // for what a version changes
	aux line // for a text that goes into the line encoded
}

func (p *Population) cursor(k kind, w window) *cursor {
	return &cursor{Population: p, win: w, key: key{kind: k}, line: line{zone: p.zone, b: make([]byte, 0, 2048)}}
}

// walk calls see for every place that holds a resource at some time up to the
// window's end, in the order of patients, visits and places, until see returns
// false. The cursor's key and hash are set, and so are its patient and visit.
func (c *cursor) walk(see func(*part, life) bool) {
	for i := range catalogue[c.key.kind] {
		part := &catalogue[c.key.kind][i]
		var more bool
		if part.level == ofPractice {
			more = c.walkPractice(part, see)
		} else {
			more = c.walkPatients(part, see)
		}
		if !more {
			return
		}
	}
}

func (c *cursor) walkPractice(part *part, see func(*part, life) bool) bool {
	for j := range part.slots(c) {
		if j%c.of != c.shard {
			continue
		}
		c.stand(key{kind: c.key.kind, e: noVisit, j: j})
		if !see(part, part.life(c)) {
			return false
		}
	}
	return true
}

func (c *cursor) walkPatients(part *part, see func(*part, life) bool) bool {
	for i := c.shard; i < c.census(c.win.until); i += c.of {
		if !c.meet(i, c.win.until) || c.pt.deleted <= c.win.until && !c.removed {
			continue
		}
		if part.level == ofPatient {
			if !c.walkSlots(part, noVisit, see) {
				return false
			}
			continue
		}
		for e := 0; c.attend(e, c.win.until); e++ {
			if c.vs.deleted <= c.win.until && !c.removed {
				continue
			}
			if !c.walkSlots(part, e, see) {
				return false
			}
		}
	}
	return true
}

func (c *cursor) walkSlots(part *part, e int, see func(*part, life) bool) bool {
	for j := range part.slots(c) {
		c.stand(key{kind: c.key.kind, patient: true, e: e, j: j})
		l := part.life(c)
		if l.created == never {
			continue
		}
		l.deleted = min(l.deleted, c.pt.deleted)
		if e != noVisit {
			l.deleted = min(l.deleted, c.vs.deleted)
		}
		if !see(part, l) {
			return false
		}
	}
	return true
}

func (c *cursor) stand(k key) { c.key, c.j, c.h = k, k.j, c.hash(k) }

// hash is the fixed hash of the resource that k names. For a patient's or a
// visit's resources it holds for the patient at whom the cursor stands.
func (c *cursor) hash(k key) uint64 {
	base := c.seed
	if k.patient {
		base = c.pt.h
	}
	return fold(fold(base, uint64(k.kind)+0x51), uint64(k.e+1)<<24|uint64(k.j))
}

// write makes the resource at the cursor in the buffer.
func (c *cursor) write(part *part) {
	c.d = dice(c.h)
	c.v = dice(fold(c.h, uint64(c.st.changes)+77))
	c.escape = c.h>>20&15 == 0
	c.b = append(c.b[:0], `{"resourceType":"`...)
	c.lit(typeNames[c.key.kind])
	c.lit(`","id":"`)
	c.id(c.key)
	c.lit(`","meta":{"versionId":"`)
	c.int(c.st.version())
	c.lit(`"`)
	if c.config.MissingLastUpdated == 0 || unit(fold(c.h, 0x1057)) >= c.config.MissingLastUpdated {
		c.lit(`,"lastUpdated":"`)
		c.instant(c.st.updated)
		c.lit(`"`)
	}
	if part.profile != nil {
		c.lit(`,"profile":["`)
		c.lit(part.profile(c))
		c.lit(`"]`)
	}
	c.lit(`}`)
	part.body(c)
	c.lit(`}`)
}

// keyOf names the j-th resource of the practice of a kind.
func (c *cursor) keyOf(k kind, j int) key { return key{kind: k, e: noVisit, j: j} }

// own names the j-th resource of a kind of the patient at the cursor.
func (c *cursor) own(k kind, j int) key { return key{kind: k, patient: true, e: noVisit, j: j} }

// here names the j-th resource of a kind of the visit at the cursor.
func (c *cursor) here(k kind, j int) key { return key{kind: k, patient: true, e: c.vs.e, j: j} }

// id appends the id of the resource that k names.
func (c *cursor) id(k key) {
	if c.config.IDs == UUID {
		c.uuid(c.hash(k))
		return
	}
	if k.patient {
		c.int(c.pt.index + 1)
		if k.kind == kindPatient {
			return
		}
		c.b = append(c.b, '-')
		if k.e != noVisit {
			c.int(k.e + 1)
			c.b = append(c.b, '-')
		}
	}
	c.int(k.j + 1)
}

// uuid appends 32 hexadecimal digits that follow from h, in the form of a
// random UUID.
func (l *line) uuid(h uint64) {
	hi, lo := mix(h^golden), mix(h+golden)
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 2<<62
	l.hex(hi>>32, 8)
	l.b = append(l.b, '-')
	l.hex(hi>>16, 4)
	l.b = append(l.b, '-')
	l.hex(hi, 4)
	l.b = append(l.b, '-')
	l.hex(lo>>48, 4)
	l.b = append(l.b, '-')
	l.hex(lo, 12)
}

// hex appends the lowest digits of h.
func (l *line) hex(h uint64, digits int) {
	for i := digits - 1; i >= 0; i-- {
		l.b = append(l.b, hexDigits[h>>(4*i)&15])
	}
}

// ref appends "reference":"Type/id" of the resource that k names.
func (c *cursor) ref(k key) {
	c.lit(`"reference":"`)
	c.lit(typeNames[k.kind])
	c.b = append(c.b, '/')
	c.id(k)
	c.b = append(c.b, '"')
}

// refer appends ,"name":{"reference":"Type/id"}.
func (c *cursor) refer(name string, k key) {
	c.open(name)
	c.ref(k)
	c.b = append(c.b, '}')
}

// open appends ,"name":{ for an object that the caller closes.
func (c *cursor) open(name string) {
	c.lit(`,"`)
	c.lit(name)
	c.lit(`":{`)
}

// when appends ,"name":"2024-03-05T09:12:00-05:00".
func (c *cursor) when(name string, ms int64) {
	c.quote(name)
	c.dateTime(ms)
	c.b = append(c.b, '"')
}

// on appends ,"name":"2024-03-05".
func (c *cursor) on(name string, ms int64) {
	c.quote(name)
	c.date(ms)
	c.b = append(c.b, '"')
}

// stamp appends ,"name":"2024-03-05T14:12:00.000Z".
func (c *cursor) stamp(name string, ms int64) {
	c.quote(name)
	c.instant(ms)
	c.b = append(c.b, '"')
}

func (c *cursor) quote(name string) {
	c.lit(`,"`)
	c.lit(name)
	c.lit(`":"`)
}

// subject appends the reference to the patient at the cursor.
func (c *cursor) subject(name string) { c.refer(name, c.patientKey()) }

// encounter appends the reference to the visit at the cursor.
func (c *cursor) encounter(name string) { c.refer(name, c.here(kindEncounter, 0)) }

func (c *cursor) patientKey() key { return c.own(kindPatient, 0) }
