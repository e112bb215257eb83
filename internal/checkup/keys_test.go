package checkup_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/checkup"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
)

func TestKeysAreLookedAtBeforeTheySign(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.ehr(nil)
	b.putKey("curve.jwk", curve)
	b.access = "{profile: ecw, client_id: client-1, key_file: curve.jwk}"
	f := b.check()
	f.want("key", checkup.Bad, "ES384", "RS384")
	f.want("token", checkup.Skipped)
	f.want("server", checkup.Good) // it is open to anyone
	b.access = "{profile: ecw, client_id: client-1, key_file: none.jwk}"
	f = b.check()
	f.want("key", checkup.Bad)
	if problem.Of(f.err).Code != problem.KeyMissing {
		t.Errorf("the check ends with %v", f.err)
	}
}

func TestTheKeyMustStandWhereServersFetchIt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var set []byte
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if set == nil {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Write(set) //nolint:errcheck // the check sees what is missing
	}))
	t.Cleanup(host.Close)
	b.ehr(nil)
	b.access = "{profile: ecw, client_id: client-1, key_file: key.jwk, jwks_url: '" + host.URL + "/jwks.json'}"
	b.check().want("published keys", checkup.Warning, "it answers 403")
	set = b.putKey("other.jwk", another)
	b.check().want("published keys", checkup.Bad, "is not in the key set")
	b.access = strings.Replace(b.access, "key.jwk", "other.jwk", 1)
	b.check().want("published keys", checkup.Good)
}

func TestATokenThatIsRefusedIsExplained(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(p *sandbox.Practice, k *sandbox.Knobs, c *sandbox.Config)
		access string
		texts  []string
	}{
		{"another client id", nil, "{profile: ecw, client_id: stranger, key_file: key.jwk}", []string{"invalid_client", `client id "stranger"`}},
		{"another key", nil, "{profile: ecw, client_id: client-1, key_file: new.jwk}", []string{"invalid_client", "is not published"}},
		{"a key id that is not found", func(_ *sandbox.Practice, _ *sandbox.Knobs, c *sandbox.Config) {
			k := sandbox.ECW().Token
			k.JWKS = sandbox.JWKSUnknownKID
			c.Token = &k
		}, "", []string{"invalid_client", "points to this: ", "is not published"}},
		{"a key set that cannot be fetched", func(_ *sandbox.Practice, _ *sandbox.Knobs, c *sandbox.Config) {
			k := sandbox.ECW().Token
			k.JWKS = sandbox.JWKSUnreachable
			c.Token = &k
		}, "", []string{"invalid_client", "cannot be reached from the server"}},
		{"clocks that differ", func(_ *sandbox.Practice, _ *sandbox.Knobs, c *sandbox.Config) {
			k := sandbox.ECW().Token
			k.Skew = 20 * time.Minute
			c.Token = &k
		}, "", []string{"points to these:", "1. the server's clock differs from ours by"}},
		{"an app that is not approved for a type", func(_ *sandbox.Practice, _ *sandbox.Knobs, c *sandbox.Config) {
			c.Clients[0].Scopes = []string{"system/Group.read", "system/Patient.read"}
		}, "", []string{"invalid_grant", "one of these scopes", "system/Condition.read", "--probe-scopes"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.ehr(tt.change)
			b.putKey("new.jwk", another)
			if tt.access != "" {
				b.access = tt.access
			}
			f := b.check()
			f.want("token", checkup.Bad, tt.texts...)
			f.want("group", checkup.Skipped)
			if p := problem.Of(f.err); p.Code != problem.TokenRefused {
				t.Errorf("the check ends with %v", f.err)
			}
			if strings.Contains(f.String(), "eyJ") {
				t.Errorf("a finding holds an assertion:\n%s", f)
			}
		})
	}
}

func TestScopesThatAreNotGrantedAreTold(t *testing.T) {
	t.Parallel()
	t.Attr("shows", "A3")
	b := newBench(t)
	b.ehr(func(_ *sandbox.Practice, _ *sandbox.Knobs, c *sandbox.Config) {
		k := sandbox.ECW().Token
		k.Narrow = []string{"Condition"}
		c.Token = &k
	})
	f := b.check()
	f.want("token", checkup.Good)
	f.want("scopes", checkup.Warning, "not granted: system/Condition.read", "--probe-scopes")
}

func TestAProbeFindsTheScopesThatWork(t *testing.T) {
	t.Parallel()
	t.Attr("shows", "A8")
	b := newBench(t)
	b.ehr(nil)
	// A profile that spells all types alike, where the server does not.
	b.access = "{profile: standard, client_id: client-1, key_file: key.jwk, scopes: [system/Patient.read, system/Claim.read, system/Appointment.read, system/Group.read]}"
	b.probe = true
	f := b.check()
	f.want("token", checkup.Bad)
	f.want("working scopes", checkup.Warning, "3 of 4 work", "spelled otherwise: system/Claim.r", "refused in every spelling: system/Appointment.read",
		"scopes: [system/Patient.read, system/Claim.r, system/Group.read]")
	f.want("group", checkup.Warning, "exports by its Group.id") // it was looked for with the scopes that work
	for _, x := range f.all {
		if x.Subject == "working scopes" && len(x.Scopes) != 3 {
			t.Errorf("the finding names the scopes %v", x.Scopes)
		}
	}
	b.access = strings.Replace(b.access, ", system/Appointment.read", "", 1)
	b.access = strings.Replace(b.access, "Claim.read", "Claim.r", 1)
	b.check().want("working scopes", checkup.Good, "nothing was probed")
	b.access = strings.Replace(b.access, "client-1", "stranger", 1)
	b.check().want("working scopes", checkup.Skipped, "refuses the client")
}

func TestAServerThatTakesNoSuchKeyIsToldFromItsLists(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.ehr(func(_ *sandbox.Practice, _ *sandbox.Knobs, c *sandbox.Config) {
		k := sandbox.ECW().Token
		k.Algorithms, k.Advertise = []string{"ES384"}, true
		c.Token = &k
	})
	b.access = "{profile: standard, client_id: client-1, key_file: key.jwk}"
	b.fields["group"] = groupID
	f := b.check()
	f.want("algorithm", checkup.Bad, "the key is for RS384, and the server lists only ES384", "keys new --algorithm")
	f.want("token", checkup.Skipped)
}

func TestWithoutDiscoveryATokenURLWillDo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.putKey("key.jwk", ours)
	b.scripted(map[string]http.HandlerFunc{
		"metadata": says(`{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1","rest":[{"operation":[{"name":"export"}]}]}`),
		"token":    says(`{"access_token":"a-token","token_type":"bearer","expires_in":300,"scope":"system/Patient.read system/Condition.read"}`),
	})
	b.access = "{profile: standard, client_id: client-1, key_file: key.jwk}"
	f := b.check()
	f.want("discovery", checkup.Bad, "SMART configuration", "token_url")
	f.want("token", checkup.Skipped)
	b.access = "{profile: standard, client_id: client-1, key_file: key.jwk, token_url: '" + b.base + "/token'}"
	f = b.check()
	f.want("discovery", checkup.Good, "token_url is configured")
	f.want("token", checkup.Good, "5 minutes")
	f.want("scopes", checkup.Good, "all 2")
	if strings.Contains(f.String(), "a-token") {
		t.Errorf("a finding holds the token:\n%s", f)
	}
}

func TestAProbeKeepsToTheBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.putKey("key.jwk", ours)
		var at []time.Time
		b.serve(map[string]http.HandlerFunc{
			"/fhir/token": func(w http.ResponseWriter, _ *http.Request) {
				at = append(at, time.Now())
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, `{"error":"invalid_scope"}`) //nolint:errcheck // the check sees what is missing
			},
		})
		b.access = "{profile: standard, client_id: client-1, key_file: key.jwk, token_url: 'http://localhost/fhir/token'}"
		b.fields["requests_per_minute"], b.fields["types"] = "20", "[Condition, Coverage, Device, Encounter, Goal, Location, Observation, Patient]"
		b.probe = true
		b.check().want("working scopes", checkup.Warning, "0 of 8 work", "24 token requests")
		perMinute := map[int64]int{}
		for _, moment := range at {
			perMinute[moment.Unix()/60]++
		}
		for minute, n := range perMinute {
			if n > 12 { // half of the minute's, and the export's own
				t.Errorf("%d token requests in minute %d, of 20 that are permitted", n, minute)
			}
		}
		if len(at) != 25 {
			t.Errorf("%d token requests, want 25", len(at))
		}
	})
}
