package app

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// A pair is a certificate and its key, as their files hold them now: one that is
// renewed in its place is served without a restart. Files that do not fit each
// other, as in the middle of a renewal, leave what was served before.
type pair struct {
	of  listening
	log *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	text    [2][]byte // of the files, as they were read last
	serving *tls.Certificate
}

// lookEvery is how long what was read of a certificate's files counts.
const lookEvery = 10 * time.Second

// newPair reads the files of what is served.
func newPair(of listening) (*pair, error) {
	p := &pair{of: of, log: of.Log}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if _, err := p.read(); err != nil {
		return nil, problem.Wrap(err, problem.ConfigInvalid, "the certificate with which "+of.What+" should be served cannot be used",
			"Correct "+of.Section+".tls_cert and "+of.Section+".tls_key.")
	}
	p.looked = time.Now()
	return p, nil
}

// read takes over what the files hold, if that is new. After an error, what was
// served is served on.
func (p *pair) read() (renewed bool, err error) {
	var text [2][]byte
	for i, file := range []string{p.of.Cert, p.of.Key} {
		if text[i], err = os.ReadFile(file); err != nil {
			return false, err
		}
	}
	if bytes.Equal(text[0], p.text[0]) && bytes.Equal(text[1], p.text[1]) {
		return false, nil
	}
	fit, err := tls.X509KeyPair(text[0], text[1])
	if err != nil {
		return false, err
	}
	p.text, p.serving = text, &fit
	return true, nil
}

// get gives the certificate for a connection that begins.
func (p *pair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.looked) >= lookEvery {
		p.looked = now
		switch renewed, err := p.read(); {
		case err != nil:
			p.log.Warn("a certificate cannot be taken up; the one from before is served on", "file", p.of.Cert, "error", err)
		case renewed:
			p.log.Info("a new certificate is served", "file", p.of.Cert, "until", p.serving.Leaf.NotAfter)
		}
	}
	return p.serving, nil
}
