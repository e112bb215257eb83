package sinktest

import (
	"fmt"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
)

const (
	ann       = `{"resourceType":"Patient","id":"1","gender":"female"}`
	bob       = `{"resourceType":"Patient","id":"2","gender":"male"}`
	annsShell = `{"resourceType":"Patient","id":"1","meta":{"lastUpdated":"2030-01-01T00:00:00Z",` +
		`"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]}}`
	clinic = `{"resourceType":"Organization","id":"c","name":"Clinic"}`
)

func header(id string) string {
	return `{"resourceType":"Parameters","parameter":[{"name":"header","valueReference":{"reference":"Patient/` + id + `"}}]}`
}

func about(id, subject string) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","subject":{"reference":%q}}`, id, subject)
}

func deletes(urls ...string) string {
	var entries []string
	for _, u := range urls {
		entries = append(entries, fmt.Sprintf(`{"request":{"method":"DELETE","url":%q}}`, u))
	}
	return `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(entries, ",") + `]}`
}

// wholeWay are the promises of the whole way from a server's lines to rows.
var wholeWay = []promise{
	{"a resource in several files, without meta, is one record", func(b *bench) {
		b.Attr("shows", "BD-137 BD-138 N5 N7")
		r := b.lands(land("e1").output("Patient", ann, bob).output("Patient", ann))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", New: 2, Double: 1})
		b.columnsOf("patient", []string{"id", "gender"}, "1 female", "2 male")
		r = b.lands(land("e2").output("Patient", ann, `{"resourceType":"Patient","id":"2","gender":"other"}`))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Changed: 1, Unchanged: 1})
		b.columnsOf("patient", []string{"id", "gender"}, "1 female", "2 other")
	}},
	{"a resource in the file of another type is stored as what it is", func(b *bench) {
		b.Attr("shows", "BD-144")
		b.lands(land("e1").output("Patient", ann, about("o1", "Patient/1")))
		b.columnsOf("observation", []string{"id"}, "o1")
		b.columnsOf("patient", []string{"id"}, "1")
	}},
	{"a chain of organized files gives every resource once, and its headers nothing", func(b *bench) {
		b.Attr("shows", "BD-145 BD-146 BD-147 BD-148")
		x := land("e1").
			output("Organized", header("1"), ann, about("a", "Patient/1"), clinic, header("2"), bob, about("b", "Patient/2")).
			output("Organized", header("2"), about("c", "Patient/2"), clinic).
			output("Organized", header("2"), about("d", "Patient/2"), about("d", "Patient/2"))
		x.organized = true
		r := b.lands(x)
		b.counts(r, sink.TypeCount{ResourceType: "Observation", New: 4, Double: 1},
			sink.TypeCount{ResourceType: "Organization", New: 1, Double: 1}, sink.TypeCount{ResourceType: "Patient", New: 2})
		b.columnsOf("patient", []string{"id"}, "1", "2")
		b.columnsOf("observation", []string{"id", "patient_id"}, "a 1", "b 2", "c 2", "d 2")
		b.columnsOf("organization", []string{"id"}, "c")
		b.columnsOf("resource", []string{"id"})
	}},
	{"relative references and those rooted at the base link to one record", func(b *bench) {
		b.Attr("shows", "BD-149 N10")
		b.lands(land("e1").output("Patient", ann).output("Observation",
			about("a", "Patient/1"), about("b", ehr+"/Patient/1"), about("c", "https://other.example/fhir/Patient/1"), about("d", "Patient/nowhere")))
		b.columnsOf("observation", []string{"id", "patient_id"}, "a 1", "b 1", "c https://other.example/fhir/Patient/1", "d nowhere")
	}},
	{"documents and binaries come in with whatever their attachments have", func(b *bench) {
		b.Attr("shows", "BD-151 BD-152")
		document := func(id, attachment string) string {
			return `{"resourceType":"DocumentReference","id":"` + id + `","status":"current","content":[{"attachment":` + attachment + `}]}`
		}
		b.lands(land("e1").output("DocumentReference",
			document("neither", `{"contentType":"text/plain"}`), document("both", `{"data":"QQ==","url":"`+ehr+`/Binary/1"}`),
			document("relative", `{"contentType":"application/pdf","url":"Binary/1"}`), document("inline", `{"data":"QQ=="}`), document("empty", `{}`)).
			output("Binary", `{"resourceType":"Binary","id":"1","contentType":"text/plain","data":"QQ=="}`, `{"resourceType":"Binary","id":"2"}`))
		b.columnsOf("document_reference", []string{"id"}, "neither", "both", "relative", "inline", "empty")
		b.columnsOf("document_content", []string{"id", "url"},
			"neither <nil>", "both "+ehr+"/Binary/1", "relative Binary/1", "inline <nil>", "empty <nil>")
		b.columnsOf("binary", []string{"id"}, "1", "2")
	}},
	{"deletions apply with and without _since, wherever their file stands", func(b *bench) {
		b.Attr("shows", "BD-155 BD-156 BD-157 BD-160 M11")
		b.lands(land("e1").output("Patient", ann, bob).output("Observation", about("a", "Patient/1"), about("b", "Patient/2")))
		r := b.lands(land("e2").deleted(deletes("Observation/a", ehr+"/Patient/1", "Patient/unknown")).output("Observation", about("c", "Patient/2")))
		b.counts(r, sink.TypeCount{ResourceType: "Observation", New: 1, Deleted: 1}, sink.TypeCount{ResourceType: "Patient", Deleted: 1})
		b.columnsOf("patient", []string{"id"}, "2")
		x := land("e3").output("Patient", ann, bob).deleted(deletes("Observation/b"))
		x.replace = []string{"Patient"}
		b.lands(x)
		b.columnsOf("observation", []string{"id"}, "c")
		b.columnsOf("patient", []string{"id"}, "1", "2")
		b.columnsOf("resource", []string{"id"})
	}},
	{"a subset of a resource, tagged or of a run with _elements, leaves the complete one alone", func(b *bench) {
		b.Attr("shows", "BD-044 BD-163")
		b.lands(land("e1").output("Patient", ann))
		tagged := land("e2").output("Patient", annsShell)
		b.lands(tagged)
		b.columnsOf("patient", []string{"id", "gender"}, "1 female")
		roster := land("e3").output("Patient", `{"resourceType":"Patient","id":"1"}`, `{"resourceType":"Patient","id":"2"}`)
		roster.partial = true
		b.lands(roster)
		b.columnsOf("patient", []string{"id", "gender"}, "1 female", "2 <nil>")
		b.lands(land("e4").output("Patient", bob)) // everything of the new member
		r := b.lands(land("e5").output("Patient", bob))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Unchanged: 1})
		b.columnsOf("patient", []string{"id", "gender"}, "1 female", "2 male")
	}},
	{"an id longer than FHIR allows is an id", func(b *bench) {
		b.Attr("shows", "N6")
		long := strings.Repeat("x", 500)
		b.lands(land("e1").output("Patient", `{"resourceType":"Patient","id":"`+long+`"}`).output("Observation", about("a", "Patient/"+long)))
		b.columnsOf("patient", []string{"id"}, long)
		b.columnsOf("observation", []string{"patient_id"}, long)
		b.lands(land("e2").deleted(deletes("Patient/" + long)))
		b.columnsOf("patient", []string{"id"})
	}},
}
