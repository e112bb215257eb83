package keyring

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// A paper is a certificate and its key, as PEM.
type paper struct{ cert, key []byte }

func paperOf(t *testing.T, name string, begins, ends time.Time) paper {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: begins, NotAfter: ends}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return paper{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})}
}

func fileOf(t *testing.T, texts ...[]byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(name, slices.Concat(texts...), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestWhatIsWrongWithACertificateIsSaid(t *testing.T) {
	t.Parallel()
	now := time.Now()
	good, old := paperOf(t, "bulkhead.example", now.AddDate(0, -1, 0), now.AddDate(0, 11, 0)), paperOf(t, "bulkhead.example", now.AddDate(-1, 0, 0), now.Add(-time.Hour))
	early := paperOf(t, "bulkhead.example", now.AddDate(0, 0, 1), now.AddDate(1, 0, 0))
	for name, c := range map[string]struct {
		cert, key, url, want string
	}{
		"nothing":             {fileOf(t, good.cert), fileOf(t, good.key), "https://bulkhead.example:8443/", ""},
		"both in one file":    {fileOf(t, good.key, good.cert), fileOf(t, good.key, good.cert), "", ""},
		"another host":        {fileOf(t, good.cert), fileOf(t, good.key), "https://pages.example", "the certificate of pages and API is not for the host pages.example"},
		"it has ended":        {fileOf(t, old.cert), fileOf(t, old.key), "", "the certificate of pages and API is no longer good, since "},
		"it has not begun":    {fileOf(t, early.cert), fileOf(t, early.key), "", "the certificate of pages and API is not good before "},
		"another's key":       {fileOf(t, good.cert), fileOf(t, old.key), "", "cannot be used: tls: private key does not match public key"},
		"a key in its place":  {fileOf(t, good.key), fileOf(t, good.key), "", "the certificate of pages and API cannot be used"},
		"no file":             {filepath.Join(t.TempDir(), "none"), fileOf(t, good.key), "", "the certificate of pages and API cannot be used"},
		"what is no PEM":      {fileOf(t, []byte("hello")), fileOf(t, good.key), "", "the certificate of pages and API cannot be used"},
		"the key is no PEM":   {fileOf(t, good.cert), fileOf(t, []byte("canary")), "", "the certificate of pages and API cannot be used"},
		"only the service":    {"/run/credentials/bulkhead.service/none.crt", "/run/credentials/bulkhead.service/none.key", "", ""},
		"an address, no host": {fileOf(t, good.cert), fileOf(t, good.key), "", ""},
	} {
		list := Certificates(&config.Config{Web: config.Web{TLSCert: c.cert, TLSKey: c.key, URL: c.url}})
		if len(list) != 1 || list[0].Field != "web.tls_cert" {
			t.Fatalf("%s: %+v", name, list)
		}
		p := problem.Of(list[0].Doubt(now))
		if (p == nil) != (c.want == "") || p != nil && (!strings.Contains(p.Summary, c.want) || p.Remedy == "" || strings.Contains(p.Summary, "canary")) {
			t.Errorf("%s: %v, want %q", name, p, c.want)
		}
	}
}

func TestOfSeveralAuthoritiesThatCountsWhichEndsFirstWithoutASuccessor(t *testing.T) {
	t.Parallel()
	now := time.Now()
	day := func(n int) time.Time { return now.AddDate(0, 0, n).UTC().Truncate(time.Second) }
	gone, next, other := paperOf(t, "clinic", day(-400), day(-1)), paperOf(t, "clinic", day(-30), day(700)), paperOf(t, "vendor", day(-30), day(90))
	c := &config.Config{Web: config.Web{OIDC: &config.OIDC{CAFile: fileOf(t, gone.cert)}}}
	c.TLS.CAFile = fileOf(t, gone.cert, []byte("a remark\n"), other.cert, next.cert)
	list := Certificates(c)
	if len(list) != 2 || list[0].Field != "tls.ca_file" || list[1].Field != "web.oidc.ca_file" {
		t.Fatalf("%+v", list)
	}
	if life, err := list[0].Life(); err != nil || !life.Ends.Equal(day(90)) || list[0].Doubt(now) != nil {
		t.Errorf("ends %s, %v, %v", life.Ends, err, list[0].Doubt(now))
	}
	if p := problem.Of(list[1].Doubt(now)); p == nil || !strings.Contains(p.Summary, "the identity provider is trusted by is no longer good") {
		t.Errorf("%v", p)
	}
	c.TLS.CAFile = fileOf(t, []byte("none"))
	if _, err := Certificates(c)[0].Life(); err == nil || !strings.Contains(problem.Of(err).Summary, "tls.ca_file holds no PEM certificate") {
		t.Errorf("%v", err)
	}
}

func TestKeysThatArePublishedElsewhereThanTheCertificateSaysAreDoubted(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p := paperOf(t, "keys.example", now.AddDate(0, -1, 0), now.AddDate(1, 0, 0))
	c := &config.Config{
		JWKS: config.JWKS{TLSCert: fileOf(t, p.cert), TLSKey: fileOf(t, p.key)},
		Registrations: map[string]config.Registration{
			"ecw":   {JWKSURL: "https://keys.example/jwks/ecw.json"},
			"other": {JWKSURL: "https://elsewhere.example/keys.json"}, // not what we publish
		},
	}
	if err := Certificates(c)[0].Doubt(now); err != nil {
		t.Error(err)
	}
	c.Registrations["epic"] = config.Registration{JWKSURL: "https://old.example/jwks/epic.json"}
	if p := problem.Of(Certificates(c)[0].Doubt(now)); p == nil || !strings.Contains(p.Summary, "is not for the host old.example") {
		t.Errorf("%v", p)
	}
}
