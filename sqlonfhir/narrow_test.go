package sqlonfhir

import "testing"

func TestAStepBehindAFilterIsNotOneBehindAMember(t *testing.T) {
	for _, path := range []string{
		"status.first().where($this.exists()).ofType(string)", "status.where($this.exists()).ofType(string)",
		"status.where($this.exists()).extension.url", "value.ofType(string).where($this.exists()).extension.url", "value.ofType(string).where($this.exists()).extension.first().url",
	} {
		p := newPair(t, nil, `{"resource":"Observation","select":[{"column":[{"name":"a","path":"`+path+`","collection":true}]}]}`)
		for _, line := range []string{
			`{"resourceType":"Observation","status":"final","statusString":"other","_status":{"extension":[{"url":"u"}]},"valueString":"s","_valueString":{"extension":[{"url":"u"}]}}`,
			`{"resourceType":"Observation","_status":{"extension":[{"url":"u"}]},"_valueString":{"extension":[{"url":"u"}]}}`,
		} {
			if rows, _ := p.agree(t, []byte(line)); rows != 1 {
				t.Errorf("%s gives %d rows", path, rows)
			}
		}
	}
}

func TestTheIndexOfARowIsTheSameInTheGeneralForm(t *testing.T) {
	p := newPair(t, nil, `{"resource":"Patient","select":[{"forEach":"name.select(%resource)","column":[
		{"name":"a","path":"deceased.ofType(boolean).where(%rowIndex = 1)"},
		{"name":"b","path":"deceased.ofType(boolean).select($this.toString() & %rowIndex.toString())"}]}]}`)
	line := `{"resourceType":"Patient","name":[{"family":"A"},{"family":"B"}],"deceased":false,"deceasedBoolean":true}`
	if rows, failures := p.agree(t, []byte(line)); rows != 2 || failures != 0 {
		t.Errorf("%d rows, %d failures", rows, failures)
	}
}
