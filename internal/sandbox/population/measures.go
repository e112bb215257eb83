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

// What patients are asked once a visit.
const (
	askSmoking = iota
	askMood
	askFalls
	askWork
	askPeriod
	askPregnancy
	askFamily
	asks
)

// An ask is a question whose answer is an Observation.
type ask struct {
	profile string
	code    string // CodeableConcept
	social  bool   // social history, not a survey
}

var questions = [asks]ask{
	{usCore + "smokingstatus", concept("", coding{loinc, "72166-2", "Tobacco smoking status"}), true},
	{usCore + "observation-screening-assessment", concept("", coding{loinc, "44261-6", "PHQ-9 total score"}), false},
	{usCore + "observation-screening-assessment", concept("", coding{loinc, "52552-7", "Falls in the past year"}), false},
	{usCore + "observation-occupation", concept("", coding{loinc, "11341-5", "Occupation"}), true},
	{usCore + "simple-observation", concept("", coding{loinc, "8665-2", "Last menstrual period start"}), true},
	{usCore + "observation-pregnancystatus", concept("", coding{loinc, "82810-3", "Pregnancy status"}), true},
	{usCore + "simple-observation", concept("", coding{loinc, "10157-6", "Diseases in the family"}), true},
}

var (
	smoking = []string{
		concept("", coding{snomed, "266919005", "Never smoked"}),
		concept("", coding{snomed, "8517006", "Former smoker"}),
		concept("", coding{snomed, "449868002", "Smokes every day"}),
		concept("", coding{snomed, "428041000124106", "Smokes some days"}),
		concept("", coding{snomed, "266927001", "Smoking status unknown"}),
	}
	work = []string{
		concept("Teacher", coding{"urn:oid:2.16.840.1.114222.4.5.327", "2310", "Elementary school teacher"}),
		concept("Nurse", coding{"urn:oid:2.16.840.1.114222.4.5.327", "3255", "Registered nurse"}),
		concept("Driver", coding{"urn:oid:2.16.840.1.114222.4.5.327", "9130", "Truck driver"}),
		concept("Carpenter", coding{"urn:oid:2.16.840.1.114222.4.5.327", "6230", "Carpenter"}),
	}
	pregnancy = []string{
		concept("", coding{snomed, "60001007", "Not pregnant"}),
		concept("", coding{snomed, "77386006", "Pregnant"}),
	}
	families = []string{
		"Mother: diabetes; father: none known",
		"None known",
		"Father died at 61 of a \"heart attack\"\nSister: asthma",
		"Großmutter mütterlicherseits: Schlaganfall",
	}
)

// answers of the PHQ-9 and what they score.
var moods = [4]string{
	coding{loinc, "LA6568-5", "Not at all"}.json(),
	coding{loinc, "LA6569-3", "Several days"}.json(),
	coding{loinc, "LA6570-1", "More than half the days"}.json(),
	coding{loinc, "LA6571-9", "Nearly every day"}.json(),
}

// mood is the visit's answer to the i-th question of the PHQ-9, 0 to 3.
func (v *visit) mood(i int) int {
	d := dice(fold(v.h, 0x3009+uint64(i)))
	return d.below(1 + d.below(4))
}

func (v *visit) moodTotal() int {
	total := 0
	for i := range 9 {
		total += v.mood(i)
	}
	return total
}
