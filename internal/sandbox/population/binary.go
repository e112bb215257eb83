package population

import "encoding/base64"

// A Binary is the note of a visit, which a DocumentReference describes. Its
// bytes never change, so that the description's size and hash stay right.
var binaryPart = part{
	level: ofVisit,
	slots: one,
	life: func(c *cursor) life {
		if !c.vs.noted() {
			return absent
		}
		return born(c.after(1)).unedited()
	},
	body: writeBinary,
}

// noted reports whether the visit has a note, and filed whether it stands in a
// Binary of its own rather than in the DocumentReference.
func (v *visit) noted() bool { return v.h>>48%10 < 7 }
func (v *visit) filed() bool { return v.h>>52%10 < 7 }

func writeBinary(c *cursor) {
	c.lit(`,"contentType":"text/plain"`)
	c.refer("securityContext", c.patientKey())
	c.note()
	c.lit(`,"data":"`)
	c.encoded()
	c.lit(`"`)
}

// encoded appends the side buffer in base64.
func (c *cursor) encoded() { c.b = base64.StdEncoding.AppendEncode(c.b, c.aux.b) }

// note puts the doctor's note of the visit, as plain text, in the side buffer.
func (c *cursor) note() {
	c.aux.b, c.aux.zone = c.aux.b[:0], c.Population.zone
	d := dice(fold(c.vs.h, 0x407e))
	c.aux.lit("Visit of ")
	c.aux.date(c.vs.start)
	c.aux.lit("\n")
	if c.config.Canary != "" {
		c.aux.lit(c.config.Canary)
		c.aux.lit("\n")
	}
	c.aux.lit("Subjective: ")
	c.aux.lit(*pick(&d, complaints))
	c.aux.lit("\nAssessment: ")
	if c.vs.acute >= 0 {
		c.aux.lit(acute[c.vs.acute].name)
		c.aux.lit("; ")
	}
	for _, i := range c.vs.active[:c.vs.n] {
		c.aux.lit(chronic[c.pt.problems[i].disease].name)
		c.aux.lit("; ")
	}
	c.aux.lit("\nPlan: ")
	c.aux.lit(*pick(&d, plans))
	c.aux.lit("\nNote number ")
	c.aux.hex(d.next(), 12)
	c.aux.lit("\n")
}

var (
	complaints = []string{
		"Feels well.", "Slept badly for a week; says \"the neighbours' dog\".", "Came with daughter Zoë.",
		"Pain 3/10, better with rest.", "Would like the results explained.", "No complaints – naïve to treatment.",
	}
	plans = []string{
		"Come back in three months.", "Continue as before.", "Call if it gets worse.", "Walk half an hour a day.",
	}
)
