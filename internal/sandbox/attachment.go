package sandbox

import (
	"bytes"
	"cmp"
	"crypto/sha1" // attachment.hash is defined as SHA-1
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// attachmentPath stands in the storage's URLs where files have an export's id.
const attachmentPath = "attachment"

// missing begins the id of an attachment that is nowhere.
const missing = "missing."

// attach puts the attachments of a document or a report where the knobs say.
// Other resources are left as they are.
func (e *export) attach(t, id string, line []byte) []byte {
	name := map[string]string{"DocumentReference": "content", "DiagnosticReport": "presentedForm"}[t]
	raw := valueOf(line, name)
	if name == "" || raw == nil {
		return line
	}
	var list []map[string]any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if decoder.Decode(&list) != nil {
		return line
	}
	for i, content := range list {
		a := content
		if t == "DocumentReference" {
			a, _ = content["attachment"].(map[string]any)
		}
		if a != nil {
			e.place(a, fmt.Sprintf("%s.%s.%d", t, id, i))
		}
	}
	value, err := json.Marshal(list)
	if err != nil {
		panic(err) // it has been read as JSON
	}
	return with(line, name, string(value))
}

// place gives one attachment its bytes, its size and its hash.
func (e *export) place(a map[string]any, id string) {
	text := attachmentText(id, e.k.AttachSize)
	sum := sha1.Sum(text)
	delete(a, "data")
	delete(a, "url")
	a["contentType"], a["size"], a["hash"] = "text/plain", len(text), base64.StdEncoding.EncodeToString(sum[:])
	switch e.k.Attach {
	case AttachInline:
		a["data"] = base64.StdEncoding.EncodeToString(text)
	case AttachURL:
		a["url"] = e.attachmentURL(id)
	case AttachRelative:
		a["url"] = "Binary/" + id
	case AttachMissing:
		a["url"] = e.attachmentURL(missing + id)
	}
}

func (e *export) attachmentURL(id string) string {
	if e.k.Access != AccessPresigned {
		return e.p.base + "/Binary/" + id
	}
	path := "/" + e.p.cfg.Code + "/" + attachmentPath + "/" + id
	return e.p.s.storage.url + path + "?" + e.p.s.storage.signature(path, 0)
}

// attachmentText is the content of the attachment id: at least size bytes.
func attachmentText(id string, size int) []byte {
	line := "Attachment " + id + ".\n"
	return []byte(strings.Repeat(line, max(1, (size+len(line)-1)/len(line))))
}

// attachment answers a request for a Binary at the FHIR server.
func (p *PracticeServer) attachment(x *exchange) {
	if _, ok := p.authorize(x); ok {
		p.serveAttachment(x, x.r.PathValue("id"))
	}
}

// serveAttachment answers with an attachment's bytes, or, where FHIR is asked
// for, with a Binary that holds them.
// https://hl7.org/fhir/R4/binary.html#rest
func (p *PracticeServer) serveAttachment(x *exchange, id string) {
	contentType, content, ok := p.content(x, id)
	if !ok {
		x.refuse(http.StatusNotFound, "not-found", "There is no such Binary.")
		return
	}
	if strings.Contains(x.r.Header.Get("Accept"), "application/fhir+json") {
		writeJSON(x, http.StatusOK, "application/fhir+json", map[string]any{
			"resourceType": "Binary", "id": id, "contentType": contentType, "data": base64.StdEncoding.EncodeToString(content),
		})
		return
	}
	x.Header().Set("Content-Type", contentType)
	x.WriteHeader(http.StatusOK)
	x.Write(content) // an error here means that the client has gone
}

// content returns what the Binary id holds: an attachment's text, or a Binary
// of the practice's records.
func (p *PracticeServer) content(x *exchange, id string) (contentType string, content []byte, ok bool) {
	if strings.HasPrefix(id, "DocumentReference.") || strings.HasPrefix(id, "DiagnosticReport.") {
		return "text/plain", attachmentText(id, x.k.AttachSize), true
	}
	if strings.HasPrefix(id, missing) || !slices.Contains(p.cfg.Source.Types(), "Binary") {
		return "", nil, false
	}
	for line, err := range p.cfg.Source.Open(x.r.Context(), Query{Type: "Binary", Until: p.s.clock.now()}) {
		if err != nil {
			return "", nil, false
		}
		if stringOf(line, "id") != id {
			continue
		}
		content, err := base64.StdEncoding.DecodeString(stringOf(line, "data"))
		return cmp.Or(stringOf(line, "contentType"), "application/octet-stream"), content, err == nil
	}
	return "", nil, false
}
