package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMetricsOfThisMachineNeedNothingAndOthersTLSAndAToken(t *testing.T) {
	t.Parallel()
	cases := []struct{ text, want string }{
		{"{listen: '127.0.0.1:9464'}", ""},
		{"{listen: ':9464'}", "tls_cert and tls_key are needed"},
		{"{listen: ':9464', tls_cert: c.pem, tls_key: k.pem}", "token_file is needed"},
		{"{listen: ':9464', tls_cert: c.pem, tls_key: k.pem, token_file: t}", ""},
		{"{listen: '127.0.0.1:9464', tenants: -1}", "must not be negative"},
	}
	for _, c := range cases {
		_, err := Parse("bulkhead.yaml", []byte("metrics: "+c.text))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
	}
}

func TestTheTokenOfTheMetricsIsReadFromItsFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if _, err := (Metrics{TokenFile: file}).Token(); err == nil {
		t.Error("a token without its file")
	}
	if err := os.WriteFile(file, []byte("canary\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := (Metrics{TokenFile: file}).Token(); err != nil || s.Reveal() != "canary" {
		t.Errorf("%q, %v", s.Reveal(), err)
	}
	if s, err := (Metrics{}).Token(); err != nil || !s.IsZero() {
		t.Errorf("no file: %v, %v", s, err)
	}
}
