package checkup_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/checkup"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestAPracticeWhereAllIsWell(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.ehr(nil)
	f := b.check()
	if f.err != nil {
		t.Errorf("the check ends with %v", f.err)
	}
	for subject, text := range map[string]string{
		"configuration": "profile ecw", "agreement": "BAA-1 permits", "dns": "an address", "tls": "TLS 1.3", "clock": "agrees",
		"discovery": "token endpoint https://", "algorithm": "RS384", "key": "key id", "token": "given", "scopes": "all 3",
		"server": "FHIR 4.0.1", "release": "stu1, as the profile ecw says", "level": "level group", "types": "all 2 are offered",
		"group": portalUUID + " All", "budget": "250 requests a minute",
	} {
		f.want(subject, checkup.Good, text)
	}
	for _, x := range f.all {
		if x.Verdict != checkup.Good {
			t.Errorf("%s is %s: %s", x.Subject, x.Verdict, x.Detail)
		}
	}
}

func TestAnOpenServerNeedsNoToken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.ehr(func(p *sandbox.Practice, k *sandbox.Knobs, _ *sandbox.Config) {
		p.Profile, p.Open, *k = sandbox.ProfileStandard, true, sandbox.Standard()
	})
	b.fields["group"] = groupID
	f := b.check()
	f.want("group", checkup.Good)
	f.want("release", checkup.Good)
	for _, x := range f.all {
		if x.Subject == "token" || x.Subject == "key" || x.Verdict == checkup.Bad {
			t.Errorf("%s %s: %s", x.Subject, x.Verdict, x.Detail)
		}
	}
}

func TestWhatAnAgreementForbidsIsToldFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.ehr(nil)
	b.fields["agreement"] = "{reference: BAA-1, status: suspended, effective_from: 2020-01-01, types: ['*'], groups: ['*'], sinks: ['*']}"
	f := b.check()
	f.want("agreement", checkup.Bad)
	f.want("token", checkup.Good) // what else may be wrong is told in the same run
	if p := problem.Of(f.err); p.Code != problem.AgreementDenied && p.Code != problem.AgreementMissing {
		t.Errorf("the check ends with %v", f.err)
	}
	b.fields["agreement"] = fmt.Sprintf("{reference: BAA-1, status: active, effective_from: 2020-01-01, expires_at: %s, types: ['*'], groups: ['*'], sinks: ['*']}",
		time.Now().Add(5*24*time.Hour+time.Hour).Format(time.RFC3339))
	b.check().want("agreement", checkup.Warning, "5 days from now")
}

func TestTroubleOnTheWayIsToldApart(t *testing.T) {
	t.Parallel()
	t.Run("a name that does not resolve", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.ehr(nil)
		b.dial = func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "ehr.example.org", IsNotFound: true}}
		}
		f := b.check()
		f.want("dns", checkup.Bad, "ehr.example.org does not resolve", "spelling of fhir_base_url")
		f.want("the rest", checkup.Skipped)
		if problem.Of(f.err).Code != problem.ServerUnreachable {
			t.Errorf("the check ends with %v", f.err)
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		b.base = "https://" + l.Addr().String() + "/fhir"
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		f := b.check()
		f.want("connection", checkup.Bad, "refused", "firewall")
	})
	for name, c := range map[string]struct{ addr, why, next string }{
		"this machine":           {"127.0.0.1:443", "127.0.0.1, which is this machine", "https://localhost in the tenant's allowed_origins"},
		"the link of a cloud":    {"169.254.169.254:443", "169.254.169.254, which is an address of this machine's own link", "no setting lets requests go there"},
		"what nobody listens at": {"0.0.0.0:443", "0.0.0.0, which is no address of a server", "private networks"},
	} {
		t.Run("a name that leads to "+name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.base = "https://ehr.example.org/fhir"
			b.dial = func(context.Context, string, string) (net.Conn, error) {
				near, far := net.Pipe()
				t.Cleanup(func() { far.Close() })
				return at{near, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.addr))}, nil
			}
			f := b.check()
			f.want("address", checkup.Bad, c.why, "nothing was sent there", "bulkhead itself that refuses the address, no firewall", c.next)
			if strings.Contains(f.String(), "a firewall or a list") {
				t.Errorf("a firewall is blamed: %s", f)
			}
		})
	}
	t.Run("an expired certificate", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.ehr(func(_ *sandbox.Practice, _ *sandbox.Knobs, c *sandbox.Config) { c.Expired = true })
		b.check().want("tls", checkup.Bad, "has expired", "it is good from")
	})
	t.Run("an authority that nobody named", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.ehr(func(_ *sandbox.Practice, _ *sandbox.Knobs, c *sandbox.Config) { c.CAFile = "" })
		b.check().want("tls", checkup.Bad, "not trusted", "issued by Bulkhead sandbox CA", "tls.ca_file")
	})
	t.Run("a certificate of another host", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.scripted(map[string]http.HandlerFunc{"metadata": says("{}")})
		address := strings.TrimSuffix(strings.TrimPrefix(b.base, "https://"), "/fhir")
		b.base = "https://elsewhere.test/fhir"
		b.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return afar{conn}, err
		}
		b.check().want("tls", checkup.Bad, "not for elsewhere.test")
	})
	t.Run("http where https is meant", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		plain := httptest.NewServer(http.NotFoundHandler())
		t.Cleanup(plain.Close)
		b.base = strings.Replace(plain.URL, "http://", "https://", 1) + "/fhir"
		b.check().want("tls", checkup.Bad, "does not speak TLS")
	})
}

func TestAClockThatDiffersIsTold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ahead time.Duration
		want  checkup.Verdict
		text  string
	}{
		{0, checkup.Good, "agrees"},
		{10 * time.Second, checkup.Good, "agrees"},
		{2*time.Minute + 30*time.Second, checkup.Warning, "2 minutes ahead of ours"},
		{-3*time.Hour - time.Minute, checkup.Warning, "3 hours behind ours"},
	} {
		b := newBench(t)
		b.scripted(map[string]http.HandlerFunc{".well-known/smart-configuration": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(tt.ahead).UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusNotFound)
		}})
		b.check().want("clock", tt.want, tt.text)
	}
}

func TestAServerIsUnderstoodByWhatItSaysOfItself(t *testing.T) {
	t.Parallel()
	const statement = `{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1","software":{"name":%q},"rest":[{"mode":"server",
		"operation":[{"name":%q,"definition":"http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export%s"}],
		"resource":[{"type":"Patient"}]}]}`
	for _, tt := range []struct {
		name, metadata, dialect string
		subject                 string
		want                    checkup.Verdict
		text                    string
	}{
		{"an Epic behind the standard profile", fmt.Sprintf(statement, "Epic", "export", ""), "", "profile", checkup.Warning, "profile: epic"},
		{"a release that is not told", fmt.Sprintf(statement, "X", "export", ""), "", "release", checkup.Good, "stu2, because the server does not say"},
		{"a release that is told", fmt.Sprintf(statement, "X", "export", "|3.0.0"), "", "release", checkup.Good, "stu3, by the CapabilityStatement"},
		{"an operation of its own name", fmt.Sprintf(statement, "X", "export-v4", "|4.0.0"), "", "release", checkup.Good, "called $export-v4"},
		{"an older release than configured", fmt.Sprintf(statement, "X", "export", "|2.0.0"), "stu4", "release", checkup.Warning, "set dialect: stu2"},
		{"a newer one than configured", fmt.Sprintf(statement, "X", "export", "|3.0.0"), "stu1", "release", checkup.Good, "the server offers stu3 too"},
		{"a level", fmt.Sprintf(statement, "X", "export", ""), "", "level", checkup.Good, "at level system"},
		{"a type that is not offered", fmt.Sprintf(statement, "X", "export", ""), "", "types", checkup.Warning, "not offered: Condition"},
		{"no level", `{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1"}`, "", "level", checkup.Warning, "names no export at all"},
		{"a web page", "<html>", "", "server", checkup.Bad, "breaks the standard"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.scripted(map[string]http.HandlerFunc{"metadata": says(tt.metadata)})
			b.fields["dialect"] = tt.dialect
			b.check().want(tt.subject, tt.want, tt.text)
		})
	}
	b := newBench(t)
	b.scripted(nil)
	b.check().want("server", checkup.Bad, "404", "fhir_base_url")
}

func TestWhatTheVendorIsKnownToRefuseIsToldBeforeItIsSent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ profile, types, subject, text string }{
		{"epic", "[Patient]", "types asked", "Patient alone"},
		{"epic", "[Patient, Condition]", "increments", "every export is a full one"},
		{"oracle-millennium", "[Practitioner, Location]", "types asked", "administrative types alone"},
	} {
		b := newBench(t)
		b.scripted(nil)
		b.fields["level"], b.fields["group"], b.fields["profile"], b.fields["types"] = "group", "g", tt.profile, tt.types
		b.check().want(tt.subject, checkup.Warning, tt.text)
	}
}

func TestTheGroupIsLookedForByTheValueThatTheVendorWants(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.ehr(nil)
	b.fields["group"] = groupID
	b.check().want("group", checkup.Warning, "exports by its Group.identifier", "group: "+portalUUID)
	b.fields["group"] = "nobody"
	f := b.check()
	f.want("group", checkup.Bad, "no group nobody", portalUUID+" (All)")
	if problem.Of(f.err).Code != problem.GroupMissing {
		t.Errorf("the check ends with %v", f.err)
	}
}

func TestAFindingIsToldAsSoonAsItIsThere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	before := make(chan int64, 1)
	b.scripted(map[string]http.HandlerFunc{"metadata": func(w http.ResponseWriter, _ *http.Request) {
		before <- b.told.Load()
		w.WriteHeader(http.StatusNotFound)
	}})
	b.check()
	if n := <-before; n < 4 {
		t.Errorf("%d findings are told before the server's word is asked for", n)
	}
}

func TestTheBudgetCountsWhatOthersSpend(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.ehr(nil)
	ledger, err := store.Open(t.Context(), filepath.Join(b.dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close() //nolint:errcheck // the test is over
	if err := ledger.PutTenants(t.Context(), []store.Tenant{{ID: "lakeside"}}); err != nil {
		t.Fatal(err)
	}
	minute := time.Now().Truncate(time.Minute)
	for range 100 {
		if _, _, err := ledger.In("lakeside").TakeRequest(t.Context(), b.base, 250); err != nil {
			t.Fatal(err)
		}
	}
	b.ledger = ledger
	f := b.check()
	own, err := ledger.In("lakeside").Spent(t.Context(), b.base)
	if err != nil {
		t.Fatal(err)
	}
	if time.Now().Truncate(time.Minute).Equal(minute) {
		f.want("budget", checkup.Good, fmt.Sprintf("250 requests a minute, %d left in this one", 250-own))
		if own <= 100 {
			t.Errorf("the requests of the check are not counted: %d", own)
		}
	}
}

func TestANameThatResolvesIsShownWithItsAddresses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	b.base = strings.Replace(plain.URL, "127.0.0.1", "localhost", 1) + "/fhir"
	b.fields["allow_http"], b.fields["level"], b.fields["group"] = "true", "system", ""
	f := b.check()
	f.want("dns", checkup.Good, "localhost is ", "127.0.0.1")
	f.want("tls", checkup.Good, "none: plain http to this machine")
}

func TestAServerThatSaysNothingOfItselfIsNoFailureWhereATokenIsHad(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.putKey("key.jwk", ours)
	for _, status := range []int{http.StatusNotFound, http.StatusInternalServerError} {
		b.scripted(map[string]http.HandlerFunc{
			"metadata": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) },
			"token":    says(`{"access_token":"a-token","token_type":"bearer","expires_in":300}`),
		})
		b.access = "{profile: standard, client_id: client-1, key_file: key.jwk, token_url: '" + b.base + "/token'}"
		f := b.check()
		f.want("server", checkup.Warning, fmt.Sprintf("it answers %d", status), "may work all the same")
		f.want("release", checkup.Good, "stu2, because the server does not say")
		f.want("scopes", checkup.Good, "does not say which it granted")
		if f.err != nil {
			t.Errorf("the check ends with %v", f.err)
		}
	}
}
