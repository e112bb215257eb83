package app

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/keyring"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// freeAddress is an address of this machine that nothing listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// certificate writes the certificate of httptest, and a client that trusts it.
func certificate(t *testing.T) (cert, key string, client *http.Client) {
	t.Helper()
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	pair := srv.TLS.Certificates[0]
	private, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := errors.Join(
		os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return cert, key, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
}

func TestRunPublishesKeysOverTLS(t *testing.T) {
	t.Attr("shows", "BS-021 BS-026 A5")
	folder := filepath.Join(t.TempDir(), "keys")
	ring, err := keyring.Create(folder)
	if err != nil {
		t.Fatal(err)
	}
	made, err := ring.Generate(keyring.Plan{Algorithm: smart.ES384, Registered: keyring.ByURL, MaxAge: time.Hour, Served: true})
	if err != nil {
		t.Fatal(err)
	}
	cert, key, client := certificate(t)
	c := &config.Config{
		JWKS: config.JWKS{Listen: freeAddress(t), TLSCert: cert, TLSKey: key},
		Registrations: map[string]config.Registration{
			"vendor": {KeyFolder: folder, JWKSURL: "https://keys.example/v", JWKSMaxAge: config.Duration(time.Hour)},
			"broken": {KeyFile: filepath.Join(folder, "none")},
		},
	}
	var log bytes.Buffer
	logKeys(t.Context(), c, slog.New(slog.NewTextHandler(&log, nil)))
	if !strings.Contains(log.String(), "registration=broken") {
		t.Errorf("the log does not tell of the key that cannot be read: %s", log.String())
	}
	server, err := holding(c).serveKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Get("https://" + c.JWKS.Listen + c.JWKS.Path("vendor"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(text), made.KeyID) || strings.Contains(string(text), `"d"`) {
		t.Errorf("status %d, %d bytes, %v", resp.StatusCode, len(text), err)
	}
	if _, err := holding(c).serveKeys(t.Context()); err == nil || problem.Of(err).Code != problem.ConfigInvalid {
		t.Errorf("a second server at the same address: %v", err)
	}
	client.CloseIdleConnections()
	if err := server.close(t.Context()); err != nil {
		t.Error(err)
	}
	c.JWKS.TLSKey = cert
	if _, err := holding(c).serveKeys(t.Context()); err == nil || !strings.Contains(problem.Of(err).Remedy, "tls_key") {
		t.Errorf("a key that is none: %v", err)
	}
	if none, err := holding(&config.Config{}).serveKeys(t.Context()); none != nil || err != nil {
		t.Errorf("nothing configured: %v, %v", none, err)
	}
}

// holding gives an app that works by a configuration, and does nothing.
func holding(c *config.Config) *App {
	a := &App{Config: c}
	a.inForce.Store(c)
	return a
}

func TestTheKeysOfARegistrationThatCameByAReloadArePublished(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "keys")
	ring, err := keyring.Create(folder)
	if err != nil {
		t.Fatal(err)
	}
	made, err := ring.Generate(keyring.Plan{Algorithm: smart.ES384, Registered: keyring.ByURL, MaxAge: time.Hour, Served: true})
	if err != nil {
		t.Fatal(err)
	}
	cert, key, client := certificate(t)
	c := &config.Config{JWKS: config.JWKS{Listen: freeAddress(t), TLSCert: cert, TLSKey: key}}
	a := holding(c)
	server, err := a.serveKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	asked := func() (int, string) {
		t.Helper()
		resp, err := client.Get("https://" + c.JWKS.Listen + c.JWKS.Path("late"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	if status, _ := asked(); status != http.StatusNotFound {
		t.Errorf("status %d before the registration is known", status)
	}
	next := *c
	next.Registrations = map[string]config.Registration{"late": {KeyFolder: folder, JWKSURL: "https://keys.example/l", JWKSMaxAge: config.Duration(time.Hour)}}
	a.publishKeys(&next)
	if status, text := asked(); status != http.StatusOK || !strings.Contains(text, made.KeyID) {
		t.Errorf("status %d, %s", status, text)
	}
	client.CloseIdleConnections()
	if err := server.close(t.Context()); err != nil {
		t.Error(err)
	}
}
