package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestECWManifest(t *testing.T) {
	epoch := time.Date(2024, 6, 1, 8, 0, 0, 0, time.UTC)
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(quick(ECW()))}, Epoch: epoch})
	base := srv.Practice("ABCDEF").Base()
	c.login(base, ecwScope)
	r := c.pollUntilDone(c.kickoff(base, "/Group/"+groupUUID+"/$export?_type=Patient"))
	for _, want := range []string{
		`"requiresAccessToken":true`, `"error":[]`, `"transactionTime":"2024-06-01T08:0`,
		`"request":"` + base + `/Group/` + groupUUID + `/$export?_type=Patient"`,
		base + `/bulkdata/download?job_id=`, `&file_name=Patient-1.ndjson"`,
	} {
		if !strings.Contains(string(r.body), want) {
			t.Errorf("the manifest lacks %s:\n%s", want, r.body)
		}
	}
	for _, never := range []string{"count", "deleted"} {
		if strings.Contains(string(r.body), never) {
			t.Errorf("the manifest has %s:\n%s", never, r.body)
		}
	}
}

func (c *caller) pollUntilDone(status string) reply {
	c.t.Helper()
	for {
		if r := c.pollOnce(status); r.StatusCode != http.StatusAccepted {
			return r
		}
	}
}

func TestManifestKnobs(t *testing.T) {
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(quick(ECW()))}})
	p := srv.Practice("ABCDEF")
	c.login(p.Base(), ecwScope)
	status := c.kickoff(p.Base(), "/Group/"+groupUUID+"/$export")
	c.pollUntilDone(status)
	p.Set(func(k *Knobs) { k.OmitError, k.AmpEscape = true, true })
	body := string(c.get(status, 200).body)
	if strings.Contains(body, `"error"`) || !strings.Contains(body, "&amp;file_name=") {
		t.Errorf("manifest: %s", body)
	}
	p.Set(func(k *Knobs) { k.EmptyManifest = true })
	if body := c.get(status, 200).body; len(body) != 0 {
		t.Errorf("body %q, want none", body)
	}
	p.Set(func(k *Knobs) { k.DisabledGroups = []string{groupUUID} })
	c.get(status, http.StatusUnauthorized)
}

func TestProgressMayStandStillAndJump(t *testing.T) {
	s := &Server{clock: newClock(10, time.Time{})}
	p := &PracticeServer{s: s}
	k := Knobs{PollKnobs: PollKnobs{Takes: 100 * time.Minute, Progress: []string{"0", "0", "6", "80"}}}
	var seen []string
	for _, gone := range []time.Duration{0, 20, 30, 55, 80, 99, 1000} {
		e := &export{p: p, accepted: time.Now().Add(-gone * time.Minute / 10)}
		seen = append(seen, strings.TrimSuffix(e.progress(k), " Completed"))
	}
	if want := []string{"0%", "0%", "0%", "6%", "80%", "80%", "80%"}; !slices.Equal(seen, want) {
		t.Errorf("progress %v, want %v", seen, want)
	}
	if e := (&export{p: p, accepted: time.Now()}); e.progress(Knobs{}) != "" {
		t.Error("progress without a text for it")
	}
}

func TestAnExportTakesItsScaledTime(t *testing.T) {
	s := &Server{clock: newClock(60, time.Time{})}
	done := make(chan struct{})
	close(done)
	at := func(ago time.Duration) *export {
		return &export{p: &PracticeServer{s: s}, accepted: time.Now().Add(-ago), prepared: done, k: Knobs{PollKnobs: PollKnobs{Takes: time.Hour, Expiry: time.Hour}}}
	}
	k := Knobs{PollKnobs: PollKnobs{Takes: time.Hour}}
	if at(50*time.Second).finished(k) || !at(61*time.Second).finished(k) {
		t.Error("an hour at scale 60 is not a minute")
	}
	k.Stuck = true
	if at(time.Hour).finished(k) {
		t.Error("a stuck export finished")
	}
	if at(110*time.Second).expired() || !at(130*time.Second).expired() {
		t.Error("expiry is not counted from the end")
	}
}

func TestOthersCannotSeeAnExport(t *testing.T) {
	other := ecwPractice(quick(ECW()))
	other.Code = "GHIJKL"
	srv, c := play(t, Config{
		Practices: []Practice{ecwPractice(quick(ECW())), other},
		Clients:   []Client{{ID: clientID, JWKS: jwksOf("key-1")}, {ID: "app-2", JWKS: jwksOf("key-1")}},
	})
	base := srv.Practice("ABCDEF").Base()
	c.login(base, ecwScope)
	status := c.kickoff(base, "/Group/"+groupUUID+"/$export")
	m := c.wait(status)
	c.get(strings.Replace(status, "ABCDEF", "GHIJKL", 1), http.StatusNotFound)
	c.get(strings.Replace(m.Output[0].URL, "ABCDEF", "GHIJKL", 1), http.StatusNotFound)
	c.get(base+"/$export-poll-location?job_id=none", http.StatusNotFound)

	endpoint, assertion := srv.Summary().Token, honest(srv.Summary().Token)
	assertion["iss"], assertion["sub"] = "app-2", "app-2"
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(c.ask(endpoint, sign(t, rs384(), assertion), ecwScope).body, &token); err != nil {
		t.Fatal(err)
	}
	c.token = token.AccessToken
	c.get(status, http.StatusNotFound)
	c.get(m.Output[0].URL, http.StatusNotFound)
	c.token = ""
	c.get(status, http.StatusUnauthorized)
	c.get(m.Output[0].URL, http.StatusUnauthorized)
}

func TestCancelledExportsAnswerAsTheKnobSays(t *testing.T) {
	srv, c := play(t, Config{Practices: []Practice{openPractice(quick(Standard()))}})
	p := srv.Practice("open")
	status := c.kickoff(p.Base(), "/$export")
	c.send(http.MethodDelete, status, nil, http.StatusAccepted)
	for gone, want := range map[Gone]int{Gone404: 404, Gone410: 410, GoneCancelled: 202} {
		p.Set(func(k *Knobs) { k.Gone = gone })
		r := c.get(status, want)
		if (r.Header.Get("X-Progress") == "CANCELLED") != (want == 202) || r.Header.Get("Retry-After") != "" {
			t.Errorf("%q: headers %v", gone, r.Header)
		}
	}
}

func TestSinceGivesChangesAndDeletions(t *testing.T) {
	epoch := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	src := records{}.add("Patient", 5).add("Observation", 250)
	src["Patient"][2].updated = epoch.Add(48 * time.Hour)
	src["Patient"][4].deleted = epoch.Add(72 * time.Hour)
	for i := range 150 {
		src["Observation"][i].deleted = epoch.Add(72 * time.Hour)
	}
	p := openPractice(quick(Standard()))
	p.Source = src
	srv, c := play(t, Config{Practices: []Practice{p}, Epoch: epoch})
	base := srv.Practice("open").Base()
	first := c.wait(c.kickoff(base, "/$export"))
	if n := len(c.lines(first, "Patient")); n != 4 || first.Deleted != nil {
		t.Errorf("first export: %d patients, deleted %v; want 4 (one is from the future) and no section", n, first.Deleted)
	}
	srv.Advance(30 * 24 * time.Hour)
	second := c.wait(c.kickoff(base, "/$export?_since="+first.TransactionTime))
	if n := len(c.lines(second, "Patient")); n != 1 || len(c.lines(second, "Observation")) != 0 {
		t.Errorf("second export: %d patients, want the one that changed", n)
	}
	if len(second.Deleted) != 1 || second.Deleted[0].Type != "Bundle" || *second.Deleted[0].Count != 2 {
		t.Fatalf("deleted section %+v", second.Deleted)
	}
	gone := map[string]bool{}
	for line := range strings.Lines(string(c.get(second.Deleted[0].URL, 200).body)) {
		var b struct {
			Type  string
			Entry []struct{ Request struct{ Method, URL string } }
		}
		if err := json.Unmarshal([]byte(line), &b); err != nil || b.Type != "transaction" {
			t.Fatalf("line %s: %v", line, err)
		}
		for _, e := range b.Entry {
			if e.Request.Method == "DELETE" {
				gone[e.Request.URL] = true
			}
		}
	}
	if len(gone) != 151 || !gone["Patient/4"] || !gone["Observation/149"] {
		t.Errorf("%d deletions: want 151 with Patient/4 among them", len(gone))
	}
	third := c.wait(c.kickoff(base, "/$export?_since="+second.TransactionTime))
	if len(third.Output) != 0 || third.Deleted == nil || len(third.Deleted) != 0 {
		t.Errorf("third export: %+v, want nothing", third)
	}
}

func TestThePracticesTimeNeverOvertakesOurs(t *testing.T) {
	c := newClock(1e6, time.Now().Add(-time.Hour))
	c.advanced = 1000 * time.Hour
	if now := c.now(); now.After(time.Now()) {
		t.Errorf("now is %v", now)
	}
	c = newClock(60, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	c.started = time.Now().Add(-time.Minute)
	if got := c.now().Sub(c.epoch).Round(time.Minute); got != time.Hour {
		t.Errorf("a minute at scale 60 is %v", got)
	}
}
