package keyring

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"time"
)

// CertificateEnd gives the end of the first certificate of a PEM file. It is the
// zero time where there is no file, or no certificate in it that can be read:
// whoever serves with it says so.
func CertificateEnd(file string) time.Time {
	if file == "" {
		return time.Time{}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return time.Time{}
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return time.Time{}
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}
	}
	return certificate.NotAfter
}
