package population

// A response is the PHQ-9 that a patient fills in at some visits; the score is
// an Observation.
var questionnaireResponsePart = part{
	level: ofVisit,
	slots: one,
	life: func(c *cursor) life {
		if c.vs.measures == c.vs.vitals || c.asked() != askMood {
			return absent
		}
		return born(c.after(1))
	},
	profile: always(usCore + "questionnaireresponse"),
	body:    writeQuestionnaireResponse,
}

// moodItems are the LOINC codes of the nine questions, asked in our own words.
var moodItems = [9][2]string{
	{"44250-9", "Little joy in things"},
	{"44255-8", "Low mood"},
	{"44259-0", "Trouble with sleep"},
	{"44254-1", "Tired"},
	{"44251-7", "Appetite"},
	{"44258-2", "Thinks badly of oneself"},
	{"44252-5", "Trouble concentrating"},
	{"44253-3", "Slow or restless"},
	{"44260-8", "Thoughts of death"},
}

func writeQuestionnaireResponse(c *cursor) {
	c.lit(`,"questionnaire":"http://loinc.org/q/44249-1"`)
	c.either(c.st.changes == 0, `,"status":"completed"`, `,"status":"amended"`)
	c.subject("subject")
	c.encounter("encounter")
	c.when("authored", c.vs.start+3*minute)
	c.lit(`,"author":{`)
	c.ref(c.patientKey())
	c.lit(`},"item":[`)
	for i := range moodItems {
		c.lit(`{"linkId":"/`)
		c.lit(moodItems[i][0])
		c.lit(`","text":"`)
		c.lit(moodItems[i][1])
		c.lit(`","answer":[{"valueCoding":`)
		c.lit(moods[c.vs.mood(i)])
		c.lit(`}]},`)
	}
	c.lit(`{"linkId":"/44261-6","text":"Total score","answer":[{"valueDecimal":`)
	c.int(c.vs.moodTotal())
	c.lit(`}]}`)
	if c.st.changes > 0 {
		c.lit(`,{"linkId":"/remark","answer":[{"valueString":"`)
		c.text(*pick(&c.v, corrections))
		c.lit(` (`)
		c.int(c.st.changes)
		c.lit(`)"}]}`)
	}
	c.lit(`]`)
}
