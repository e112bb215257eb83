package population

// A patient has a Goal for each chronic problem; some are achieved.
var goalPart = part{
	level:   ofPatient,
	slots:   func(c *cursor) int { return c.pt.n },
	life:    goalLife,
	profile: always(usCore + "goal"),
	body:    writeGoal,
}

func goalLife(c *cursor) life {
	created := c.pt.problems[c.j].created + 20*minute + int64(c.h>>12%uint64(10*minute))
	if c.h>>40%10 >= 4 {
		return born(created)
	}
	return born(created).until(created + 200*day + int64(c.h>>12%uint64(2*year)))
}

const (
	goalReached = `,"lifecycleStatus":"completed","achievementStatus":{"coding":[{"system":"` + terms + `goal-achievement","code":"achieved","display":"Achieved"}]}`
	goalOpen    = `,"lifecycleStatus":"active","achievementStatus":{"coding":[{"system":"` + terms + `goal-achievement","code":"in-progress","display":"In Progress"}]}`
)

var (
	goalCategory = `,"category":[` + bare(terms+"goal-category", "behavioral", "Behavioral") + `]`
	goalPriority = `,"priority":` + bare(terms+"goal-priority", "medium-priority", "Medium Priority")
	weight       = concept("", coding{loinc, "29463-7", "Body weight"})
)

func writeGoal(c *cursor) {
	q := &c.pt.problems[c.j]
	l := goalLife(c)
	c.either(c.st.past, goalReached, goalOpen)
	c.lit(goalCategory)
	if c.d.chance(60) {
		c.lit(goalPriority)
	}
	c.lit(`,"description":{"text":"Live well with: `)
	c.text(chronic[q.disease].name)
	c.lit(`"}`)
	c.subject("subject")
	c.on("startDate", q.created)
	c.lit(`,"target":[{"measure":`)
	c.lit(weight)
	if c.d.chance(70) {
		c.lit(`,"detailQuantity":{"value":`)
		c.dec(550+5*c.d.below(60), 1)
		c.lit(inKilograms)
	} else {
		c.lit(`,"detailString":"as agreed"`)
	}
	c.on("dueDate", q.created+year)
	c.lit(`}]`)
	if c.st.past {
		c.on("statusDate", l.milestone)
	} else {
		c.on("statusDate", q.created)
	}
	c.either(c.d.chance(50), `,"expressedBy":{`, `,"expressedBy":{"display":"Patient and doctor",`)
	c.ref(c.patientKey())
	c.lit(`},"addresses":[{`)
	c.ref(c.own(kindCondition, c.j))
	c.lit(`}]`)
	if c.st.changes > 0 {
		c.correction()
	}
}
