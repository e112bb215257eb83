package population

var mediaPart = part{
	level: ofVisit,
	slots: one,
	life: func(c *cursor) life {
		if !c.vs.imaged() {
			return absent
		}
		return c.leaf(2)
	},
	body: writeMedia,
}

func writeMedia(c *cursor) {
	c.lit(`,"status":"completed","type":{"coding":[{"system":"` + terms + `media-type","code":"image","display":"Image"}]},"modality":{"coding":[{"system":"` + snomed + `","code":"399208008","display":"Plain chest X-ray"}]}`)
	c.subject("subject")
	c.encounter("encounter")
	c.when("createdDateTime", c.vs.start+7*minute)
	c.stamp("issued", c.vs.end)
	c.lit(`,"operator":{`)
	c.ref(c.doctor())
	c.lit(`},"height":`)
	c.int(1024)
	c.lit(`,"width":`)
	c.int(768 + 64*c.d.below(5))
	c.lit(`,"content":{"contentType":"image/png","data":"`)
	c.aux.b = append(c.aux.b[:0], "\x89PNG\r\n\x1a\n"...)
	for range 6 {
		c.aux.hex(c.d.next(), 8)
	}
	c.encoded()
	c.lit(`","title":"Chest"}`)
	if c.st.changes > 0 {
		c.correction()
	}
}
