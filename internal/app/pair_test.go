package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// issue gives a certificate with a serial number and its key, as PEM.
func issue(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().AddDate(1, 0, 0), DNSNames: []string{"bulkhead.example"}}
	text, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: text}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := errors.Join(os.WriteFile(file+".new", text, 0o600), os.Rename(file+".new", file)); err != nil {
		t.Fatal(err)
	}
}

// TestACertificateThatIsRenewedInItsPlaceIsServedWithoutARestart asks over real
// TLS; only the time between two looks at the files is made short.
func TestACertificateThatIsRenewedInItsPlaceIsServedWithoutARestart(t *testing.T) {
	t.Attr("fault", "machine: the certificate of the pages is renewed in its place, the key a moment later -> connections go on, with the old one until both are there, then with the new one; no restart")
	dir := t.TempDir()
	l := listening{Section: "web", What: "pages and API", Address: freeAddress(t), Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), Handler: http.NotFoundHandler()}
	cert, key := issue(t, 1)
	write(t, l.Cert, cert)
	write(t, l.Key, key)
	server, err := listen(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		t.Helper()
		dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the test asks which certificate it is
		conn, err := dialer.DialContext(t.Context(), "tcp", l.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if n := serial(); n != 1 {
		t.Errorf("certificate %d is served", n)
	}
	cert, key = issue(t, 2)
	write(t, l.Cert, cert)
	server.pair.forget()
	if n := serial(); n != 1 {
		t.Errorf("certificate %d is served with the key of another", n)
	}
	write(t, l.Key, key)
	server.pair.forget()
	if n := serial(); n != 2 {
		t.Errorf("certificate %d is served after the renewal", n)
	}
	if err := os.Remove(l.Cert); err != nil {
		t.Fatal(err)
	}
	server.pair.forget()
	if n := serial(); n != 2 {
		t.Errorf("certificate %d is served when the file is gone", n)
	}
	if err := server.close(t.Context()); err != nil {
		t.Error(err)
	}
}

// forget makes the next connection look at the files.
func (p *pair) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked = time.Time{}
}

func TestTheFilesOfACertificateAreReadEveryTenSecondsAtMost(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := listening{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
		renew := func(serial int64) {
			cert, key := issue(t, serial)
			write(t, l.Cert, cert)
			write(t, l.Key, key)
		}
		renew(1)
		p, err := newPair(l)
		if err != nil {
			t.Fatal(err)
		}
		renew(2)
		for _, c := range []struct {
			after time.Duration
			want  int64
		}{{9 * time.Second, 1}, {time.Second, 2}} {
			<-time.After(c.after)
			if got, err := p.get(nil); err != nil || got.Leaf.SerialNumber.Int64() != c.want {
				t.Errorf("after %s: %v, %v; want %d", c.after, got.Leaf.SerialNumber, err, c.want)
			}
		}
	})
}
