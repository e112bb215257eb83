package export

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// A server that answers was reached, whatever it answers, and whichever of its
// doors it was.
func TestWhoAnsweredIsNotCalledUnreachable(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		code    problem.Code
		summary string
	}{
		"the server":              {&bulkdata.StatusError{Op: bulkdata.OpKickoff, Status: 503}, problem.ServerFailing, "the server keeps failing: it answers 503, 3 times in a row"},
		"the server that says no": {&bulkdata.StatusError{Op: bulkdata.OpStatus, Status: 403}, problem.AccessDenied, "the server does not let us: it answers 403, 3 times in a row"},
		"its token endpoint":      {&bulkdata.NotSentError{Err: &smart.TokenError{Status: 502}}, problem.ServerFailing, "the server keeps failing: its token endpoint answers 502, 3 times in a row"},
		"its SMART configuration": {&bulkdata.NotSentError{Err: &smart.DiscoveryError{Status: 503}}, problem.ServerFailing, "the server keeps failing: it answers 503 where its SMART configuration should be, 3 times in a row"},
		"nobody": {
			&bulkdata.NotSentError{Err: &smart.DiscoveryError{Err: &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}, Err: errors.New("refused")}}},
			problem.ServerUnreachable, "the server cannot be reached: dial 192.0.2.1:443: refused, 3 times in a row",
		},
	} {
		l := leaseOf(Kickoff)
		l.Attempt = 2
		p := Exhausted(l, c.err)
		if p.Code != c.code || p.Summary != c.summary {
			t.Errorf("%s: %s %q", name, p.Code, p.Summary)
		}
	}
}

// A certificate for another name is nothing that a file of authorities mends.
func TestACertificateOfAnotherNameIsToldAsThat(t *testing.T) {
	t.Parallel()
	other := explainTLS(&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "fhir.example"}})
	if other.Summary != "the server's certificate is for another name than fhir.example" || strings.Contains(other.Remedy, "ca_file") {
		t.Errorf("%q %q", other.Summary, other.Remedy)
	}
	unknown := explainTLS(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}})
	if unknown.Summary != "the server's certificate is not trusted" || !strings.Contains(unknown.Remedy, "ca_file") {
		t.Errorf("%q %q", unknown.Summary, unknown.Remedy)
	}
}

// What a person does about a token that was refused ends with a command, and
// says when it was not the server that refused.
func TestARefusedTokenIsToldWithWhatToTypeNext(t *testing.T) {
	t.Parallel()
	again := time.Date(2026, 3, 1, 4, 5, 6, 0, time.Local)
	for name, c := range map[string]struct {
		err    smart.TokenError
		starts string
	}{
		"an answer that says why": {smart.TokenError{Status: 401, Code: "invalid_client", KeyID: "k1"}, "Check, the likeliest first: "},
		"one that is given again": {smart.TokenError{Status: 401, Code: "invalid_client", Held: true, AskAgain: again}, "This is its answer of before: it is asked again at 04:05:06. "},
	} {
		p := explainToken("oak", &c.err)
		if !strings.HasPrefix(p.Remedy, c.starts) || !strings.HasSuffix(p.Remedy, "go on with bulkhead export oak --resume.") || p.Tenant != "oak" {
			t.Errorf("%s: %q", name, p.Remedy)
		}
	}
}
