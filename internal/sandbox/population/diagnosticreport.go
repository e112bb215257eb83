package population

// A visit has a report of its laboratory results, and some have a report of an
// image.
var (
	labReportPart = part{
		level: ofVisit,
		slots: one,
		life: func(c *cursor) life {
			if c.vs.labs() == 0 {
				return absent
			}
			return c.leaf(3)
		},
		profile: always(usCore + "diagnosticreport-lab"),
		body:    writeLabReport,
	}
	imageReportPart = part{
		level: ofVisit,
		slots: func(*cursor) int { return 2 }, // the first place is the laboratory's
		life: func(c *cursor) life {
			if c.j == 0 || !c.vs.imaged() {
				return absent
			}
			return c.leaf(3)
		},
		profile: always(usCore + "diagnosticreport-note"),
		body:    writeImageReport,
	}
)

// imaged reports whether an image was taken at the visit.
func (v *visit) imaged() bool { return v.h>>44%100 < 8 }

// maxResults bounds the results that a report lists.
const maxResults = 64

func writeLabReport(c *cursor) {
	c.lit(`,"basedOn":[{`)
	c.ref(c.here(kindServiceRequest, 0))
	c.lit(`}]`)
	c.reportStatus()
	c.lit(`,"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0074","code":"LAB","display":"Laboratory"}]}],"code":`)
	c.lit(panels[c.panel()].code)
	c.reportSubject()
	c.lit(`,"performer":[{`)
	c.ref(c.keyOf(kindOrganization, orgLab))
	c.lit(`}]`)
	if c.d.chance(40) {
		c.lit(`,"resultsInterpreter":[{`)
		c.ref(c.doctor())
		c.lit(`}]`)
	}
	c.lit(`,"specimen":[{`)
	c.ref(c.here(kindSpecimen, 0))
	c.lit(`}],"result":[`)
	for i := range min(c.vs.labs(), maxResults) {
		c.either(i == 0, `{`, `,{`)
		c.ref(c.here(kindObservation, c.vs.vitals+1+i))
		c.lit(`}`)
	}
	c.lit(`]`)
	if c.st.changes > 0 || c.d.chance(40) {
		c.conclusion("Results are mostly as expected.")
	}
}

func writeImageReport(c *cursor) {
	c.reportStatus()
	c.lit(`,"category":[{"coding":[{"system":"` + loinc + `","code":"LP29684-5","display":"Radiology"}]}],"code":`)
	c.lit(chestImage)
	c.reportSubject()
	c.lit(`,"performer":[{`)
	c.ref(c.practice())
	c.lit(`}]`)
	c.conclusion("No sign of disease.")
	c.lit(`,"conclusionCode":[{"coding":[{"system":"` + snomed + `","code":"17621005","display":"Normal"}]}]`)
	c.lit(`,"presentedForm":[{"contentType":"text/plain","data":"`)
	c.aux.b = append(c.aux.b[:0], "Chest image.\nHeart and lungs are normal.\n"...)
	c.encoded()
	c.lit(`","title":"Report of the image"}]`)
}

var chestImage = concept("", coding{loinc, "36643-5", "Chest X-ray, two views"})

func (c *cursor) reportStatus() {
	c.either(c.st.changes == 0, `,"status":"final"`, `,"status":"amended"`)
}

func (c *cursor) reportSubject() {
	c.subject("subject")
	c.encounter("encounter")
	c.when("effectiveDateTime", c.vs.start+4*minute)
	c.stamp("issued", c.after(3)-int64(1+c.d.below(50))*second)
}

// conclusion appends the doctor's word; an edit adds to it.
func (c *cursor) conclusion(says string) {
	c.lit(`,"conclusion":"`)
	c.text(says)
	c.canary(" ")
	if c.st.changes > 0 {
		c.text("\n" + "Addendum ")
		c.int(c.st.changes)
		c.text(": ")
		c.text(*pick(&c.v, corrections))
	}
	c.lit(`"`)
}
