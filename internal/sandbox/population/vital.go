package population

// The vital signs, in the order of the table below.
const (
	vitalPressure = iota
	vitalPulse
	vitalWeight
	vitalHeight
	vitalMassIndex
	vitalTemperature
	vitalBreaths
	vitalOxygen
	vitalHead
)

// A vital is a vital sign.
type vital struct {
	profile string
	code    string // CodeableConcept
	scale   int
	unit    string // Quantity after the value
}

func newVital(profile, code, name, unit, unitCode string, scale int) vital {
	return vital{usCore + profile, concept(name, coding{loinc, code, name}), scale, quantity(unit, unitCode)}
}

var vitals = []vital{
	newVital("blood-pressure", "85354-9", "Blood pressure", "mmHg", "mm[Hg]", 0),
	newVital("heart-rate", "8867-4", "Heart rate", "beats/minute", "/min", 0),
	newVital("body-weight", "29463-7", "Body weight", "kg", "kg", 1),
	newVital("body-height", "8302-2", "Body height", "cm", "cm", 1),
	newVital("bmi", "39156-5", "Body mass index", "kg/m2", "kg/m2", 2),
	newVital("body-temperature", "8310-5", "Body temperature", "degF", "[degF]", 2),
	newVital("respiratory-rate", "9279-1", "Breaths per minute", "breaths/minute", "/min", 0),
	{
		usCore + "pulse-oximetry", concept("Oxygen saturation",
			coding{loinc, "59408-5", "Oxygen saturation by pulse oximetry"}, coding{loinc, "2708-6", "Oxygen saturation"}),
		1, quantity("%", "%"),
	},
	newVital("head-circumference", "9843-4", "Head circumference", "cm", "cm", 1),
}

var (
	systolic  = concept("", coding{loinc, "8480-6", "Systolic blood pressure"})
	diastolic = concept("", coding{loinc, "8462-4", "Diastolic blood pressure"})
)

func (c *cursor) vital() int {
	i := c.j % vitalHead
	if i == vitalMassIndex && c.pt.age(c.vs.start) < 3 {
		return vitalHead
	}
	return i
}

func (c *cursor) vitalSign() {
	i := c.vital()
	v := &vitals[i]
	c.lit(categoryVital)
	c.about(v.code)
	if i == vitalPressure {
		c.bloodPressure()
		return
	}
	value := c.measure(i)
	if c.d.chance(2) {
		c.lit(valueUnknown)
		return
	}
	c.lit(`,"valueQuantity":{"value":`)
	c.dec(value, v.scale)
	c.lit(v.unit)
	if i == vitalTemperature && c.d.chance(30) {
		c.lit(`,"bodySite":{"coding":[{"system":"` + snomed + `","code":"74262004","display":"Oral cavity"}]}`)
	}
	if i == vitalWeight && c.d.chance(20) {
		c.lit(`,"method":{"coding":[{"system":"` + snomed + `","code":"258104002","display":"Measured"}]}`)
	}
}

// measure is the value of a vital sign at its scale.
func (c *cursor) measure(i int) int {
	noise := c.v.below(5) - 2
	mm, grams := c.body()
	switch i {
	case vitalPulse:
		return 62 + int(c.pt.h>>8%24) + c.d.below(9) + noise
	case vitalWeight:
		return grams/100 + noise
	case vitalHeight:
		return mm + noise/2
	case vitalMassIndex:
		return grams*100/(mm*mm/1000) + noise
	case vitalTemperature:
		if c.vs.acute >= 0 && c.vs.acute < 5 {
			return 9900 + 10*c.d.below(31) + 10*noise
		}
		return 9760 + 10*c.d.below(14) + 10*noise
	case vitalBreaths:
		return 12 + c.d.below(7)
	case vitalOxygen:
		return 940 + 5*c.d.below(12)
	case vitalHead:
		return 340 + 4*int((c.vs.start-c.pt.birth)/(30*day)) + noise
	}
	return 0
}

// body is the patient's height in millimetres and weight in grams at the
// visit. Children grow; adults gain and lose a little.
func (c *cursor) body() (mm, grams int) {
	d := dice(fold(c.pt.h, 0xb0d))
	adult := 1690 + d.below(200)
	if c.pt.female {
		adult -= 120
	}
	index := 190 + d.below(80) + d.below(60) // tenths of kg/m2
	drift := int(fold(c.vs.h, 0xd1e7)%12) - 6
	months := int((c.vs.start - c.pt.birth) / (year / 12))
	mm = adult
	if months < 18*12 {
		mm = 500 + (adult-500)*months/(18*12)
		index = 155 + (index-155)*months/(18*12)
	}
	return mm, (index + drift) * mm / 100 * mm / 100
}

func (c *cursor) bloodPressure() {
	age := c.pt.age(c.vs.start)
	high := 96 + min(age, 80)/3 + int(c.pt.h>>16%16) + c.d.below(12) + c.v.below(3)
	for _, i := range c.vs.active[:c.vs.n] {
		if c.pt.problems[i].disease == 0 {
			high += 18
		}
	}
	low := high*6/10 + c.d.below(10)
	if high >= 140 {
		c.lit(interpretations['H'-'A'])
	}
	c.lit(`,"component":[{"code":`)
	c.lit(systolic)
	c.lit(`,"valueQuantity":{"value":`)
	c.int(high)
	c.lit(vitals[vitalPressure].unit)
	c.lit(`},{"code":`)
	c.lit(diastolic)
	if c.d.chance(1) {
		c.lit(valueUnknown)
	} else {
		c.lit(`,"valueQuantity":{"value":`)
		c.int(low)
		c.lit(vitals[vitalPressure].unit)
	}
	c.lit(`}]`)
}
