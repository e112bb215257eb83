package sandbox

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Server plays the practices of a Config until it is closed. All its methods
// may be called concurrently.
type Server struct {
	clock     *clock
	record    *record
	ca        *authority // nil when Plain
	certified []*certified
	caFile    string
	fhirURL   string
	tokenURL  string
	storage   *storage
	practices map[string]*PracticeServer
	order     []string
	tokens    *tokens
	affinity  *affinity
	player    atomic.Pointer[Player]

	ctx     context.Context
	stop    context.CancelFunc
	servers []*http.Server
	serving sync.WaitGroup // listeners
	working sync.WaitGroup // exports being prepared
	life    sync.RWMutex   // held for reading by every request
	closed  bool
}

// Start serves cfg's practices until ctx ends or Close is called. When it
// returns, the listeners accept connections. Close must be called even if ctx
// has ended.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("sandbox configuration: %w", err)
	}
	s := &Server{
		clock:     newClock(cfg.TimeScale, cfg.Epoch),
		record:    newRecord(),
		affinity:  newAffinity(),
		caFile:    cfg.CAFile,
		practices: map[string]*PracticeServer{},
	}
	if err := s.makeCA(cfg); err != nil {
		return nil, err
	}
	listeners, err := s.listen(ctx, cfg)
	if err != nil {
		return nil, err
	}
	for _, p := range cfg.Practices {
		s.practices[p.Code] = newPractice(s, p)
		s.order = append(s.order, p.Code)
	}
	if s.tokens, err = newTokens(s, cfg); err != nil {
		return nil, errors.Join(err, closeAll(listeners))
	}
	s.ctx, s.stop = context.WithCancel(ctx)
	for i, h := range []http.Handler{s.fhirHandler(), s.tokens.handler(), s.storage.handler()} {
		s.serve(listeners[i], h, cfg.HTTP2)
	}
	return s, nil
}

func (s *Server) makeCA(cfg Config) (err error) {
	if cfg.Plain {
		return nil
	}
	if s.ca, err = newAuthority(); err != nil {
		return err
	}
	if cfg.CAFile == "" {
		return nil
	}
	if err := os.WriteFile(cfg.CAFile, s.ca.pem, 0o644); err != nil {
		return fmt.Errorf("write the CA's certificate: %w", err)
	}
	return nil
}

// listen opens the listeners of the FHIR server, the token server and the
// storage, and sets the URLs that name them.
func (s *Server) listen(ctx context.Context, cfg Config) ([]net.Listener, error) {
	s.storage = newStorage(s)
	var open []net.Listener
	for _, l := range []struct {
		what, addr string
		expired    bool
		url        *string
	}{
		{"FHIR", cfg.Addr, cfg.Expired, &s.fhirURL},
		{"tokens", cfg.TokenAddr, false, &s.tokenURL},
		{"storage", cfg.StorageAddr, false, &s.storage.url},
	} {
		one, url, err := s.listenOne(ctx, cfg.listener(l.what, l.addr), l.expired)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen for %s: %w", l.what, err), closeAll(open))
		}
		*l.url = url
		open = append(open, one)
	}
	return open, nil
}

func closeAll(listeners []net.Listener) error {
	var errs []error
	for _, l := range listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

func (s *Server) listenOne(ctx context.Context, open opener, expired bool) (net.Listener, string, error) {
	l, host, err := open(ctx)
	if err != nil {
		return nil, "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return nil, "", errors.Join(err, l.Close())
	}
	hostPort := net.JoinHostPort(host, port)
	if s.ca == nil {
		return l, "http://" + hostPort, nil
	}
	c := &certified{host: host}
	kind := CertificateGood
	if expired {
		kind = CertificateExpired
	}
	if err := c.renew(s.ca, kind); err != nil {
		return nil, "", errors.Join(err, l.Close())
	}
	s.certified = append(s.certified, c)
	return &tlsListener{l, &tls.Config{GetCertificate: c.current, MinVersion: tls.VersionTLS12}}, "https://" + strings.TrimSuffix(hostPort, ":443"), nil
}

// tlsListener carries its TLS configuration to serve.
type tlsListener struct {
	net.Listener
	config *tls.Config
}

func (s *Server) serve(l net.Listener, h http.Handler, http2 bool) {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: time.Minute,
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
		ErrorLog:          log.New(io.Discard, "", 0), // a refused certificate is the client's to report
		Protocols:         new(http.Protocols),
	}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetHTTP2(http2)
	s.servers = append(s.servers, srv)
	s.serving.Go(func() {
		if t, ok := l.(*tlsListener); ok {
			srv.TLSConfig = t.config
			srv.ServeTLS(t.Listener, "", "") // ends with ErrServerClosed
			return
		}
		srv.Serve(l)
	})
}

// Close ends every request, also those that hang, and waits for everything the
// server started. Closing twice is harmless.
func (s *Server) Close() error {
	s.stop()
	var errs []error
	for _, srv := range s.servers {
		errs = append(errs, srv.Close())
	}
	s.serving.Wait()
	s.life.Lock() // waits for the requests
	s.closed = true
	s.life.Unlock()
	s.working.Wait()
	s.tokens.close()
	return errors.Join(errs...)
}

// CAPEM returns the certificate of the CA that signed the server's
// certificates, or nil when it serves plain http.
func (s *Server) CAPEM() []byte {
	if s.ca == nil {
		return nil
	}
	return s.ca.pem
}

// CertPool returns the roots for a client of the server: its CA alone, or nil
// when it serves plain http.
func (s *Server) CertPool() *x509.CertPool {
	if s.ca == nil {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AddCert(s.ca.cert)
	return pool
}

// Practice returns the server of the practice with that code; nil when there
// is none.
func (s *Server) Practice(code string) *PracticeServer { return s.practices[code] }

// A Summary is what a person, or a configuration, needs to know to use the
// server.
type Summary struct {
	FHIR      string            `json:"fhir"`             // origin of the FHIR server
	Token     string            `json:"token"`            // the shared token endpoint
	Storage   string            `json:"storage"`          // origin of the storage that practices may keep output files on
	CAFile    string            `json:"caFile,omitempty"` // as configured
	Practices []PracticeSummary `json:"practices"`
}

// A PracticeSummary is one practice's part of a Summary.
type PracticeSummary struct {
	Code    string         `json:"code"`
	Name    string         `json:"name"`
	Profile Profile        `json:"profile"`
	Base    string         `json:"base"`            // FHIR base URL
	Token   string         `json:"token,omitempty"` // token endpoint; empty for an open practice
	Groups  []GroupSummary `json:"groups"`
	Types   []string       `json:"types"` // that it offers
}

// A GroupSummary is one group of a practice.
type GroupSummary struct {
	Export string `json:"export"` // the id that $export wants
	ID     string `json:"id"`
	Name   string `json:"name"`
}

// Summary describes the server as it now is.
func (s *Server) Summary() Summary {
	sum := Summary{FHIR: s.fhirURL, Token: s.tokenURL + sharedTokenPath, Storage: s.storage.url, CAFile: s.caFile}
	for _, code := range s.order {
		sum.Practices = append(sum.Practices, s.practices[code].summary())
	}
	return sum
}
