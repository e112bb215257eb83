package population

// A disease is a diagnosis and what follows from it.
type disease struct {
	code    string // CodeableConcept
	name    string
	percent int   // of patients who get it
	from    int   // earliest age at onset, in years
	drugs   []int // indexes of drugs
	panel   int   // index of panels that watches it
}

func newDisease(name, icd, sct string, percent, from, panel int, drugs ...int) disease {
	return disease{
		name: name, percent: percent, from: from, panel: panel, drugs: drugs,
		code: concept(name, coding{icd10, icd, name}, coding{snomed, sct, name}),
	}
}

// chronic diseases stay on the problem list, with a share of all patients.
var chronic = []disease{
	newDisease("Essential hypertension", "I10", "59621000", 38, 28, panelMetabolic, drugLisinopril, drugAmlodipine, drugHCTZ),
	newDisease("Type 2 diabetes", "E11.9", "44054006", 16, 32, panelDiabetes, drugMetformin),
	newDisease("High cholesterol", "E78.5", "55822004", 30, 30, panelLipid, drugAtorvastatin, drugSimvastatin),
	newDisease("Underactive thyroid", "E03.9", "40930008", 9, 25, panelThyroid, drugLevothyroxine),
	newDisease("Asthma", "J45.909", "195967001", 9, 3, panelBlood, drugAlbuterol),
	newDisease("Chronic obstructive lung disease", "J44.9", "13645005", 7, 48, panelBlood, drugAlbuterol),
	newDisease("Acid reflux", "K21.9", "235595009", 14, 20, panelMetabolic, drugOmeprazole),
	newDisease("Depression", "F32.A", "35489007", 12, 14, panelThyroid, drugSertraline),
	newDisease("Anxiety", "F41.9", "197480006", 11, 12, panelThyroid, drugSertraline),
	newDisease("Chronic kidney disease, stage 3", "N18.30", "433144002", 7, 50, panelMetabolic, drugLisinopril),
	newDisease("Atrial fibrillation", "I48.91", "49436004", 5, 52, panelClotting, drugWarfarin),
	newDisease("Osteoarthritis of the knee", "M17.9", "239873007", 14, 42, panelBlood, drugIbuprofen),
	newDisease("Obesity", "E66.9", "414916001", 22, 8, panelLipid),
	newDisease("Anemia", "D64.9", "271737000", 8, 10, panelBlood, drugIron),
	newDisease("Osteoporosis", "M81.0", "64859006", 6, 55, panelMetabolic, drugAlendronate),
}

// acute illnesses bring a patient to one visit.
var acute = []disease{
	newDisease("Common cold", "J00", "82272006", 0, 0, panelBlood, drugAcetaminophen),
	newDisease("Sinus infection", "J01.90", "36971009", 0, 0, panelBlood, drugAmoxicillin),
	newDisease("Sore throat by streptococci", "J02.0", "43878008", 0, 0, panelBlood, drugPenicillin),
	newDisease("Ear infection", "H66.90", "65363002", 0, 0, panelBlood, drugAmoxicillin),
	newDisease("Acute bronchitis", "J20.9", "10509002", 0, 0, panelBlood, drugAcetaminophen),
	newDisease("Urinary tract infection", "N39.0", "68566005", 0, 0, panelUrine, drugAmoxicillin),
	newDisease("Low back pain", "M54.50", "279039007", 0, 0, panelBlood, drugIbuprofen),
	newDisease("Sprained ankle", "S93.401A", "44465007", 0, 0, panelBlood, drugIbuprofen),
	newDisease("Stomach upset", "K52.9", "25374005", 0, 0, panelMetabolic),
	newDisease("Eczema", "L30.9", "43116000", 0, 0, panelBlood, drugHydrocortisone),
	newDisease("Headache", "R51.9", "25064002", 0, 0, panelBlood, drugAcetaminophen),
	newDisease("Hay fever", "J30.9", "61582004", 0, 0, panelBlood, drugLoratadine),
}

// The drugs, in the order of the table below.
const (
	drugLisinopril = iota
	drugAmlodipine
	drugHCTZ
	drugMetformin
	drugAtorvastatin
	drugSimvastatin
	drugLevothyroxine
	drugAlbuterol
	drugOmeprazole
	drugSertraline
	drugWarfarin
	drugIbuprofen
	drugIron
	drugAlendronate
	drugAcetaminophen
	drugAmoxicillin
	drugPenicillin
	drugHydrocortisone
	drugLoratadine
)

// A drug is a medication and how it is taken.
type drug struct {
	name       string
	code       string // CodeableConcept
	form       string // CodeableConcept
	route      string // CodeableConcept
	unit       string // Quantity after the value: one dose's unit
	ingredient string // CodeableConcept
	times      int    // a day
	days       int    // of one supply; the longer ones are for chronic diseases
	asNeeded   bool
}

func newDrug(name, rx, substance string, times, days int) drug {
	return drug{
		name: name, times: times, days: days, asNeeded: days < 10,
		code:       concept(name, coding{rxnorm, rx, name}),
		form:       concept("", coding{snomed, "385055001", "Tablet"}),
		route:      concept("By mouth", coding{snomed, "26643006", "Oral route"}),
		unit:       quantity("tablet", "{tbl}"),
		ingredient: concept(substance, coding{snomed, "410942007", "Drug or medicament"}),
	}
}

// as changes the form of a drug that is no tablet.
func (d drug) as(form, formCode, route, routeCode, unit, unitCode string) drug {
	d.form = concept("", coding{snomed, formCode, form})
	d.route = concept("", coding{snomed, routeCode, route})
	d.unit = quantity(unit, unitCode)
	return d
}

var drugs = []drug{
	newDrug("lisinopril 10 mg tablet", "314076", "lisinopril", 1, 90),
	newDrug("amlodipine 5 mg tablet", "197361", "amlodipine", 1, 90),
	newDrug("hydrochlorothiazide 25 mg tablet", "310798", "hydrochlorothiazide", 1, 90),
	newDrug("metformin 500 mg tablet", "861007", "metformin", 2, 90),
	newDrug("atorvastatin 20 mg tablet", "617310", "atorvastatin", 1, 90),
	newDrug("simvastatin 20 mg tablet", "312961", "simvastatin", 1, 90),
	newDrug("levothyroxine 0.075 mg tablet", "966222", "levothyroxine", 1, 90),
	newDrug("albuterol 0.09 mg/puff inhaler", "2123111", "albuterol", 2, 30).as(
		"Inhaler", "420641004", "Respiratory tract route", "447694001", "puff", "{puff}"),
	newDrug("omeprazole 20 mg capsule", "198051", "omeprazole", 1, 90).as(
		"Capsule", "385049006", "Oral route", "26643006", "capsule", "{capsule}"),
	newDrug("sertraline 50 mg tablet", "312941", "sertraline", 1, 90),
	newDrug("warfarin 5 mg tablet", "855332", "warfarin", 1, 30),
	newDrug("ibuprofen 200 mg tablet", "310965", "ibuprofen", 3, 8),
	newDrug("ferrous sulfate 325 mg tablet", "310325", "ferrous sulfate", 1, 60),
	newDrug("alendronate 10 mg tablet", "904419", "alendronate", 1, 90),
	newDrug("acetaminophen 325 mg tablet", "313782", "acetaminophen", 4, 5),
	newDrug("amoxicillin 500 mg tablet", "308192", "amoxicillin", 3, 10),
	newDrug("penicillin V 500 mg tablet", "834102", "penicillin V", 2, 10),
	newDrug("hydrocortisone 1 % cream", "238755", "hydrocortisone", 2, 14).as(
		"Cream", "385099005", "Topical route", "6064005", "application", "{application}"),
	newDrug("loratadine 10 mg tablet", "311372", "loratadine", 1, 30),
}
