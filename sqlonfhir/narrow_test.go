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
