package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestARequestThatIsNotAsDescribedIsAProblemOfOurs(t *testing.T) {
	t.Attr("asvs", "13.2.2 13.1.5")
	h := newHouse(t)
	v := h.program("operator@lakeside")
	path := "/api/v1/practices/lakeside/exports"
	for name, c := range map[string]struct {
		kind, body string
		code       int
	}{
		"a member that there is not": {"application/json", `{"canary":1}`, http.StatusUnprocessableEntity},
		"another kind of value":      {"application/json", `{"full":"canary"}`, http.StatusUnprocessableEntity},
		"no JSON":                    {"application/json", `{"full":canary`, http.StatusBadRequest},
		"another kind of content":    {"text/xml", `<full/>`, http.StatusUnsupportedMediaType},
	} {
		got := v.ask("POST", path, c.kind, c.body)
		var p apiProblem
		if err := json.Unmarshal([]byte(got.body), &p); err != nil || p.Code != "request_invalid" || p.Remedy == "" || p.Status != got.code || got.code != c.code {
			t.Errorf("%s: status %d, %v: %s", name, got.code, err, got.body)
		}
		if got.header.Get("Content-Type") != "application/problem+json" || strings.Contains(got.body, `"canary"`) {
			t.Errorf("%s: %s: %s", name, got.header.Get("Content-Type"), got.body)
		}
	}
	if got := v.get(path + "?limit=0"); got.code != http.StatusUnprocessableEntity || !strings.Contains(got.body, "request_invalid") || !strings.Contains(got.body, "query.limit") {
		t.Errorf("status %d: %s", got.code, got.body)
	}
	if len(h.work.asked) > 0 {
		t.Errorf("it was done all the same: %v", h.work.asked)
	}
}
