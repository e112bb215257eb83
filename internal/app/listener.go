package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// A listening is what is served where.
type listening struct {
	Section string // of the configuration: jwks, web
	What    string // as a person calls it

	Address, Cert, Key string // Cert and Key are files; empty for no TLS
	Handler            http.Handler
	Log                *slog.Logger // nil: nothing is logged
}

// A listener serves. A nil listener does nothing.
type listener struct {
	server *http.Server
	pair   *pair      // nil: without TLS
	ended  chan error // what Serve said, once
}

// listen begins to serve; without an address it gives nil.
func listen(ctx context.Context, l listening) (*listener, error) {
	if l.Address == "" {
		return nil, nil
	}
	at, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.Address)
	if err != nil {
		return nil, problem.Wrap(err, problem.ConfigInvalid, l.What+" cannot be served at "+l.Address, "Correct "+l.Section+".listen, or end what listens there.")
	}
	s := &listener{ended: make(chan error, 1), server: &http.Server{
		Handler: l.Handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // strangers' broken handshakes
	}}
	serve := func() error { return s.server.Serve(at) }
	if l.Cert != "" {
		if s.pair, err = newPair(l); err != nil {
			return nil, errors.Join(err, at.Close())
		}
		s.server.TLSConfig = &tls.Config{GetCertificate: s.pair.get, MinVersion: tls.VersionTLS12}
		serve = func() error { return s.server.ServeTLS(at, "", "") }
	}
	go func() { s.ended <- serve() }()
	return s, nil
}

// close ends the server and waits until it has ended.
func (s *listener) close(ctx context.Context) error {
	if s == nil {
		return nil
	}
	err := s.server.Shutdown(ctx)
	if ended := <-s.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
