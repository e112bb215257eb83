package population

// A patient has a CarePlan for each chronic problem.
var carePlanPart = part{
	level:   ofPatient,
	slots:   func(c *cursor) int { return c.pt.n },
	life:    carePlanLife,
	profile: always(usCore + "careplan"),
	body:    writeCarePlan,
}

func carePlanLife(c *cursor) life {
	created := c.pt.problems[c.j].created + hour + int64(c.h>>12%uint64(10*minute))
	l := c.loose(created)
	if c.h>>40%10 < 3 {
		return l.until(created + year + int64(c.h>>12%uint64(2*year)))
	}
	return l
}

var (
	planCategory = `,"category":[` + bare("http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "assess-plan", "") + `]`
	diet         = concept("Healthy food", coding{snomed, "160670007", "Diabetic diet"})
	exercise     = concept("Exercise", coding{snomed, "229065009", "Exercise therapy"})
)

func writeCarePlan(c *cursor) {
	q := &c.pt.problems[c.j]
	c.lit(`,"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Plan for `)
	c.text(chronic[q.disease].name)
	c.canary(" ")
	c.lit(`</p><ul><li>Exercise &amp; food</li>\n<li>Review: caf\u00e9 or phone</li></ul></div>"}`)
	c.either(c.st.past, `,"status":"completed"`, `,"status":"active"`)
	c.lit(`,"intent":"plan"`)
	c.lit(planCategory)
	c.field("title", chronic[q.disease].name)
	c.lit(`,"description":"Reviewed `)
	c.int(c.st.changes)
	c.lit(` times"`)
	c.subject("subject")
	c.lit(`,"period":{"start":"`)
	c.date(q.created)
	if c.st.past {
		c.lit(`","end":"`)
		c.date(carePlanLife(c).milestone)
	}
	c.lit(`"}`)
	c.when("created", q.created)
	c.lit(`,"author":{`)
	c.ref(c.familyDoctor())
	c.lit(`},"careTeam":[{`)
	c.ref(c.own(kindCareTeam, 0))
	c.lit(`}],"addresses":[{`)
	c.ref(c.own(kindCondition, c.j))
	c.lit(`}],"goal":[{`)
	c.ref(c.own(kindGoal, c.j))
	c.lit(`}],"activity":[{"detail":{"code":`)
	c.lit(exercise)
	c.either(c.st.past, `,"status":"completed"}},{"detail":{"code":`, `,"status":"in-progress"}},{"detail":{"code":`)
	c.lit(diet)
	c.lit(`,"status":"in-progress","description":"Less salt"}}]`)
	if c.st.changes > 0 {
		c.correction()
	}
}
