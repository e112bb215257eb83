package web

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/look"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// has fails for each text that a page lacks.
func has(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page is without %q", text)
		}
	}
}

func TestAnExportAtWorkSaysHowFarItIs(t *testing.T) {
	o := newTown(t)
	v := o.person("anna", "operator")
	path := "/practices/hillcrest/exports/" + o.live
	has(t, v.get(path).body, "data-live", "31 of 40", "3 in hand", "in-download now", "<polyline", "Cancel this export")
	if done := v.get("/practices/riverbend/exports/" + o.newest).body; strings.Contains(done, "data-live") || strings.Contains(done, "Cancel") {
		t.Error("the page of an export that has ended looks for news, or offers to cancel it")
	}
	var p struct {
		Phases []look.Phase
		Files  look.FileSums
		Types  []look.TypeFiles
		Bytes  []int64 `json:"bytes_in"`
	}
	if err := json.Unmarshal([]byte(o.program("viewer@hillcrest").get("/api/v1"+path+"/progress").body), &p); err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, n := range p.Bytes {
		sum += n
	}
	if p.Files.Listed != 40 || p.Files.Stored != 31 || p.Files.Ingested != 29 || p.Files.Moving != 3 || sum != p.Files.Bytes || sum == 0 || len(p.Types) != 2 {
		t.Errorf("files %+v of %d types, %d bytes over time", p.Files, len(p.Types), sum)
	}
	if len(p.Phases) != 6 || p.Phases[2].Seconds != 610 || !p.Phases[2].Done || p.Phases[3].Done || !p.Phases[3].Begun || p.Phases[4].Begun {
		t.Errorf("phases %+v", p.Phases)
	}
}

func TestAHistoryIsPagedThroughOnThePage(t *testing.T) {
	o := newTown(t)
	v := o.person("anna", "viewer@riverbend")
	path, seen := "/practices/riverbend", map[string]bool{}
	for range 10 {
		page := v.get(path).body
		for id := range strings.SplitSeq(page, `<th scope="row"><a href="/practices/riverbend/exports/`) {
			if id, _, ok := strings.Cut(id, `"`); ok && strings.Contains(id, "rb0") {
				if seen[id] {
					t.Errorf("%s is on two pages", id)
				}
				seen[id] = true
			}
		}
		_, next, more := strings.Cut(page, `rel="next" href="`)
		if !more {
			break
		}
		path, _, _ = strings.Cut(next, `"`)
	}
	if len(seen) != 60 {
		t.Errorf("%d of 60 exports are on the pages", len(seen))
	}
	if got := v.get("/practices/riverbend?before=" + o.live); got.code != http.StatusNotFound {
		t.Errorf("another practice's export as a place in this history: status %d", got.code)
	}
}

func TestRefusedLinesAreShownWithoutWhatTheySay(t *testing.T) {
	o := newTown(t)
	v := o.person("anna", "operator")
	has(t, v.get("/quarantine").body, "Riverbend Internal Medicine", "Hillcrest Family Practice")
	has(t, v.get("/practices/riverbend/quarantine").body, "id_missing", "the resource has no id", "the practice or its EHR vendor")
	lines := v.get("/practices/riverbend/exports/" + o.newest + "/quarantine?file=0-output-1-Condition").body
	has(t, lines, "Line 17", "&lt;string 6&gt;", "the line ends inside a JSON value")
	if strings.Contains(lines, "Canary") {
		t.Error("the page shows what a line says")
	}
	if only := v.get("/practices/riverbend/exports/" + o.newest + "/quarantine?file=0-output-1-Condition&reason=id_missing").body; strings.Contains(only, "Line 17") || !strings.Contains(only, "Line 18") {
		t.Error("lines of one reason are not those of that reason")
	}
	looked, err := o.store.AuditSearch(t.Context(), store.AuditSearch{Tenants: []string{"riverbend"}, Actor: "anna", Action: audit.LinesViewed, Since: o.now, Looked: 1000})
	if err != nil || len(looked.Entries) < 2 || looked.Entries[0].Object != "0-output-1-Condition" {
		t.Errorf("who looked is on record as %+v, %v", looked.Entries, err)
	}
	if got := v.get("/practices/riverbend/exports/" + o.newest + "/quarantine?file=nothing"); got.code != http.StatusNotFound {
		t.Errorf("a file that is not there: status %d", got.code)
	}
	v.post("/practices/riverbend/exports/" + o.newest + "/replay")
	if last := o.work.asked[len(o.work.asked)-1]; last != "replay riverbend "+o.newest+" by anna" {
		t.Errorf("asked of the engine: %s", last)
	}
}

func TestNobodyLooksAtLinesWithoutAnAgreement(t *testing.T) {
	o := newTown(t)
	o.sql(`UPDATE export SET tenant_id = 'maplewood' WHERE export_id = ?`, o.newest)
	o.sql(`UPDATE output_file SET tenant_id = 'maplewood' WHERE export_id = ?`, o.newest)
	got := o.person("anna", "operator").get("/practices/maplewood/exports/" + o.newest + "/quarantine?file=0-output-1-Condition")
	if got.code != http.StatusForbidden || !strings.Contains(got.body, "is suspended") {
		t.Errorf("status %d", got.code)
	}
	denied, err := o.store.AuditSearch(t.Context(), store.AuditSearch{Tenants: []string{"maplewood"}, Action: audit.Policy, Looked: 100})
	if err != nil || len(denied.Entries) != 1 || denied.Entries[0].Outcome != audit.Refused {
		t.Errorf("the refusal is on record as %+v, %v", denied.Entries, err)
	}
}

func TestDeadlinesAreSortedAndSayWhoMustAct(t *testing.T) {
	o := newTown(t)
	var list []deadline
	if err := json.Unmarshal([]byte(o.program("viewer").get("/api/v1/deadlines").body), &list); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for i, d := range list {
		if kinds[d.Kind]++; i > 0 && d.At.Before(list[i-1].At) {
			t.Errorf("%v stands behind %v", d.At, list[i-1].At)
		}
		if d.Says == "" || d.Who == "" || d.Do == "" {
			t.Errorf("%+v does not say what, who and what to do", d)
		}
	}
	for kind, n := range map[string]int{"agreement": 4, "disposal": 1, "key": 1, "roster": 1, "rate": 1, "disk": 1, "activation": 1, "token": 0} {
		if kinds[kind] != n {
			t.Errorf("%d deadlines of the kind %s, want %d", kinds[kind], kind, n)
		}
	}
	if err := json.Unmarshal([]byte(o.program("viewer@riverbend").get("/api/v1/deadlines").body), &list); err != nil || len(list) != 2 {
		t.Errorf("who sees riverbend alone sees %+v, %v", list, err)
	}
	_, id, hash := access.NewToken()
	if err := o.store.AddToken(t.Context(), store.Token{ID: id, Name: "mirth", Hash: hash, ExpiresAt: o.now.Add(72 * time.Hour)}, audit.Event{Action: audit.AccessChanged}); err != nil {
		t.Fatal(err)
	}
	has(t, o.person("anna", "admin").get("/deadlines").body, "API token mirth")
	has(t, o.person("bert", "viewer").get("/deadlines?show=agreements&find=maple").body, "is suspended", "in dispute")
}

func TestAPersonTakesAnAlertOn(t *testing.T) {
	o := newTown(t)
	alerts, err := o.store.OpenAlerts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]string{}
	for _, a := range alerts {
		of[a.Tenant] = string(rune('0' + a.ID))
	}
	v := o.person("anna", "operator@riverbend")
	if got := v.post("/practices/riverbend/alerts/"+of["lakeside"]+"/acknowledge", "for", "3d"); got.code != http.StatusNotFound {
		t.Errorf("another practice's alert: status %d", got.code)
	}
	if got := v.post("/practices/riverbend/alerts/"+of["riverbend"]+"/acknowledge", "for", "a while"); got.code != http.StatusUnprocessableEntity {
		t.Errorf("for a while: status %d", got.code)
	}
	if got := v.post("/alerts/"+of[""]+"/acknowledge", "for", "3d"); got.code != http.StatusForbidden {
		t.Errorf("the house's alert: status %d", got.code)
	}
	got := v.post("/practices/riverbend/alerts/"+of["riverbend"]+"/acknowledge", "for", "3d", "note", "asked Dana", "next", "/practices/riverbend")
	if got.code != http.StatusSeeOther || got.header.Get("Location") != "/practices/riverbend" {
		t.Errorf("status %d to %s", got.code, got.header.Get("Location"))
	}
	has(t, v.get("/alerts").body, "taken on by anna", "asked Dana", "Nothing needs anybody now.")
	if got := o.program("operator").ask("POST", "/api/v1/practices/lakeside/alerts/"+of["lakeside"]+"/acknowledge", "application/json", `{"for":"12h"}`); got.code != http.StatusNoContent {
		t.Errorf("by the API: status %d %s", got.code, got.body)
	}
}

func TestThePageOfTheRecord(t *testing.T) {
	o := newTown(t)
	v := o.person("olga", "privacy_officer@riverbend")
	page := v.get("/audit").body
	has(t, page, "file_stored", "riverbend")
	if strings.Contains(page, "lakeside") || strings.Contains(page, "the house") {
		t.Error("who may examine one chain sees another")
	}
	if got := v.get("/audit?chain=lakeside"); got.code != http.StatusNotFound {
		t.Errorf("another chain: status %d", got.code)
	}
	for _, chain := range []string{"house", "lakeside"} {
		for _, act := range []string{"verify", "review", "export"} {
			if got := v.post("/audit/"+act, "chain", chain); got.code != http.StatusNotFound {
				t.Errorf("%s of %s: status %d", act, chain, got.code)
			}
		}
	}
	v.post("/audit/verify", "chain", "riverbend")
	v.post("/audit/review", "chain", "riverbend", "note", "all as it should be")
	has(t, v.get("/audit?chain=riverbend").body, "by olga", "whole", "all as it should be")

	file := v.post("/audit/export", "chain", "riverbend")
	if !strings.Contains(file.header.Get("Content-Disposition"), "bulkhead-audit-riverbend-") {
		t.Errorf("the file is %q", file.header.Get("Content-Disposition"))
	}
	walk, rows := audit.NewWalk("riverbend", nil), bufio.NewScanner(strings.NewReader(file.body))
	for rows.Scan() {
		var e audit.Entry
		if err := json.Unmarshal(rows.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if f := walk.Take(e); f != nil {
			t.Fatal(f)
		}
	}
	if f := walk.End(nil); f != nil || walk.Head().Seq < 27 {
		t.Errorf("the file ends at row %d, %v", walk.Head().Seq, f)
	}
	if csv := v.post("/audit/export", "chain", "riverbend", "form", "csv").body; !strings.HasPrefix(csv, "tenant,seq,time,") {
		t.Errorf("the CSV begins with %.40s", csv)
	}
}

func TestABrokenChainIsNotSigned(t *testing.T) {
	o := newTown(t)
	o.sql(`DROP TRIGGER audit_not_updated`)
	o.sql(`UPDATE audit SET actor = 'nobody' WHERE tenant_id = 'riverbend' AND seq = 3`)
	v := o.person("olga", "privacy_officer")
	got := v.post("/audit/review", "chain", "riverbend")
	if got.code != http.StatusInternalServerError && got.code != http.StatusConflict || !strings.Contains(got.body, "row 3") {
		t.Errorf("status %d", got.code)
	}
	chains, err := o.store.AuditStandings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range chains {
		if c.Tenant == "riverbend" && (c.Reviewed.By != "" || c.Verified.By != "olga" || c.Whole) {
			t.Errorf("the chain stands as %+v", c)
		}
	}
	has(t, v.get("/audit").body, "1 of them broken")
}

func TestAPausePutsThePersonsReasonThere(t *testing.T) {
	o := newTown(t)
	v := o.person("anna", "operator@riverbend")
	v.post("/practices/riverbend/pause", "reason", "they move house", "for", "12h")
	v.post("/practices/riverbend/unpause")
	if got := v.post("/practices/riverbend/pause", "reason", strings.Repeat("x", 301)); got.code != http.StatusUnprocessableEntity {
		t.Errorf("a long reason: status %d", got.code)
	}
	if got := v.post("/queue/pause", "reason", "all"); got.code != http.StatusForbidden {
		t.Errorf("everything, by the operator of one practice: status %d", got.code)
	}
	o.person("bert", "operator").post("/queue/pause", "registration", "ecw-production", "reason", "the vendor works")
	want := "pause tenant riverbend: they move house; unpause tenant riverbend; pause registration ecw-production: the vendor works"
	if got := strings.Join(o.work.asked, "; "); got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	has(t, v.get("/practices/riverbend").body, "Pause this practice")
	has(t, o.person("carl", "operator").get("/practices/harbor").body, "Paused by anna", "the practice moves to another server", "End the pause")
}

// What a page or an operation shows of one practice is of that practice alone.
func TestATownsPagesKeepPracticesApart(t *testing.T) {
	o := newTown(t)
	person, program := o.person("rita", "operator@riverbend", "privacy_officer@riverbend"), o.program("operator@riverbend")
	fill := strings.NewReplacer("{tenant}", "riverbend", "{export}", o.newest, "{$}", "")
	for _, r := range (&Server{}).pageRoutes() {
		if r.Method == http.MethodGet {
			o.keepsApart(t, person, fill.Replace(r.Path), r.Act)
		}
	}
	var described struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(person.get("/api/openapi.json").body), &described); err != nil {
		t.Fatal(err)
	}
	for path, methods := range described.Paths {
		if _, ok := methods["get"]; ok && !strings.Contains(path, "{request}") {
			o.keepsApart(t, program, fill.Replace(path), access.See)
		}
	}
}

func (o *town) keepsApart(t *testing.T, v *visitor, path string, act access.Act) {
	t.Helper()
	got := v.get(path)
	if got.code != http.StatusOK && !(act == access.See && strings.HasPrefix(path, "/api/v1/audit")) {
		t.Errorf("%s: status %d", path, got.code)
	}
	for _, mark := range []string{"hillcrest", "Hillcrest", "HILLCR", "lakeside", "Lakeside", "harbor", "Harbor", "maplewood", "Maplewood", "pinecrest", "Pinecrest", "old-mill", "Old Mill", o.live, "ecw-production", "5 GiB"} {
		if strings.Contains(got.body, mark) {
			t.Errorf("%s shows %q", path, mark)
		}
	}
}

func TestWaitsSayWhy(t *testing.T) {
	o := newTown(t)
	o.put("lakeside", "w1", "full", "requested", time.Minute, "ecw-production", "https://fhir.example.com/LAKESD")
	var q look.Queue
	read := func() map[string]string {
		t.Helper()
		if err := json.Unmarshal([]byte(o.program("viewer").get("/api/v1/queue").body), &q); err != nil {
			t.Fatal(err)
		}
		why := map[string]string{}
		for _, w := range q.Waiting {
			why[w.Tenant] = w.Why
		}
		return why
	}
	why := read()
	if !strings.Contains(why["harbor"], "moves to another server") || why["maplewood"] != "the server is busy with another export of this group" || why["lakeside"] != "its turn is about to come" {
		t.Errorf("waits: %q", why)
	}
	if len(q.Running) != 1 || len(q.Deciding) != 1 || q.Machine.Taken != 1 || q.Machine.Slots != 4 || q.By[0].Taken != 1 || q.Running[0].Files != 40 || q.Running[0].Ingested != 29 {
		t.Errorf("the queue is %+v", q)
	}
	o.put("riverbend", "w2", "full", "polling", time.Minute, "ecw-production", "https://fhir.example.com/RIVERB", 1, 1)
	if why := read(); why["lakeside"] != "all 2 slots of registration ecw-production are taken" {
		t.Errorf("lakeside waits because %q", why["lakeside"])
	}
	if err := json.Unmarshal([]byte(o.program("viewer@lakeside").get("/api/v1/queue").body), &q); err != nil || len(q.Waiting) != 1 || q.Waiting[0].Why != "all slots of its registration are taken" {
		t.Errorf("lakeside's own people see %+v, %v", q.Waiting, err)
	}
}

func TestTheEndOfAnAgreementHasADeadline(t *testing.T) {
	o := newTown(t)
	disposal := func() (found deadline) {
		t.Helper()
		var list []deadline
		if err := json.Unmarshal([]byte(o.program("viewer").get("/api/v1/deadlines").body), &list); err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			if d.Kind == "disposal" && d.Tenant == "harbor" {
				found = d
			}
		}
		return found
	}
	c, err := o.options.Config().Tenant("harbor")
	if err != nil {
		t.Fatal(err)
	}
	ended := c.Agreement.ExpiresAt
	if d := disposal(); !d.At.Equal(ended.AddDate(0, 0, 15)) {
		t.Errorf("it is destroyed at %v, want half of thirty days after %v", d.At, ended)
	}
	c.Agreement.Disposal = "return"
	if d := disposal(); !d.At.Equal(ended.AddDate(0, 0, 30)) || !strings.Contains(d.Do, "--return") {
		t.Errorf("what is to be handed back: %+v", d)
	}
	o.sql(`INSERT INTO ending (tenant_id, reference, document, rule, over_at, seen_at, ended_at) VALUES ('harbor', 'BAA-2025-040', '', 'expired', 1, 1, 2)`)
	if d := disposal(); !d.At.IsZero() {
		t.Errorf("what is destroyed has a deadline still: %+v", d)
	}
}

func TestAServerThatCannotBeReachedIsOnTheQueuePage(t *testing.T) {
	o := newTown(t)
	if err := o.store.PutCircuit(t.Context(), store.Circuit{
		Origin: "https://fhir.example.com", Failures: 7, LastError: "nobody answers", OpenedAt: o.now.Add(-time.Hour), ProbeAt: o.now.Add(5 * time.Minute),
	}); err != nil {
		t.Fatal(err)
	}
	has(t, o.person("anna", "viewer").get("/queue").body, "https://fhir.example.com cannot be reached", "nobody answers", "held back:")
	if own := o.person("bert", "viewer@riverbend").get("/queue").body; strings.Contains(own, "fhir.example.com") {
		t.Error("who sees another server's practice alone sees that this one cannot be reached")
	}
}

func TestTheAPISaysTheSameOfOnePracticeAsOfAll(t *testing.T) {
	o := newTown(t)
	v := o.person("anna", "viewer")
	var all []apiPractice
	if err := json.Unmarshal([]byte(v.get("/api/v1/practices").body), &all); err != nil || len(all) < 5 {
		t.Fatal(len(all), err)
	}
	for _, want := range all {
		var one apiPractice
		if err := json.Unmarshal([]byte(v.get("/api/v1/practices/"+want.Tenant).body), &one); err != nil {
			t.Fatal(err)
		}
		if one.Stands != want.Stands {
			t.Errorf("%s alone is %q, among all it is %q", want.Tenant, one.Stands, want.Stands)
		}
	}
}

func TestTheAPIGoesPageByPage(t *testing.T) {
	o := newTown(t)
	v, seen := o.program("viewer@riverbend"), map[string]bool{}
	for before := ""; ; {
		var page []apiExport
		if err := json.Unmarshal([]byte(v.get("/api/v1/practices/riverbend/exports?limit=25&before="+before).body), &page); err != nil {
			t.Fatal(err)
		}
		for _, x := range page {
			seen[x.ID] = true
		}
		if len(page) < 25 {
			break
		}
		before = page[24].ID
	}
	if len(seen) != 60 {
		t.Errorf("%d of 60 exports", len(seen))
	}
	if got := v.get("/api/v1/practices/riverbend/exports?before=" + o.live); got.code != http.StatusNotFound {
		t.Errorf("behind another practice's export: status %d", got.code)
	}
	files := map[string]bool{}
	for after := "-1"; after != ""; {
		var page struct {
			Files []apiFile
			Next  json.Number
		}
		if err := json.Unmarshal([]byte(o.program("viewer").get("/api/v1/practices/hillcrest/exports/"+o.live+"/files?state=ingested&limit=10&after="+after).body), &page); err != nil {
			t.Fatal(err)
		}
		for _, f := range page.Files {
			files[f.File] = true
		}
		after = page.Next.String()
	}
	if len(files) != 29 {
		t.Errorf("%d of 29 files", len(files))
	}
	var rows apiTrail
	if err := json.Unmarshal([]byte(o.person("olga", "privacy_officer@riverbend").get("/api/v1/audit?actor=bert").body), &rows); err != nil || len(rows.Rows) == 0 || rows.Next != 0 {
		t.Fatalf("%d rows, %v", len(rows.Rows), err)
	}
	for _, e := range rows.Rows {
		if e.Actor != "bert" || e.Tenant != "riverbend" {
			t.Errorf("row %d of %s is of %s", e.Seq, e.Tenant, e.Actor)
		}
	}
}

func TestAWeekOfAlertsIsNotAPageWithoutEnd(t *testing.T) {
	o := newTown(t)
	o.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 130)
		INSERT INTO alert (tenant_id, kind, object, severity, party, source, code, summary, remedy, since, opened_at, absent_at, closed_at)
		SELECT 'cedar', 'stale', '', 'warning', 'us', '', '', 'it was late', 'Wait.', ?1 - i * 1000, ?1, ?1, ?1 - i FROM n`, o.ms(time.Hour))
	page := o.person("anna", "viewer").get("/alerts").body
	has(t, page, "the last 100, and 30 before", "Nobody joined or left its group")
	if n := strings.Count(page, "It was late."); n != 100 {
		t.Errorf("%d alerts that are over are listed", n)
	}
}
