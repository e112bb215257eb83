package population

import (
	"crypto/sha1" // attachment.hash is defined as SHA-1
	"encoding/base64"
)

var documentReferencePart = part{
	level: ofVisit,
	slots: one,
	life: func(c *cursor) life {
		if !c.vs.noted() {
			return absent
		}
		return c.leaf(2)
	},
	profile: always(usCore + "documentreference"),
	body:    writeDocumentReference,
}

var (
	noteType     = `,"type":` + concept("", coding{loinc, "11506-3", "Progress note"})
	noteCategory = `,"category":[` + concept("", coding{usCoreCategory, "clinical-note", "Clinical Note"}) + `]`
)

const usCoreCategory = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"

func writeDocumentReference(c *cursor) {
	c.lit(`,"identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:uuid:`)
	c.uuid(c.h ^ 0xd0c)
	c.lit(`"}],"status":"current"`)
	c.either(c.st.changes == 0, `,"docStatus":"final"`, `,"docStatus":"amended"`)
	c.lit(noteType)
	c.lit(noteCategory)
	c.subject("subject")
	c.stamp("date", c.vs.created)
	c.lit(`,"author":[{`)
	c.ref(c.doctor())
	c.lit(`}]`)
	c.refer("custodian", c.practice())
	if c.st.changes > 0 || c.d.chance(50) {
		c.lit(`,"description":"Note, revision `)
		c.int(c.st.changes)
		c.canary(" ")
		c.lit(`"`)
	}
	c.noteContent()
	c.lit(`,"context":{"encounter":[{`)
	c.ref(c.here(kindEncounter, 0))
	c.lit(`}],"period":{"start":"`)
	c.dateTime(c.vs.start)
	c.lit(`","end":"`)
	c.dateTime(c.vs.end)
	c.lit(`"}}`)
}

func (c *cursor) noteContent() {
	c.note()
	c.lit(`,"content":[{"attachment":{"contentType":"text/plain",`)
	if c.vs.filed() {
		c.lit(`"url":"Binary/`)
		c.id(c.here(kindBinary, 0))
	} else {
		c.lit(`"data":"`)
		c.encoded()
	}
	c.lit(`","size":`)
	c.int(len(c.aux.b))
	c.lit(`,"hash":"`)
	sum := sha1.Sum(c.aux.b)
	c.b = base64.StdEncoding.AppendEncode(c.b, sum[:])
	c.lit(`","title":"Progress note"`)
	c.stamp("creation", c.vs.end)
	c.lit(`},"format":{"system":"http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode","code":"urn:ihe:iti:xds:2017:mimeTypeSufficient","display":"MIME type sufficient"}}]`)
}
