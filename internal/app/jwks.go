package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/keyring"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// A keyServer publishes the registrations' public keys. A nil keyServer does
// nothing.
type keyServer struct {
	server *http.Server
	ended  chan error // what Serve said, once
}

// serveKeys begins to publish, if the configuration says where.
func serveKeys(ctx context.Context, c *config.Config) (*keyServer, error) {
	if c.JWKS.Listen == "" {
		return nil, nil
	}
	sources := map[string]*keyring.Source{}
	for name, r := range c.Registrations {
		// A registration whose keys cannot be used is no reason to stop the
		// others; logKeys tells of it.
		if source, err := keyring.Of(r); err == nil {
			sources[name] = source
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.JWKS.Listen)
	if err != nil {
		return nil, problem.Wrap(err, problem.ConfigInvalid, "the public keys cannot be published at "+c.JWKS.Listen, "Correct jwks.listen, or end what listens there.")
	}
	s := &keyServer{ended: make(chan error, 1), server: &http.Server{
		Handler: keyring.Handler(sources), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second,
		WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // strangers' broken handshakes
	}}
	serve := func() error { return s.server.Serve(listener) }
	if c.JWKS.TLSCert != "" {
		if err := checkCertificate(c.JWKS); err != nil {
			return nil, errors.Join(err, listener.Close())
		}
		serve = func() error { return s.server.ServeTLS(listener, c.JWKS.TLSCert, c.JWKS.TLSKey) }
	}
	go func() { s.ended <- serve() }()
	return s, nil
}

func checkCertificate(j config.JWKS) error {
	if _, err := tls.LoadX509KeyPair(j.TLSCert, j.TLSKey); err != nil {
		return problem.Wrap(err, problem.ConfigInvalid, "the certificate for publishing the public keys cannot be used", "Correct jwks.tls_cert and jwks.tls_key.")
	}
	return nil
}

// close ends the server and waits until it has ended.
func (s *keyServer) close(ctx context.Context) error {
	if s == nil {
		return nil
	}
	err := s.server.Shutdown(ctx)
	if ended := <-s.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// logKeys writes what a person should see to about the keys, at the start.
func logKeys(ctx context.Context, c *config.Config, log *slog.Logger) {
	for _, name := range slices.Sorted(maps.Keys(c.Registrations)) {
		source, err := keyring.Of(c.Registrations[name])
		if err != nil {
			log.WarnContext(ctx, "keys cannot be used", "registration", name, "problem", problem.Of(err).Summary, "next", problem.Of(err).Remedy)
			continue
		}
		warnings, err := source.Warnings()
		if err != nil {
			log.WarnContext(ctx, "keys cannot be read", "registration", name, "problem", problem.Of(err).Summary)
		}
		for _, w := range warnings {
			log.WarnContext(ctx, "see to a key", "registration", name, "kid", w.KeyID, "warning", w.Text)
		}
	}
}
