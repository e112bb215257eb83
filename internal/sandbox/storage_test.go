package sandbox

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRedirectsLeadToAStorageThatWantsNoToken(t *testing.T) {
	k := quick(ECW())
	k.Access = AccessRedirect
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(k)}})
	base := srv.Practice("ABCDEF").Base()
	c.login(base, ecwScope)
	m := c.wait(c.kickoff(base, "/Group/"+groupUUID+"/$export?_type=Patient"))
	if !*m.RequiresAccessToken || !strings.HasPrefix(m.Output[0].URL, base) {
		t.Errorf("manifest %+v", m)
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	link := c.get(m.Output[0].URL, http.StatusTemporaryRedirect).Header.Get("Location")
	if !strings.HasPrefix(link, srv.Summary().Storage) || strings.HasPrefix(link, srv.Summary().FHIR) {
		t.Fatalf("Location %s", link)
	}
	c.get(link, http.StatusBadRequest)
	if srv.Strays() != 1 {
		t.Errorf("%d strays, want the token at the storage", srv.Strays())
	}
	token := c.token
	c.token = ""
	if n := strings.Count(string(c.get(link, 200).body), "\n"); n != 10 {
		t.Errorf("%d lines, want 10", n)
	}
	c.get(link+"x", http.StatusForbidden)
	c.get(m.Output[0].URL, http.StatusUnauthorized)

	c.token = token
	srv.Practice("ABCDEF").Set(func(k *Knobs) { k.LinkLife = time.Nanosecond })
	link = c.get(m.Output[0].URL, http.StatusTemporaryRedirect).Header.Get("Location")
	c.token = ""
	if r := c.get(link, http.StatusForbidden); r.outcome() != "expired" {
		t.Errorf("outcome %s", r.body)
	}
	if got := srv.Counts("ABCDEF"); got[KindStorage] != 4 || got[KindFile] != 3 {
		t.Errorf("counts %v", got)
	}
}

func TestPresignedLinksStandInTheManifest(t *testing.T) {
	k := quick(ECW())
	k.Access = AccessPresigned
	k.Faults = []Fault{{On: KindStorage, After: 1, Do: ActionStatus, Status: 503}}
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(k)}})
	base := srv.Practice("ABCDEF").Base()
	c.login(base, ecwScope)
	m := c.wait(c.kickoff(base, "/Group/"+groupUUID+"/$export?_type=Patient"))
	if *m.RequiresAccessToken || !strings.HasPrefix(m.Output[0].URL, srv.Summary().Storage) {
		t.Errorf("manifest %+v", m)
	}
	c.token = ""
	c.get(m.Output[0].URL, 200)
	c.get(m.Output[0].URL, 503)
}
