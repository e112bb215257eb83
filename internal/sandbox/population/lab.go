package population

// Panels group the laboratory results; the labs of a panel stand together.
const (
	panelMetabolic = iota
	panelDiabetes
	panelLipid
	panelBlood
	panelThyroid
	panelClotting
	panelUrine
)

// A panel is what a doctor orders: a name and where its results begin in labs.
type panel struct {
	code  string // CodeableConcept
	first int
}

var panels = []panel{
	{concept("", coding{loinc, "24323-8", "Metabolic panel"}), 0},
	{concept("", coding{loinc, "4548-4", "Hemoglobin A1c"}), 10},
	{concept("", coding{loinc, "24331-1", "Lipid panel"}), 13},
	{concept("", coding{loinc, "58410-2", "Blood count"}), 17},
	{concept("", coding{loinc, "3016-3", "Thyroid stimulating hormone"}), 24},
	{concept("", coding{loinc, "5902-2", "Prothrombin time"}), 26},
	{concept("", coding{loinc, "24356-8", "Urinalysis"}), 28},
}

// A lab is a laboratory result. Its bounds are of the reference range, in
// units of 10^-scale.
type lab struct {
	code      string // CodeableConcept
	low, high int
	scale     int
	unit      string // Quantity after the value
	ranges    string // ,"referenceRange":[...]
	floor     bool   // values under the range are below what can be measured
	urine     bool
	answers   []string // CodeableConcepts, instead of a quantity; the first is usual
	words     []string // plain text, instead of a quantity
}

func newLab(code, name, unit, unitCode string, low, high, scale int) lab {
	var l line
	l.lit(`,"referenceRange":[{"low":{"value":`)
	l.dec(low, scale)
	l.lit(quantity(unit, unitCode) + `,"high":{"value":`)
	l.dec(high, scale)
	l.lit(quantity(unit, unitCode) + `,"text":"`)
	l.dec(low, scale)
	l.lit(" to ")
	l.dec(high, scale)
	l.lit(" " + unit + `"}]`)
	return lab{
		code: concept(name, coding{loinc, code, name}), low: low, high: high, scale: scale,
		unit: quantity(unit, unitCode), ranges: string(l.b),
	}
}

func (l lab) detectable() lab { l.floor = true; return l }

func coded(code, name string, answers ...string) lab {
	return lab{code: concept(name, coding{loinc, code, name}), answers: answers, urine: true}
}

var (
	negative = concept("", coding{snomed, "260385009", "Negative"})
	positive = concept("", coding{snomed, "10828004", "Positive"})
)

var labs = []lab{
	newLab("2345-7", "Glucose", "mg/dL", "mg/dL", 70, 99, 0),
	newLab("2160-0", "Creatinine", "mg/dL", "mg/dL", 60, 130, 2),
	newLab("3094-0", "Urea nitrogen", "mg/dL", "mg/dL", 7, 20, 0),
	newLab("2951-2", "Sodium", "mmol/L", "mmol/L", 135, 145, 0),
	newLab("2823-3", "Potassium", "mmol/L", "mmol/L", 35, 51, 1),
	newLab("2075-0", "Chloride", "mmol/L", "mmol/L", 98, 107, 0),
	newLab("17861-6", "Calcium", "mg/dL", "mg/dL", 860, 1020, 2),
	newLab("1742-6", "Alanine aminotransferase", "U/L", "U/L", 7, 56, 0),
	newLab("1975-2", "Bilirubin", "mg/dL", "mg/dL", 10, 120, 2),
	newLab("1751-7", "Albumin", "g/dL", "g/dL", 350, 500, 2),
	newLab("4548-4", "Hemoglobin A1c", "%", "%", 40, 57, 1),
	newLab("2345-7", "Glucose", "mg/dL", "mg/dL", 70, 99, 0),
	newLab("14959-1", "Albumin to creatinine in urine", "mg/g", "mg/g", 20, 300, 1).detectable(),
	newLab("2093-3", "Cholesterol", "mg/dL", "mg/dL", 125, 200, 0),
	newLab("2085-9", "HDL cholesterol", "mg/dL", "mg/dL", 40, 60, 0),
	newLab("13457-7", "LDL cholesterol", "mg/dL", "mg/dL", 500, 1300, 1),
	newLab("2571-8", "Triglycerides", "mg/dL", "mg/dL", 50, 150, 0),
	newLab("718-7", "Hemoglobin", "g/dL", "g/dL", 120, 160, 1),
	newLab("4544-3", "Hematocrit", "%", "%", 360, 480, 1),
	newLab("6690-2", "Leukocytes", "10*3/uL", "10*3/uL", 450, 1100, 2),
	newLab("789-8", "Erythrocytes", "10*6/uL", "10*6/uL", 400, 550, 2),
	newLab("777-3", "Platelets", "10*3/uL", "10*3/uL", 150, 400, 0),
	newLab("787-2", "Mean red cell volume", "fL", "fL", 800, 1000, 1),
	newLab("1988-5", "C reactive protein", "mg/L", "mg/L", 50, 800, 2).detectable(),
	newLab("3016-3", "Thyroid stimulating hormone", "m[IU]/L", "m[IU]/L", 400, 4000, 3),
	newLab("3024-7", "Free thyroxine", "ng/dL", "ng/dL", 80, 180, 2),
	newLab("6301-6", "INR", "INR", "{INR}", 90, 300, 2),
	newLab("5902-2", "Prothrombin time", "s", "s", 110, 135, 1),
	coded("5802-4", "Nitrite in urine", negative, positive),
	coded("20454-5", "Protein in urine", negative, concept("", coding{snomed, "81899003", "Trace"}), positive),
	{code: concept("", coding{loinc, "5778-6", "Color of urine"}), urine: true, words: []string{"Yellow", "Pale yellow", "Amber", "Dark yellow,\tslightly \"cloudy\""}},
	newLab("5803-2", "pH of urine", "pH", "[pH]", 50, 80, 1),
}

// panel is the order that the visit's laboratory results answer.
func (c *cursor) panel() int {
	switch {
	case c.vs.n > 0:
		return chronic[c.pt.problems[c.vs.active[c.vs.e%c.vs.n]].disease].panel
	case c.vs.acute >= 0:
		return acute[c.vs.acute].panel
	}
	return panelBlood
}

// lab is the result at the cursor. Where a panel has more results than a visit,
// they take turns.
func (c *cursor) lab() *lab {
	turn := c.vs.e / 2 % 3
	return &labs[(panels[c.panel()].first+turn*c.vs.labs()+c.j-c.vs.vitals-1)%len(labs)]
}

// interpretations by letter, from A.
var interpretations = func() (s [26]string) {
	for code, name := range map[byte]string{'H': "High", 'L': "Low", 'N': "Normal", 'A': "Abnormal"} {
		s[code-'A'] = `,"interpretation":[` + bare(terms+"v3-ObservationInterpretation", string(rune(code)), name) + `]`
	}
	return s
}()

func (c *cursor) labResult() {
	l := c.lab()
	c.lit(`,"basedOn":[{`)
	c.ref(c.here(kindServiceRequest, 0))
	c.lit(`}]`)
	c.lit(categoryLab)
	c.about(l.code)
	d := dice(fold(fold(c.pt.h, 0x1ab), uint64(c.vs.e)<<8|uint64(c.j)))
	switch {
	case c.d.chance(1):
		c.lit(valueUnknown)
	case len(l.answers) > 0:
		c.lit(`,"valueCodeableConcept":`)
		c.lit(l.answers[d.below(1+d.below(len(l.answers)))])
	case len(l.words) > 0:
		c.field("valueString", *pick(&d, l.words))
	default:
		c.labQuantity(l, &d)
	}
	c.refer("specimen", c.here(kindSpecimen, 0))
	c.lit(l.ranges)
}

func (c *cursor) labQuantity(l *lab, d *dice) {
	span := l.high - l.low
	// Half of the value is the patient's own level, half the day's.
	own := int(fold(fold(c.pt.h, uint64(l.low)), uint64(l.high)) % uint64(span+1))
	value := l.low + (own+d.below(span+1))/2 + (d.below(span+1)-span/2)/2 + c.v.below(max(2, span/20))
	if d.chance(6) {
		value = l.high + d.below(span)
	}
	value = max(value, 1)
	c.lit(`,"valueQuantity":{"value":`)
	if l.floor && value < l.low {
		c.dec(l.low, l.scale)
		c.lit(`,"comparator":"<"`)
	} else {
		c.dec(value, l.scale)
	}
	c.lit(l.unit)
	switch {
	case value > l.high:
		c.lit(interpretations['H'-'A'])
	case value < l.low && !l.floor:
		c.lit(interpretations['L'-'A'])
	case c.d.chance(70):
		c.lit(interpretations['N'-'A'])
	}
}
