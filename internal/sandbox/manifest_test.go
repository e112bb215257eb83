package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// listing is a manifest as plain JSON.
type listing map[string]any

// exported starts an open practice with knobs that change may turn, exports
// path and returns the manifest as it stands.
func exported(t *testing.T, path string, change func(*Knobs)) (*Server, *caller, listing) {
	t.Helper()
	k := quick(Standard())
	change(k)
	srv, c := play(t, Config{Practices: []Practice{openPractice(k)}})
	return srv, c, c.listing(c.kickoff(srv.Practice("open").Base(), path))
}

// listing polls until the manifest is there, and reads it.
func (c *caller) listing(status string) listing {
	c.t.Helper()
	for {
		r := c.pollOnce(status)
		switch r.StatusCode {
		case http.StatusAccepted:
			continue
		case http.StatusOK:
			m := listing{}
			if err := json.Unmarshal(r.body, &m); err != nil {
				c.t.Fatalf("manifest: %v: %s", err, r.body)
			}
			return m
		}
		c.t.Fatalf("poll: status %d, body %s", r.StatusCode, r.body)
	}
}

// items returns the entries of one section.
func (m listing) items(section string) []map[string]any {
	list, _ := m[section].([]any)
	var items []map[string]any
	for _, i := range list {
		items = append(items, i.(map[string]any))
	}
	return items
}

// text fetches the file of an entry.
func (c *caller) text(item map[string]any) string {
	c.t.Helper()
	return string(c.get(item["url"].(string), 200).body)
}

// rows are the lines of the files of a section, of one type or, where it is
// empty, of all.
func (c *caller) rows(m listing, section, resourceType string) []string {
	c.t.Helper()
	var all []string
	for _, i := range m.items(section) {
		if resourceType == "" || i["type"] == resourceType {
			all = append(all, strings.Split(strings.TrimSuffix(c.text(i), "\n"), "\n")...)
		}
	}
	return all
}

func TestManifestLacksWhatOmitNames(t *testing.T) {
	_, _, m := exported(t, "/$export", func(k *Knobs) { k.Omit = Names{"error", "request"} })
	for name, want := range map[string]bool{"error": false, "request": false, "output": true, "transactionTime": true} {
		if _, ok := m[name]; ok != want {
			t.Errorf("%s is there: %t", name, ok)
		}
	}
}

func TestCountsAreWhatTheKnobSays(t *testing.T) {
	for count, want := range map[Count]any{CountNone: nil, CountRight: 10.0, CountWrong: 13.0, CountString: "10"} {
		_, _, m := exported(t, "/$export?_type=Patient", func(k *Knobs) { k.Count = count })
		if got := m.items("output")[0]["count"]; got != want {
			t.Errorf("%q: count %v, want %v", count, got, want)
		}
	}
}

func TestRequiresAccessTokenIsWhatTheKnobSays(t *testing.T) {
	for rat, want := range map[RAT]any{RATHonest: false, RATTrue: true, RATFalse: false, RATText: "false", RATMissing: nil, RATWrong: 1.0} {
		_, _, m := exported(t, "/$export", func(k *Knobs) { k.RAT = rat })
		if got, ok := m["requiresAccessToken"]; got != want || ok == (rat == RATMissing) {
			t.Errorf("%q: %v, want %v", rat, got, want)
		}
	}
}

func TestTransactionTimeIsWhatTheKnobSays(t *testing.T) {
	for knob, check := range map[TxTime]func(at time.Time, text any, bare error) bool{
		TxStart:   func(at time.Time, _ any, err error) bool { return err == nil && time.Since(at) < time.Minute },
		TxEnd:     func(at time.Time, _ any, err error) bool { return err == nil && time.Until(at) > 50*time.Minute },
		TxMissing: func(_ time.Time, text any, _ error) bool { return text == nil },
		TxNoZone: func(_ time.Time, text any, err error) bool {
			_, zoneless := time.Parse("2006-01-02T15:04:05.000", fmt.Sprint(text))
			return err != nil && zoneless == nil
		},
		TxGarbage: func(_ time.Time, text any, err error) bool { return err != nil && text != nil },
	} {
		srv, c := play(t, Config{Practices: []Practice{openPractice(quick(Standard()))}})
		p := srv.Practice("open")
		p.Set(func(k *Knobs) { k.TxTime = knob })
		status := c.kickoff(p.Base(), "/$export")
		c.listing(status)
		p.Set(func(k *Knobs) { k.Takes = time.Hour })
		p.mu.Lock()
		for _, e := range p.exports {
			e.accepted = e.accepted.Add(-2 * time.Hour) // it has been running all the time
		}
		p.mu.Unlock()
		text := c.listing(status)["transactionTime"]
		at, err := time.Parse(time.RFC3339, fmt.Sprint(text))
		if !check(at, text, err) {
			t.Errorf("%q: transactionTime %v", knob, text)
		}
	}
}

func TestAnEmptyExportListsNothing(t *testing.T) {
	_, _, m := exported(t, "/$export", func(k *Knobs) { k.Empty = true })
	if list, ok := m["output"].([]any); !ok || len(list) != 0 {
		t.Errorf("output %v, want an empty list", m["output"])
	}
}

func TestATypeMayComeInThousandsOfFiles(t *testing.T) {
	_, c, m := exported(t, "/$export?_type=Observation", func(k *Knobs) { k.FilesPerType = 3000; k.Ranges = false })
	items := m.items("output")
	if len(items) != 3000 {
		t.Fatalf("%d files, want 3000", len(items))
	}
	lines, names := 0, map[string]bool{}
	for _, i := range items {
		names[i["url"].(string)] = true
		if i["count"] != 0.0 {
			lines += strings.Count(c.text(i), "\n")
		}
	}
	if lines != 25 || len(names) != 3000 {
		t.Errorf("%d lines in %d different files, want 25 in 3000", lines, len(names))
	}
}

func TestExtrasAreAdded(t *testing.T) {
	_, c, m := exported(t, "/$export?_type=Patient", func(k *Knobs) {
		k.Extras = Names{ExtraMembers, ExtraJobID, ExtraChecksum}
	})
	if m["JobID"] != 1.0 || m["strange"] == nil {
		t.Errorf("manifest %v", m)
	}
	if _, ok := m["extension"].(map[string]any); !ok {
		t.Errorf("extension %v, want an object in STU2", m["extension"])
	}
	item := m.items("output")[0]
	body := c.text(item)
	sum := sha256.Sum256([]byte(body))
	list := item["extension"].([]any)
	if got := list[0].(map[string]any); got["url"] != checksumExtension || got["valueString"] != "sha256:"+hex.EncodeToString(sum[:]) {
		t.Errorf("checksum %v", got)
	}
	if got := list[1].(map[string]any); got["valueDecimal"] != float64(len(body)) {
		t.Errorf("length %v, want %d", got, len(body))
	}
}

func TestExtrasOfSTU4AreFHIRExtensions(t *testing.T) {
	e := &export{wish: wish{dialect: STU4}}
	m := listing{}
	e.addExtras(m, Knobs{ManifestKnobs: ManifestKnobs{Extras: Names{ExtraMembers}}})
	if list, ok := m["extension"].([]any); !ok || list[0].(map[string]any)["url"] != strangeExtension {
		t.Errorf("extension %v, want a list", m["extension"])
	}
	item := map[string]any{}
	x := &exchange{k: Knobs{ManifestKnobs: ManifestKnobs{Extras: Names{ExtraModifier}}}}
	e.addItemExtras(x, item, &file{number: 1})
	if item["modifierExtension"] == nil {
		t.Error("no modifierExtension")
	}
}

// severities counts the severities of the issues in a file of outcomes.
func severities(t *testing.T, lines []string) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, line := range lines {
		var o struct {
			ResourceType string
			Issue        []struct{ Severity string }
		}
		if err := json.Unmarshal([]byte(line), &o); err != nil || o.ResourceType != "OperationOutcome" {
			t.Fatalf("no OperationOutcome: %s", line)
		}
		for _, i := range o.Issue {
			n[i.Severity]++
		}
	}
	return n
}

func TestOutcomesAreListed(t *testing.T) {
	for knob, want := range map[Outcomes]string{
		OutcomesInfo: "map[information:1]", OutcomesWarning: "map[warning:1]", OutcomesError: "map[error:1]",
		OutcomesMixed: "map[error:2 fatal:1 information:1 warning:1]",
	} {
		_, c, m := exported(t, "/$export?_type=Patient", func(k *Knobs) { k.Outcomes = knob })
		if got := fmt.Sprint(severities(t, c.rows(m, "error", "OperationOutcome"))); got != want {
			t.Errorf("%q: %s, want %s", knob, got, want)
		}
	}
}

func TestInventedDeletionsAreNamedAndNotExported(t *testing.T) {
	srv, c, m := exported(t, "/$export", func(k *Knobs) { k.Deleted = 7 })
	base := srv.Practice("open").Base()
	var methods, urls []string
	bundles := c.rows(m, "deleted", "Bundle")
	for _, line := range bundles {
		var b struct {
			ResourceType, Type string
			Entry              []struct{ Request struct{ Method, URL string } }
		}
		if err := json.Unmarshal([]byte(line), &b); err != nil || b.ResourceType != "Bundle" || b.Type != "transaction" {
			t.Fatalf("line %s", line)
		}
		for _, entry := range b.Entry {
			methods = append(methods, entry.Request.Method)
			if entry.Request.Method == "DELETE" {
				urls = append(urls, entry.Request.URL)
			}
		}
	}
	if len(bundles) != 3 || strings.Join(methods, " ") != "DELETE DELETE DELETE PUT DELETE DELETE DELETE DELETE" {
		t.Errorf("%d lines with %v", len(bundles), methods)
	}
	if urls[0] != "Observation/0" || urls[1] != base+"/Observation/1" || len(urls) != 7 {
		t.Errorf("URLs %v", urls)
	}
	rows := c.rows(m, "output", "Observation")
	for _, row := range rows {
		if id := stringOf([]byte(row), "id"); slices.Contains(urls, "Observation/"+id) || slices.Contains(urls, base+"/Observation/"+id) {
			t.Errorf("%s is deleted and exported", id)
		}
	}
	if len(rows) != 18 {
		t.Errorf("%d observations, want 18", len(rows))
	}
}

func TestRenewedLinksDiffer(t *testing.T) {
	for _, access := range []Access{AccessPresigned, AccessBearer} {
		k := quick(Standard())
		k.Access, k.LinkLife = access, time.Hour
		srv, c := play(t, Config{Practices: []Practice{openPractice(k)}})
		p := srv.Practice("open")
		status := c.kickoff(p.Base(), "/$export?_type=Patient")
		first := c.listing(status).items("output")[0]
		c.text(first)
		for second := first; second["url"] == first["url"]; { // signatures count milliseconds
			second = c.listing(status).items("output")[0]
			c.text(second)
		}
		p.Set(func(k *Knobs) { k.LinkLife = time.Nanosecond })
		old := c.listing(status).items("output")[0]["url"].(string)
		if r := c.get(old, http.StatusForbidden); r.outcome() != "expired" {
			t.Errorf("%q: %s", access, r.body)
		}
		c.get(strings.Replace(old, "signature=", "signature=0", 1), http.StatusForbidden)
	}
}

func TestPagesFollowEachOther(t *testing.T) {
	srv, c, m := exported(t, "/$export", func(k *Knobs) {
		k.FilesPer, k.Pages, k.PageWaits, k.Outcomes, k.Deleted = 5, 3, 1, OutcomesInfo, 1
	})
	files, pages, waits := map[string]bool{}, 1, 0
	for {
		for _, i := range m.items("output") {
			files[i["url"].(string)] = true
		}
		if len(m.items("error")) != 1 || (m["deleted"] != nil) != (pages == 3) {
			t.Errorf("page %d: error %v, deleted %v", pages, m["error"], m["deleted"])
		}
		next := m.items("link")
		if next == nil {
			break
		}
		pages++
		r := c.pollOnce(next[0]["url"].(string))
		if r.StatusCode == http.StatusAccepted {
			waits++
			if r.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After with 202")
			}
		}
		m = c.listing(next[0]["url"].(string))
	}
	if len(files) != 8 || pages != 3 || waits != 2 {
		t.Errorf("%d files on %d pages, %d waits; want 8, 3, 2", len(files), pages, waits)
	}
	srv.Practice("open").Set(func(k *Knobs) { k.PageLoop, k.Pages = true, 1 })
	status := c.kickoff(srv.Practice("open").Base(), "/$export")
	if m := c.listing(status); m.items("link")[0]["url"] != status {
		t.Errorf("link %v, want the page itself", m["link"])
	}
}

func TestForeignPagesAreOnTheStorage(t *testing.T) {
	srv, c, m := exported(t, "/$export", func(k *Knobs) { k.Pages, k.ForeignPages = 2, true })
	next := m.items("link")[0]["url"].(string)
	if !strings.HasPrefix(next, srv.Summary().Storage) {
		t.Fatalf("next %s", next)
	}
	c.send(http.MethodGet, next, map[string]string{"Authorization": "Bearer x"}, http.StatusBadRequest)
	if n := len(c.listing(next).items("output")); n == 0 {
		t.Error("the page is empty")
	}
	if srv.Strays() != 1 {
		t.Errorf("%d strays, want 1", srv.Strays())
	}
}

func TestARunningExportShowsWhatItHas(t *testing.T) {
	k := quick(Standard())
	k.Partial, k.Takes, k.FilesPer, k.Pages = true, time.Hour, 5, 4
	srv, c := play(t, Config{Practices: []Practice{openPractice(k)}})
	p := srv.Practice("open")
	status := c.kickoff(p.Base(), "/$export")
	pass := func(d time.Duration) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, e := range p.exports {
			<-e.prepared
			e.accepted = e.accepted.Add(-d)
		}
	}
	read := func(url string, status int) listing {
		m := listing{}
		if err := json.Unmarshal(c.get(url, status).body, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	if r := c.get(status, http.StatusAccepted); len(r.body) > 0 {
		t.Errorf("at the start: %s", r.body)
	}
	pass(20 * time.Minute)
	first := read(status, http.StatusAccepted)
	if len(first.items("output")) != 2 || first["link"] != nil {
		t.Errorf("first page %v", first)
	}
	c.text(first.items("output")[0])
	pass(11 * time.Minute)
	again := read(status, http.StatusAccepted)
	next := again.items("link")[0]["url"].(string)
	second := read(next, http.StatusAccepted)
	if second["link"] != nil || len(second.items("output")) == 0 || second.items("output")[0]["url"] == first.items("output")[0]["url"] {
		t.Errorf("second page %v", second)
	}
	pass(time.Hour)
	pages := 1
	for m := read(status, http.StatusOK); m["link"] != nil; pages++ {
		m = read(m.items("link")[0]["url"].(string), http.StatusOK)
	}
	if pages != 4 {
		t.Errorf("%d pages at the end, want 4", pages)
	}
}

func TestFileURLsTakeOtherForms(t *testing.T) {
	srv, c, m := exported(t, "/$export?_type=Patient", func(k *Knobs) { k.URLs = URLsRelative })
	u, err := url.Parse(m.items("output")[0]["url"].(string))
	if err != nil || u.IsAbs() || strings.HasPrefix(u.Path, "/") {
		t.Fatalf("URL %v (%v), want a relative one", u, err)
	}
	base, err := url.Parse(srv.Practice("open").Base() + "/$export-poll-location?job_id=1")
	if err != nil {
		t.Fatal(err)
	}
	c.get(base.ResolveReference(u).String(), 200)

	k := quick(ECW())
	k.URLs = URLsOtherHost
	srv, c = play(t, Config{Practices: []Practice{ecwPractice(k)}})
	p := srv.Practice("ABCDEF").Base()
	c.login(p, ecwScope)
	item := c.listing(c.kickoff(p, "/Group/"+groupUUID+"/$export?_type=Patient")).items("output")[0]
	if !strings.HasPrefix(item["url"].(string), srv.Summary().Storage) {
		t.Errorf("URL %v", item["url"])
	}
	c.text(item)
	c.token = ""
	c.get(item["url"].(string), http.StatusUnauthorized)
	if srv.Strays() != 0 {
		t.Errorf("%d strays; the token belongs there for once", srv.Strays())
	}
}

func TestManifestNamesItsKindAndFormat(t *testing.T) {
	_, _, m := exported(t, "/$export", func(k *Knobs) { k.ManifestType, k.OutputFormat = "http://example.org/m", "text/csv" })
	if m["manifestType"] != "http://example.org/m" || m["outputFormat"] != "text/csv" {
		t.Errorf("manifest %v", m)
	}
}

func TestOrganizedFilesAreBlocksOfPatients(t *testing.T) {
	k := quick(Standard())
	k.Organized, k.FilesPer = true, 3
	p := openPractice(k)
	doctor := func(text string) string {
		return strings.TrimSuffix(text, "}") + `,"performer":[{"reference":"Practitioner/1"}]}`
	}
	r := records{}.add("Patient", 3).add("Observation", 6).add("Practitioner", 2)
	for i := range r["Observation"] {
		r["Observation"][i].text = doctor(strings.Replace(r["Observation"][i].text, fmt.Sprintf("Patient/%d", i), fmt.Sprintf("Patient/%d", i%3), 1))
	}
	p.Source = r
	srv, c := play(t, Config{Practices: []Practice{p}})
	m := c.listing(c.kickoff(srv.Practice("open").Base(), "/$export"))
	if m["outputOrganizedBy"] != "Patient" {
		t.Errorf("outputOrganizedBy %v", m["outputOrganizedBy"])
	}
	items := m.items("output")
	var shape bytes.Buffer
	for i, item := range items {
		if _, ok := item["type"]; ok {
			t.Errorf("an item has a type: %v", item)
		}
		if i > 0 && items[i-1]["continuesInFile"] != nil && items[i-1]["continuesInFile"] != item["url"] {
			t.Errorf("file %d does not go on in the next", i)
		}
		shape.WriteString("|")
		for line := range strings.Lines(c.text(item)) {
			shape.WriteString(strings.Replace(stringOf([]byte(line), "resourceType")[:4], "Para", "#", 1) + " ")
		}
	}
	// Each patient has two observations and their doctor: four lines, three to a file.
	want := "|# Pati Obse Obse |# Prac # Pati Obse |# Obse Prac # Pati |# Obse Obse Prac "
	if shape.String() != want {
		t.Errorf("files:\n%s, want\n%s", shape.String(), want)
	}
}
