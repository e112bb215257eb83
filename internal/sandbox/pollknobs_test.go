package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// polls starts an export and returns the answers to n polls.
func polls(t *testing.T, n int, change func(*Knobs)) []reply {
	t.Helper()
	_, c, url := openAt(t, change)
	status := c.send(http.MethodGet, url, asyncHeaders, 202).Header.Get("Content-Location")
	var answers []reply
	for range n {
		answers = append(answers, c.pollOnce(status))
	}
	return answers
}

func TestRetryAfterIsToldInEveryForm(t *testing.T) {
	after := func(seconds int64) bool {
		d := seconds - time.Now().Unix()
		return d >= 88 && d <= 91
	}
	for text, fine := range map[string]func(told string) bool{
		"":      func(told string) bool { return told == "90" },
		"none":  func(told string) bool { return told == "" },
		"18000": func(told string) bool { return told == "18000" },
		"-5":    func(told string) bool { return told == "-5" },
		"abc":   func(told string) bool { return told == "abc" },
		"date": func(told string) bool {
			at, err := http.ParseTime(told)
			return err == nil && after(at.Unix())
		},
		"epoch": func(told string) bool {
			n, err := strconv.ParseInt(told, 10, 64)
			return err == nil && after(n)
		},
		"epochms": func(told string) bool {
			n, err := strconv.ParseInt(told, 10, 64)
			return err == nil && after(n/1000)
		},
	} {
		r := polls(t, 1, func(k *Knobs) { k.Stuck, k.RetryAfter, k.RetryText = true, 90*time.Second, text })[0]
		if told := r.Header.Get("Retry-After"); !fine(told) {
			t.Errorf("%q: told %q", text, told)
		}
	}
	if r := polls(t, 1, func(k *Knobs) { k.Stuck, k.NoRetry = true, true })[0]; r.Header.Get("Retry-After") != "" {
		t.Error("noRetry: told all the same")
	}
}

func TestProgressIsAnyText(t *testing.T) {
	for text, want := range map[string]string{"7": "7% Completed", "in-progress": "in-progress", "": ""} {
		r := polls(t, 1, func(k *Knobs) { k.Stuck, k.Progress = true, []string{text} })[0]
		if got := r.Header.Get("X-Progress"); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestPollsFailInEveryWay(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Knobs)
		status []int
		code   string // of the first answer
	}{
		"404 first":      {func(k *Knobs) { k.Poll404 = 2 }, []int{404, 404, 202}, "not-found"},
		"html":           {func(k *Knobs) { k.HTML = 1 }, []int{502, 202}, ""},
		"transient":      {func(k *Knobs) { k.Transient = 2 }, []int{503, 503, 202}, "transient"},
		"one by one":     {func(k *Knobs) { k.Poll404, k.HTML, k.Transient = 1, 1, 1 }, []int{404, 502, 503, 202}, "not-found"},
		"failed":         {func(k *Knobs) { k.Fail, k.Stuck, k.Takes = Fail500, false, 0 }, []int{500}, "processing"},
		"failed as 400":  {func(k *Knobs) { k.Fail, k.Stuck, k.Takes = Fail400, false, 0 }, []int{400}, "processing"},
		"failed as page": {func(k *Knobs) { k.Fail, k.Stuck, k.Takes = FailHTML, false, 0 }, []int{500}, ""},
	} {
		var status []int
		var first reply
		n := len(tc.status)
		if strings.HasPrefix(name, "failed") {
			n = 500 // how long the files take to be laid is nobody's knob
		}
		for i, r := range polls(t, n, func(k *Knobs) { k.Stuck = true; tc.change(k) }) {
			if i == 0 || first.StatusCode == 202 {
				first = r
			}
			if len(status) < len(tc.status) && (n != 500 || r.StatusCode != 202) {
				status = append(status, r.StatusCode)
			}
		}
		if !slices.Equal(status, tc.status) || first.outcome() != tc.code {
			t.Errorf("%s: %v with %q, want %v with %q", name, status, first.outcome(), tc.status, tc.code)
		}
		if html := strings.Contains(string(first.body), "<html>"); html != (tc.code == "") {
			t.Errorf("%s: body %s", name, first.body)
		}
	}
}

func TestACancelledExportAnswersAsTheKnobSays(t *testing.T) {
	for gone, want := range map[Gone]int{Gone404: 404, Gone410: 410, GoneCancelled: 202} {
		_, c, url := openAt(t, func(k *Knobs) { k.Gone = gone; k.Stuck = true })
		status := c.send(http.MethodGet, url, asyncHeaders, 202).Header.Get("Content-Location")
		c.send(http.MethodDelete, status, nil, 202)
		for range 3 {
			if r := c.get(status, want); (want == 202) != (r.Header.Get("X-Progress") == "CANCELLED") {
				t.Errorf("%q: X-Progress %q", gone, r.Header.Get("X-Progress"))
			}
		}
	}
}

func TestTheVendorMayCancelWhatRuns(t *testing.T) {
	srv, c, url := openAt(t, func(k *Knobs) { k.Stuck = true })
	status := c.send(http.MethodGet, url, asyncHeaders, 202).Header.Get("Content-Location")
	if n := srv.Practice("open").Cancel(); n != 1 {
		t.Errorf("%d exports cancelled", n)
	}
	c.get(status, 404)
	if n := srv.Practice("open").Cancel(); n != 0 {
		t.Errorf("%d exports cancelled twice", n)
	}
}

func TestEarlyPollsAreCountedAndPunished(t *testing.T) {
	srv, c, url := openAt(t, func(k *Knobs) { k.Stuck, k.RetryAfter = true, time.Hour })
	status := c.send(http.MethodGet, url, asyncHeaders, 202).Header.Get("Content-Location")
	c.get(status, 202)
	c.get(status, 202)
	if n := srv.Observations("open").EarlyPolls; n != 2 {
		t.Errorf("%d early polls, want both", n)
	}
	srv.Practice("open").Set(func(k *Knobs) { k.MinPoll = time.Hour })
	if r := c.get(status, 429); r.outcome() != "throttled" || r.Header.Get("Retry-After") != "3600" {
		t.Errorf("too soon: %q, Retry-After %q", r.outcome(), r.Header.Get("Retry-After"))
	}
	if e := srv.Observations("open").Exports; len(e) != 1 || e[0].Polls != 3 || e[0].EarlyPolls != 3 {
		t.Errorf("exports %+v", e)
	}
}

func TestAPollAtTheTimeToldIsNotEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &export{}
		e.tell(time.Now().Add(time.Minute))
		<-time.After(time.Minute - 1)
		e.polled(time.Now())
		e.tell(time.Now().Add(time.Minute))
		<-time.After(time.Minute)
		if n, since := e.polled(time.Now()); n != 2 || since != time.Minute || e.turns.early != 1 {
			t.Errorf("%d polls, %d early, the last %s before", n, e.turns.early, since)
		}
	})
}

func TestAnExportMayBeBoundToItsClient(t *testing.T) {
	k := quick(Standard())
	p := openPractice(k)
	p.Open = false
	srv, c := play(t, Config{Plain: true, Practices: []Practice{p}, Clients: []Client{
		{ID: clientID, JWKS: jwksOf("key-1")}, {ID: "app-2", JWKS: jwksOf("key-1")},
	}})
	base := srv.Practice("open").Base()
	c.login(base, "system/*.read")
	status := c.kickoff(base, "/$export?_type=Patient")
	endpoint := srv.Practice("open").ownTokenURL()
	other := honest(endpoint)
	other["iss"], other["sub"] = "app-2", "app-2"
	c.token = tokenOf(t, c.ask(endpoint, sign(t, rs384(), other), "system/*.read"))
	c.get(status, 404)
	srv.Practice("open").Set(func(k *Knobs) { k.BindClient = false })
	c.wait(status)
}

func TestExpiresIsWrittenInEveryForm(t *testing.T) {
	for form, fine := range map[Expires]func(string) bool{
		ExpiresHTTP:    func(s string) bool { _, err := http.ParseTime(s); return err == nil },
		ExpiresGo:      func(s string) bool { return strings.HasSuffix(s, "+0000 UTC") },
		ExpiresZero:    func(s string) bool { return s == "0" },
		ExpiresMissing: func(s string) bool { return s == "" },
	} {
		_, c, url := openAt(t, func(k *Knobs) { k.Expires = form })
		status := c.send(http.MethodGet, url, asyncHeaders, 202).Header.Get("Content-Location")
		c.wait(status)
		if got := c.get(status, 200).Header.Get("Expires"); !fine(got) {
			t.Errorf("%q: Expires %q", form, got)
		}
	}
}
