package sqlonfhir_test

import (
	"testing"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

func TestOthersFindTheirsInTheSamePass(t *testing.T) {
	v, err := sqlonfhir.Parse([]byte(withColumn("name.family")))
	if err != nil {
		t.Fatal(err)
	}
	var gender, family, telecom int32
	p, err := sqlonfhir.CompileWith(sqlonfhir.Options{Views: []*sqlonfhir.View{v}, Also: func(s *tape.Shape) {
		s.Root().Member("telecom").Member("value")
		telecom = s.Key("telecom")
		gender, family = s.Root().Under("gender").Slot(), s.Root().Under("name").Under("family").Slot()
	}})
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewRunner()
	lines := []struct {
		line   string
		rows   int
		gender string
		many   bool
	}{
		{`{"resourceType":"Patient","gender":"fem\u0061le","telecom":[{"value":"1"}],"name":{"family":"a"}}`, 1, "female", false},
		{`{"resourceType":"Patient","gender":"male","name":[{"family":"a"},{"family":"b"}],"telecom":[{"value":"1"}]}`, 0, "male", true},
	}
	for _, tt := range lines {
		if err := r.Load([]byte(tt.line)); err != nil {
			t.Fatal(err)
		}
		rows := 0
		if err := r.Rows(0, func([]sqlonfhir.Value) error { rows++; return nil }); (err != nil) != tt.many || rows != tt.rows {
			t.Errorf("%s gives %d rows and %v", tt.line, rows, err)
		}
		// The tape is the same one even when a column needed more than it has.
		list := r.Tape().Member(0, telecom)
		if list < 0 || r.Tape().Node(list).Kind != tape.Array || string(r.Tape().SlotText(gender)) != tt.gender || r.Tape().Slot(family).Many != tt.many {
			t.Errorf("the tape of %s has telecom at %d, gender %q", tt.line, list, r.Tape().SlotText(gender))
		}
	}
	if err := r.Load([]byte(`{"gender":"male"`)); err == nil || r.Tape().Slot(gender).Kind != tape.Null || r.Tape().Len() != 0 {
		t.Errorf("after a bad line (%v) the tape has values", err)
	}
}

func TestWhatEveryResourceHasIsAMemberOfItsOwn(t *testing.T) {
	tests := []struct{ line, typ, id, updated string }{
		{`{"resourceType" : "Patient","id":
			"1","meta":{"lastUpdated":"t"}}`, "Patient", "1", "t"},
		{`{"resourceType":["Patient"],"id":["1"],"meta":{"lastUpdated":["t"]}}`, "", "", ""},
		{`{"resourceType":"Patient","id":[null, "1"],"meta":[{"lastUpdated":"t"}]}`, "Patient", "", ""},
		{`[{"resourceType":"Patient","id":"1","meta":{"lastUpdated":"t"}}]`, "", "", ""},
		{`{"resourceType":"P\u0061tient","id":"\u0031","meta":{"lastUpdated":"\u0074","x":[]}}`, "Patient", "1", "t"},
	}
	r := mustProgram(t, withColumn("id")).NewRunner()
	for _, tt := range tests {
		if err := r.Load([]byte(tt.line)); err != nil {
			t.Fatal(err)
		}
		if string(r.ResourceType()) != tt.typ || string(r.ID()) != tt.id || string(r.LastUpdated()) != tt.updated {
			t.Errorf("%s gives %q %q %q", tt.line, r.ResourceType(), r.ID(), r.LastUpdated())
		}
	}
}

// The two forms agree about the same lines, so what is slow must be exact too.
func TestGeneralProgramsGiveTheSameRows(t *testing.T) {
	v, err := sqlonfhir.Parse([]byte(observationView))
	if err != nil {
		t.Fatal(err)
	}
	var got [2]string
	for i, general := range []bool{false, true} {
		p, err := sqlonfhir.CompileWith(sqlonfhir.Options{Views: []*sqlonfhir.View{v}, General: general})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rowsOf(t, p, observationLine) {
			for _, c := range row {
				got[i] += c.Text + "|" + c.RefType + ";"
			}
		}
	}
	if got[0] != got[1] || len(got[0]) < 200 {
		t.Errorf("rows differ: %s\n%s", got[0], got[1])
	}
}
