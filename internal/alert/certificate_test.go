package alert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/keyring"
)

// certify writes a certificate and its key into one file.
func certify(t testing.TB, file string, begins, ends time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: begins, NotAfter: ends}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWhenTheEndOfACertificateIsTold(t *testing.T) {
	t.Parallel()
	r := rules(t)
	facts := func(section string, lasts, left time.Duration) CertificateFacts {
		f := CertificateFacts{Life: keyring.Life{Begins: noon.Add(left - lasts), Ends: noon.Add(left)}}
		f.Section, f.Field, f.Key = section, section+".tls_cert", "key"
		return f
	}
	authority := facts("tls", 3650*day1, -day1)
	authority.Field, authority.Key = "tls.ca_file", ""
	broken := func(since time.Duration) CertificateFacts {
		f := CertificateFacts{Unusable: "they do not fit", Since: ago(since)}
		f.Section, f.Field, f.Key = "web", "web.tls_cert", "key"
		return f
	}
	for _, c := range []struct {
		name  string
		facts CertificateFacts
		want  string
	}{
		{"a year's, with forty days left", facts("web", 365*day1, 40*day1), ""},
		{"a year's, with twenty", facts("web", 365*day1, 20*day1), "certificate warning web.tls_cert"},
		{"a year's, with six", facts("web", 365*day1, 6*day1), "certificate critical web.tls_cert"},
		{"one that has ended", facts("metrics", 365*day1, -day1), "certificate critical metrics.tls_cert"},
		{"of the published keys", facts("jwks", 365*day1, 20*day1), "jwks warning"},
		{"of the published keys, ended", facts("jwks", 365*day1, -day1), "jwks critical"},
		{"ninety days', when it should have been renewed by itself", facts("web", 90*day1, 29*day1), ""},
		{"ninety days', and it was not", facts("web", 90*day1, 14*day1), "certificate warning web.tls_cert"},
		{"six days', with two", facts("web", 6*day1, 2*day1), ""},
		{"an authority's, ended", authority, "certificate warning tls.ca_file"},
		{"in the middle of a renewal", broken(time.Minute), "certificate pending web.tls_cert, certificate pending web.tls_cert unusable"},
		{"that does not fit its key", broken(time.Hour), "certificate pending web.tls_cert, certificate warning web.tls_cert unusable"},
	} {
		var got []string
		for _, k := range certificates(noon, []CertificateFacts{c.facts}, r) {
			how := k.Severity
			if k.Pending {
				how = "pending"
			} else if k.Summary == "" || k.Remedy == "" || k.Since.After(noon) {
				t.Errorf("%s: %+v", c.name, k)
			}
			got = append(got, strings.TrimSpace(string(k.Kind)+" "+how+" "+k.Object))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestACertificateThatSystemdHandsOverTakesARestart(t *testing.T) {
	t.Parallel()
	f := CertificateFacts{Life: keyring.Life{Begins: ago(360 * day1), Ends: noon.Add(5 * day1)}}
	f.Section, f.Field, f.Key, f.File = "web", "web.tls_cert", "key", "/run/credentials/bulkhead.service/web.crt"
	if list := certificates(noon, []CertificateFacts{f}, rules(t)); len(list) != 1 || !strings.Contains(list[0].Remedy, "restart the service") || strings.Contains(list[0].Remedy, "by itself") {
		t.Errorf("%+v", list)
	}
}

func TestTheCertificateOfThePagesIsToldBeforeItsEndAndWhenItIsRenewed(t *testing.T) {
	t.Attr("fault", "machine: the certificate of the pages comes near its end, is renewed without its key for five hours, then with it -> told once, that it cannot be used once, the recovery of both once")
	file := filepath.Join(t.TempDir(), "web.pem")
	run(t, 1, ", stale_after: 300d", "", func(w *world) {
		w.config.Web = config.Web{Listen: "127.0.0.1:1", TLSCert: file, TLSKey: file}
		certify(t, file, time.Now().AddDate(0, -11, 0), time.Now().AddDate(0, 0, 31))
		w.nightly("p1")
		w.pass(day1/2, time.Hour)
		w.want()
		w.pass(2*day1, time.Hour)
		w.want("[bulkhead] warning: a certificate of ours needs somebody")
		if err := os.WriteFile(file, []byte("half of it"), 0o600); err != nil {
			t.Fatal(err)
		}
		w.pass(5*time.Hour, time.Minute)
		w.want("[bulkhead] warning: a certificate of ours needs somebody")
		certify(t, file, time.Now(), time.Now().AddDate(1, 0, 0))
		w.pass(day1, 10*time.Minute)
		w.want("[bulkhead] over: a certificate of ours needs somebody")
		if open := w.openAlerts(); len(open) > 0 {
			t.Errorf("still open: %+v", open)
		}
	})
}
