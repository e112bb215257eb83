package population

// An Appointment is made at a visit for the next one. It is booked until that
// visit has taken place, or until the patient dies.
var appointmentPart = part{
	level: ofVisit,
	slots: one,
	life: func(c *cursor) life {
		next, kept := c.appointment(c.vs.e + 1)
		l := c.leaf(1)
		switch {
		case !kept:
			return l.until(max(c.pt.died, l.created))
		case next.created <= l.created: // the next visit was on the same day
			return absent
		}
		return l.until(next.created)
	},
	body: writeAppointment,
}

func writeAppointment(c *cursor) {
	next, kept := c.appointment(c.vs.e + 1)
	switch {
	case !c.st.past:
		c.lit(`,"status":"booked"`)
	case kept:
		c.lit(`,"status":"fulfilled"`)
	default:
		c.lit(`,"status":"cancelled","cancelationReason":{"coding":[{"system":"` + terms + `appointment-cancellation-reason","code":"pat-dec","display":"Patient: deceased"}],"text":"Patient died"}`)
	}
	c.lit(`,"serviceType":[{"coding":[{"system":"` + terms + `service-type","code":"124","display":"General Practice"}]}]`)
	c.lit(`,"appointmentType":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0276","code":"FOLLOWUP","display":"A follow-up visit"}]}`)
	if c.vs.n > 0 {
		c.lit(`,"reasonCode":[`)
		c.lit(chronic[c.pt.problems[c.vs.active[0]].disease].code)
		c.lit(`]`)
	}
	c.lit(`,"description":"Follow-up visit"`)
	c.stamp("start", next.start)
	c.stamp("end", next.end)
	c.lit(`,"minutesDuration":`)
	c.int(int((next.end - next.start) / minute))
	c.when("created", c.vs.end)
	if c.st.changes > 0 || c.d.chance(20) {
		c.lit(`,"comment":"Please arrive 15 minutes early, reminder `)
		c.int(c.st.changes)
		c.canary(" ")
		c.lit(`"`)
	}
	c.lit(`,"participant":[{"actor":{`)
	c.ref(c.patientKey())
	c.lit(`},"required":"required","status":"accepted"},{"type":[{"coding":[{"system":"` + terms + `v3-ParticipationType","code":"PPRF","display":"primary performer"}]}],"actor":{`)
	c.ref(c.familyDoctor())
	c.lit(`},"required":"required","status":"accepted"},{"actor":{`)
	c.ref(c.site())
	c.lit(`},"status":"accepted"}]`)
}
