package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/door"
)

// Names from the configuration, and texts of servers, programs and people, are
// text on every page: in tables, in charts, in titles, in addresses.
func TestTextsFromElsewhereAreOnlyTextOnEveryPage(t *testing.T) {
	t.Attr("asvs", "5.3.3 5.3.6")
	o := newTown(t)
	const hostile = `"'><script>alert(1)</script><svg onload=alert(2)>{{.}}`
	for _, column := range []string{
		"tenant.name", "export.transaction_time", "export.since", "export.progress", "export.problem_summary", "export.problem_remedy", "export.problem_code", "export.group_id", "export.requested_by", "export.waiting_for",
		"output_file.resource_type", "event.detail", "event.actor", "alert.summary", "alert.remedy", "alert.kind", "pause.reason", "pause.paused_by", "schedule.spec",
		"export_requests.requested_by", "export_requests.reference", "export_requests.types", "export_requests.callback", "export_requests.problem", "export_requests.remedy", "export_requests.state",
		"callback.target", "callback.last_error", "step.subject", "quality_count.question", "person.name",
	} {
		table, name, _ := strings.Cut(column, ".")
		o.sql(`UPDATE `+table+` SET `+name+` = ? || `+name, hostile)
	}
	o.sql(`UPDATE quality SET summary = json_replace(summary, '$.questions[0].says', ?, '$.questions[0].remedy', ?, '$.types[0].resource_type', ?)`, hostile, hostile, hostile)
	v := o.person("zoe", "operator", "privacy_officer", "admin")
	o.sql(`UPDATE person SET name = ?`, hostile)
	fill := strings.NewReplacer("{tenant}", "riverbend", "{export}", o.newest, "{$}", "", "{file}", "0-output-1-Condition", "{line}", "17")
	looked, shown := 0, 0
	for _, r := range (&Server{}).routes() {
		if r.Method != http.MethodGet || r.Act == door.Anybody {
			continue
		}
		path := fill.Replace(r.Path)
		for _, path := range []string{path, strings.ReplaceAll(path, "riverbend/exports/"+o.newest, "hillcrest/exports/"+o.live), path + "?find=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&only=%22%3E%3Cscript%3E&reason=%3Cscript%3E&export=&state=%3Cscript%3E"} {
			got := v.get(path)
			looked++
			if strings.Contains(got.body, "<script>alert") || strings.Contains(got.body, "<svg onload") || strings.Contains(got.body, `="">`+`<script`) {
				t.Errorf("%s has a text as markup", path)
			}
			if strings.Contains(got.body, "&lt;script&gt;alert(1)") {
				shown++
			}
		}
	}
	if looked < 60 || shown < 40 {
		t.Errorf("%d pages looked at, %d show the texts", looked, shown)
	}
}

// The API's answers are JSON that no browser takes for a page.
func TestTextsFromElsewhereAreJSONInTheAPI(t *testing.T) {
	o := newTown(t)
	o.sql(`UPDATE tenant SET name = '</script><script>alert(1)</script>' WHERE tenant_id = 'riverbend'`)
	got := o.program("viewer").get("/api/v1/practices/riverbend")
	var p apiPractice
	if err := json.Unmarshal([]byte(got.body), &p); err != nil || !strings.HasPrefix(p.Name, "</script>") {
		t.Errorf("%+v, %v", p, err)
	}
	if kind := got.header.Get("Content-Type"); kind != "application/json" || got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("it is sent as %s", kind)
	}
}
