package scenario_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

const (
	fhirHost  = "fhir.ehr.test"
	tokenHost = "login.ehr.test"
)

// working gives a practice whose server works on an export for an hour.
func working() practice {
	return odd(func(k *sandbox.Knobs) { k.Takes, k.RetryAfter = time.Hour, 10*time.Minute })
}

// inTheMidst begins an export, gives it to trouble while the server works on
// it, and settles it.
func inTheMidst(w *scenario.World, trouble func()) *scenario.Export {
	w.T().Helper()
	x := w.Await(w.Request(w.Tenant().ID, export.Wish{}), life.Polling)
	w.Pass(15 * time.Minute)
	trouble()
	return w.Settle(x)
}

func TestATokenEndpointThatIsDownInTheMidstIsWaitedFor(t *testing.T) {
	t.Attr("fault", "server: token endpoint down for 20 minutes while an export runs, the token over -> waits, complete")
	p := working()
	p.KnobsYAML = "token: {life: 300s}"
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		x := inTheMidst(w, func() {
			w.Net.Down(tokenHost, true)
			w.Net.Break(tokenHost)
			w.Pass(20 * time.Minute)
			w.Net.Down(tokenHost, false)
		})
		p.complete(w, w.Want(x, life.Completed))
		if x.Kickoffs != 1 {
			t.Errorf("%d kick-offs", x.Kickoffs)
		}
	})
}

func TestATokenEndpointThatStaysDownIsShownToAPerson(t *testing.T) {
	t.Attr("fault", "server: token endpoint down for good -> failed with server_unreachable; resumed when it is back, complete, with the same kick-off")
	p := working()
	p.KnobsYAML = "token: {life: 300s}"
	p.Spec.Config = "limits: {retry: {attempts: 2}}"
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		x := inTheMidst(w, func() {
			w.Net.Down(tokenHost, true)
			w.Net.Break(tokenHost)
		})
		wantProblem(w, x, problem.ServerUnreachable)
		w.Net.Down(tokenHost, false)
		p.complete(w, w.Want(w.Resume(x), life.Completed))
		if x.Kickoffs != 1 {
			t.Errorf("%d kick-offs", x.Kickoffs)
		}
	})
}

func TestATokenThatEndsBetweenFilesIsRenewed(t *testing.T) {
	t.Attr("fault", "server: token over in mid-download, and revoked in mid-download -> a new token, complete")
	p := odd(func(k *sandbox.Knobs) {
		k.Takes, k.FilesPer, k.Gzip = 0, 10, false
		k.Token.Life = 30 * time.Second
		k.Faults = []sandbox.Fault{{On: sandbox.KindFile, Every: 2, Do: sandbox.ActionSlow, Rate: 512}}
	})
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		x := w.Await(w.Request(w.Tenant().ID, export.Wish{}), life.Downloading)
		w.Pass(5 * time.Second)
		w.Sandbox.Revoke()
		p.complete(w, w.Want(w.Settle(x), life.Completed))
		if n := w.Count(sandbox.KindToken); n < 2 {
			t.Errorf("%d tokens for a download that outlives them", n)
		}
		for _, f := range w.Sandbox.Files("LAKESIDE") {
			if !f.Whole {
				t.Errorf("file %s was never given whole", f.Name)
			}
		}
	})
}

func TestANewCertificateOfTheSameAuthorityIsNoEvent(t *testing.T) {
	t.Attr("fault", "server: certificate renewed in mid-export -> complete")
	p := working()
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		x := inTheMidst(w, func() {
			if err := w.Sandbox.Recertify(sandbox.CertificateGood); err != nil {
				t.Fatal(err)
			}
			w.Net.Break(fhirHost)
		})
		p.complete(w, w.Want(x, life.Completed))
	})
}

func TestACertificateThatIsNotTrustedEndsNothingForGood(t *testing.T) {
	for _, c := range []struct {
		kind sandbox.Certificate
		says string
	}{
		{sandbox.CertificateExpired, "expired"},
		{sandbox.CertificateStranger, "not trusted"},
		{sandbox.CertificateOther, "for another name"},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			t.Attr("fault", "server: certificate changed in mid-export: "+string(c.kind)+" -> failed with tls_failed, nothing sent; resumed with a good one, complete, with the same kick-off")
			p := working()
			scenario.Run(t, p.Spec, func(w *scenario.World) {
				var before int
				x := inTheMidst(w, func() {
					if err := w.Sandbox.Recertify(c.kind); err != nil {
						t.Fatal(err)
					}
					w.Net.Break(fhirHost)
					before = w.Count(sandbox.KindPoll)
				})
				wantProblem(w, x, problem.TLSFailed)
				if p := w.Problem(x); !strings.Contains(p.Summary, c.says) {
					t.Errorf("problem %v", p)
				}
				if n := w.Count(sandbox.KindPoll) - before; n != 0 {
					t.Errorf("%d polls reached a server that is not trusted", n)
				}
				if err := w.Sandbox.Recertify(sandbox.CertificateGood); err != nil {
					t.Fatal(err)
				}
				w.Net.Break(fhirHost)
				p.complete(w, w.Want(w.Resume(x), life.Completed))
				if x.Kickoffs != 1 {
					t.Errorf("%d kick-offs", x.Kickoffs)
				}
			})
		})
	}
}

func TestANameThatDoesNotResolveForAWhileIsWaitedOut(t *testing.T) {
	for _, host := range []string{fhirHost, tokenHost, "storage.ehr.test"} {
		t.Attr("fault", "network: DNS fails for "+map[string]string{fhirHost: "the FHIR server", tokenHost: "the token endpoint", "storage.ehr.test": "the storage"}[host]+" for two minutes -> waits, complete")
	}
	p := odd(func(k *sandbox.Knobs) {
		k.Access, k.Takes, k.RetryAfter = sandbox.AccessPresigned, time.Hour, 10*time.Minute
	})
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		lost := func(hosts ...string) {
			for _, lose := range []bool{true, false} {
				for _, host := range hosts {
					w.Net.Lose(host, lose)
					w.Net.Break(host)
				}
				if lose {
					w.Pass(2 * time.Minute)
				}
			}
		}
		x := w.Request(w.Tenant().ID, export.Wish{})
		lost(tokenHost, fhirHost)
		w.Await(x, life.Polling)
		w.Net.Lose("storage.ehr.test", true)
		w.Pass(9 * time.Minute)
		lost(fhirHost)
		w.Await(x, life.Downloading)
		lost("storage.ehr.test")
		p.complete(w, w.Want(w.Settle(x), life.Completed))
		if x.Kickoffs != 1 {
			t.Errorf("%d kick-offs", x.Kickoffs)
		}
	})
}

func TestANameThatNeverResolvesIsSaidClearly(t *testing.T) {
	t.Attr("fault", "network: DNS knows the server no more -> failed with server_unreachable, which names the name; resumed, complete")
	p := odd(func(k *sandbox.Knobs) { k.Takes = 0 })
	p.Spec.Config = "limits: {retry: {attempts: 2}}"
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		w.Net.Lose(fhirHost, true)
		w.Net.Break(fhirHost)
		x := w.Export()
		wantProblem(w, x, problem.ServerUnreachable)
		if !strings.Contains(w.Problem(x).Summary, fhirHost) {
			t.Errorf("problem %v", w.Problem(x))
		}
		w.Net.Lose(fhirHost, false)
		p.complete(w, w.Want(w.Resume(x), life.Completed))
	})
}

func TestAServerThatIsDownForAnHourIsPolledOn(t *testing.T) {
	t.Attr("fault", "network: every connection reset and refused for an hour while the server works -> waits, complete, with the same kick-off")
	p := working()
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		x := inTheMidst(w, func() {
			for _, host := range []string{fhirHost, tokenHost} {
				w.Net.Down(host, true)
				w.Net.Break(host)
			}
			w.Pass(time.Hour)
			for _, host := range []string{fhirHost, tokenHost} {
				w.Net.Down(host, false)
			}
		})
		p.complete(w, w.Want(x, life.Completed))
		if x.Kickoffs != 1 {
			t.Errorf("%d kick-offs", x.Kickoffs)
		}
	})
}

// forgets makes a server that has restarted, and knows nothing of any export.
func forgets(k *sandbox.Knobs) {
	for _, on := range []sandbox.Kind{sandbox.KindPoll, sandbox.KindFile, sandbox.KindDelete} {
		k.Faults = append(k.Faults, sandbox.Fault{On: on, Do: sandbox.ActionGone})
	}
}

func TestAServerThatForgetsARunningExportIsNotAskedForEver(t *testing.T) {
	t.Attr("fault", "server: restarted and forgot the export it worked on -> gone with export_gone; the next one completes")
	p := working()
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		x := inTheMidst(w, func() { w.Change(forgets) })
		complains(t, w, x, life.Gone, problem.ExportGone)
		if n := len(w.Rows("patient")); n > 0 {
			t.Errorf("%d patients of an export that never ended", n)
		}
		w.Change(func(k *sandbox.Knobs) { k.Faults = nil })
		y := w.Want(w.Export(), life.Completed)
		p.complete(w, y)
		if y.Mode != "full" {
			t.Errorf("the next export is %s: the watermark has moved", y.Mode)
		}
	})
}

func TestAServerThatForgetsItsFilesIsShownToAPerson(t *testing.T) {
	t.Attr("fault", "server: restarted and forgot the files that are being downloaded -> failed with download_failed, nothing published; the next one completes")
	p := odd(func(k *sandbox.Knobs) {
		k.Takes, k.FilesPer = 0, 10
		k.Faults = []sandbox.Fault{{On: sandbox.KindFile, Do: sandbox.ActionSlow, Rate: 512}}
	})
	scenario.Run(t, p.Spec, func(w *scenario.World) {
		x := w.Await(w.Request(w.Tenant().ID, export.Wish{}), life.Downloading)
		w.Pass(time.Second)
		w.Change(func(k *sandbox.Knobs) {
			k.Faults = nil
			forgets(k)
		})
		wantProblem(w, w.Settle(x), problem.DownloadFailed)
		w.Change(func(k *sandbox.Knobs) { k.Faults = nil })
		p.complete(w, w.Want(w.Export(), life.Completed))
	})
}
