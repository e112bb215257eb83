package sandbox

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// openAt starts one open practice and returns the URL of its system export.
func openAt(t *testing.T, change func(*Knobs)) (*Server, *caller, string) {
	t.Helper()
	k := quick(Standard())
	change(k)
	srv, c := play(t, Config{Plain: true, Practices: []Practice{openPractice(k)}})
	return srv, c, srv.Practice("open").Base() + "/$export"
}

func TestADuplicateIsRefusedInEveryWay(t *testing.T) {
	for how, want := range map[Duplicate]struct {
		status int
		code   string
	}{
		DuplicateAllowed:      {202, ""},
		Duplicate200:          {200, "duplicate"},
		Duplicate409:          {409, "duplicate"},
		Duplicate429:          {429, "duplicate"},
		Duplicate429Empty:     {429, ""},
		Duplicate429Locations: {429, "duplicate"},
	} {
		_, c, url := openAt(t, func(k *Knobs) { k.Duplicate, k.Stuck, k.RetryAfter = how, true, 7*time.Second })
		first := c.send(http.MethodGet, url, asyncHeaders, 202).Header.Get("Content-Location")
		again := c.send(http.MethodGet, url, asyncHeaders, want.status)
		if again.outcome() != want.code {
			t.Errorf("%s: outcome %q, want %q", how, again.outcome(), want.code)
		}
		if got := again.Header.Get("Content-Location"); (how == Duplicate429Locations) != (got == first) {
			t.Errorf("%s: Content-Location %q", how, got)
		}
		if got := again.Header.Get("Retry-After"); (want.status == 429 || how == DuplicateAllowed) != (got == "7") {
			t.Errorf("%s: Retry-After %q", how, got)
		}
	}
}

func TestOneExportMayHoldAWholePractice(t *testing.T) {
	srv, c, url := openAt(t, func(k *Knobs) { k.Duplicate, k.Stuck = Duplicate429, true })
	group := srv.Practice("open").Base() + "/Group/g1/$export"
	c.send(http.MethodGet, url, asyncHeaders, 202)
	c.send(http.MethodGet, group, asyncHeaders, 202)
	srv.Practice("open").Set(func(k *Knobs) { k.OnePer = OnePerPractice })
	c.send(http.MethodGet, srv.Practice("open").Base()+"/Patient/$export", asyncHeaders, 429)
}

func TestAGroupIsExportedOncePerWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{clock: newClock(1, time.Time{}), affinity: newAffinity()}
		p := newPractice(s, openPractice(nil))
		k := Standard()
		k.KickoffWindow = 24 * time.Hour
		kick := func(group, client string) bool {
			_, early := p.admit(k, &export{p: p, id: newID(), level: LevelGroup, group: group, client: client})
			return !early
		}
		if !kick("a", "app") || kick("a", "app") || !kick("b", "app") || !kick("a", "other") {
			t.Error("the window is not of one client and group")
		}
		<-time.After(24*time.Hour - time.Second)
		if kick("a", "app") {
			t.Error("a second too early was taken")
		}
		<-time.After(time.Second)
		if !kick("a", "app") {
			t.Error("the window does not end")
		}
	})
}

func TestAKickoffWithinTheWindowIsRefused(t *testing.T) {
	_, c, url := openAt(t, func(k *Knobs) { k.KickoffWindow, k.KickoffWindowStatus = time.Hour, 422 })
	c.send(http.MethodGet, url, asyncHeaders, 202)
	if r := c.send(http.MethodGet, url, asyncHeaders, 422); !strings.Contains(string(r.body), "too recently") {
		t.Errorf("body %s", r.body)
	}
}

func TestTheStatusURLIsToldInEveryForm(t *testing.T) {
	for form, want := range map[LocationForm]func(srv *Server, told []string) bool{
		LocationAbsolute: func(srv *Server, told []string) bool {
			return len(told) == 1 && strings.HasPrefix(told[0], srv.Practice("open").Base()+"/$export-poll-location?job_id=")
		},
		LocationRelative: func(_ *Server, told []string) bool { return len(told) == 1 && strings.HasPrefix(told[0], "/r4/open/") },
		LocationMissing:  func(_ *Server, told []string) bool { return len(told) == 0 },
		LocationDouble:   func(_ *Server, told []string) bool { return len(told) == 2 && told[0] != told[1] },
		LocationOtherHost: func(srv *Server, told []string) bool {
			return len(told) == 1 && strings.HasPrefix(told[0], srv.storage.url)
		},
		LocationLower: func(_ *Server, told []string) bool { return len(told) == 1 },
	} {
		srv, c, url := openAt(t, func(k *Knobs) { k.ContentLocation = form })
		told := c.send(http.MethodGet, url, asyncHeaders, 202).Header.Values("Content-Location")
		if !want(srv, told) {
			t.Errorf("%q: %q", form, told)
		}
		for _, u := range told {
			if strings.HasPrefix(u, "/") {
				u = srv.fhirURL + u
			}
			if r := c.pollOnce(u); r.StatusCode != http.StatusOK && r.StatusCode != http.StatusAccepted {
				t.Errorf("%q: poll of %s: status %d", form, u, r.StatusCode)
			}
		}
	}
}

func TestStatusURLsComeInEveryShape(t *testing.T) {
	for _, shape := range statusURLs {
		srv, c, url := openAt(t, func(k *Knobs) { k.StatusURL = shape })
		path, _, _ := strings.Cut(shape, "?")
		status := c.kickoff(strings.TrimSuffix(url, "/$export"), "/$export")
		if !strings.HasPrefix(status, srv.Practice("open").Base()+"/"+path) {
			t.Errorf("%s: %s", shape, status)
		}
		if m := c.wait(status); len(c.lines(m, "Patient")) != 10 {
			t.Errorf("%s: no patients", shape)
		}
		c.send(http.MethodDelete, status, nil, 202)
		c.get(status, 404)
	}
}

func TestATokenAtAnotherHostsStatusURLIsStray(t *testing.T) {
	k := quick(Standard())
	k.ContentLocation = LocationOtherHost
	p := openPractice(k)
	p.Open = false
	srv, c := play(t, Config{Plain: true, Practices: []Practice{p}})
	c.login(srv.Practice("open").Base(), "system/*.read")
	c.wait(c.kickoff(srv.Practice("open").Base(), "/$export?_type=Patient"))
	if seen := srv.Observations("open"); seen.StrayTokens == 0 || srv.Strays() != seen.StrayTokens {
		t.Errorf("%d stray tokens seen, %d in all", seen.StrayTokens, srv.Strays())
	}
}

func TestSeparateStatusIsToldAsItWasAgreed(t *testing.T) {
	prefer := map[string]string{"Accept": "application/fhir+json", "Prefer": "respond-async, separate-export-status"}
	for how, lines := range map[StatusPref]int{SeparateIgnored: 0, SeparateOneLine: 1, SeparateTwoLines: 2} {
		srv, c, url := openAt(t, func(k *Knobs) { k.Dialect, k.SeparateExportStatus, k.Stuck = STU3, how, true })
		r := c.send(http.MethodGet, url, prefer, 202)
		if got := r.Header.Values("Preference-Applied"); len(got) != lines {
			t.Errorf("%q: Preference-Applied %q", how, got)
		}
		status, want, http := r.Header.Get("Content-Location"), "", 202
		if lines > 0 {
			want, http = "202 Accepted", 200
		}
		if r := c.get(status, http); r.Header.Get("X-Export-Status") != want {
			t.Errorf("%q: running: %q", how, r.Header.Get("X-Export-Status"))
		}
		srv.Practice("open").Set(func(k *Knobs) { k.Stuck = false })
		c.settled(status, lines > 0)
	}
}

// settled polls until the export is complete, whose state is told apart when
// separate is set.
func (c *caller) settled(status string, separate bool) {
	c.t.Helper()
	for {
		r := c.pollOnce(status)
		state := r.Header.Get("X-Export-Status")
		switch {
		case !separate && state != "", separate && r.StatusCode != http.StatusOK:
			c.t.Fatalf("status %d with X-Export-Status %q", r.StatusCode, state)
		case state == "200 OK", !separate && r.StatusCode == http.StatusOK:
			return
		}
	}
}

func TestTheCookieLeadsToTheExport(t *testing.T) {
	srv, c, url := openAt(t, func(k *Knobs) { k.AffinityCookie = true })
	r := c.send(http.MethodGet, url, asyncHeaders, 202)
	status, set := r.Header.Get("Content-Location"), r.Cookies()
	if len(set) != 1 || set[0].Name != affinityCookie {
		t.Fatalf("cookies %v", set)
	}
	c.get(status, 404)
	with := map[string]string{"Cookie": set[0].String()}
	if r, err := c.do(http.MethodGet, status, with); err != nil || r.StatusCode == http.StatusNotFound {
		t.Errorf("with the cookie: %v %v", r.StatusCode, err)
	}
	c.send(http.MethodGet, srv.storage.url+"/", with, 404)
	if n := srv.Observations("").StrayCookies; n != 1 {
		t.Errorf("%d stray cookies, want the one at the storage", n)
	}
}

func TestStrictHeadersAllowThePreferenceThatIsApplied(t *testing.T) {
	srv, c, url := openAt(t, func(k *Knobs) { k.Dialect, k.StrictHeaders = STU3, true })
	prefer := map[string]string{"Accept": "application/fhir+json", "Prefer": "respond-async,separate-export-status"}
	c.send(http.MethodGet, url, prefer, 400)
	srv.Practice("open").Set(func(k *Knobs) { k.SeparateExportStatus = SeparateOneLine })
	c.send(http.MethodGet, url, prefer, 202)
}
