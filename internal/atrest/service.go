package atrest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// patience bounds one question to a key service, with the credentials and the
// repetitions that it takes.
const patience = 15 * time.Second

var (
	// errUnopened says that a key service does not open with its key, for this
	// practice, what it is given: another key wrapped it, or for another
	// practice, or it was changed since.
	errUnopened = errors.New("the key service does not open it for this practice")
	// errOtherKey says that a key service knows that another key wrapped it.
	errOtherKey = errors.New("another key of the key service wrapped it")
)

// An unreached error says that a key service gave no answer, or none of its
// own: weather, which passes.
type unreached struct {
	service string
	err     error // without the path and the query of a URL
}

func (e *unreached) Error() string { return e.service + " gives no answer: " + e.err.Error() }

// Unwrap gives what the network said.
func (e *unreached) Unwrap() error { return e.err }

// Explain gives the problem that a person is told who meets a key service that
// gives no answer, and every other error as it is. What works unattended waits
// instead.
func Explain(err error) error {
	if _, told := errors.AsType[*problem.Problem](err); told {
		return err
	}
	if away, ok := errors.AsType[*unreached](err); ok {
		return problem.Wrap(away.err, problem.HouseKeyMissing, away.service+" gives no answer, and without it the house key cannot be used",
			"Try again when it can be reached; exports wait for it by themselves. Nothing is lost.")
	}
	return err
}

// noAnswer sorts the error of a request that brought no answer: weather, unless
// it shows that whoever answers is not who was meant.
func noAnswer(service string, err error) error {
	if at, ok := errors.AsType[*url.Error](err); ok {
		err = at.Err
	}
	_, cert := errors.AsType[*tls.CertificateVerificationError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	if cert || host || record || errors.Is(err, http.ErrSchemeMismatch) {
		return problem.New(problem.HouseKeyMissing, service+" shows no certificate that is trusted: "+err.Error(),
			"Check the host of the key service; if its certificate comes from an authority of yours, name that in tls.ca_file. Nothing was sent, nothing is lost.")
	}
	return &unreached{service, err}
}

// refused is the problem of a key service that answers, and does not do what it
// is asked for. {} in the remedy stands for the permission that it needs.
func refused(cause error, summary, remedy, permission string) error {
	return problem.Wrap(cause, problem.HouseKeyMissing, summary, strings.ReplaceAll(remedy, "{}", permission))
}

const mostSaid = 300 // bytes of what a key service says that are told

// brief gives the beginning of what a key service says, on one line.
func brief(said string) string {
	said = strings.Join(strings.Fields(strings.ToValidUTF8(said, "")), " ")
	if len(said) > mostSaid {
		said = strings.ToValidUTF8(said[:mostSaid], "") + " ..."
	}
	return said
}

// strict gives a client that follows no redirect: what goes to a key service
// goes nowhere else.
func strict(client *http.Client) *http.Client {
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	own.Timeout = patience
	return &own
}

// An envelope wraps each text by a key of its own, which the service wraps:
// services take no more than a few KiB, and a practice's keys grow with each
// rotation. The practice is bound to both.
type envelope struct{ service tink.AEADWithContext }

// EncryptWithContext wraps.
func (e envelope) EncryptWithContext(ctx context.Context, plain, bound []byte) ([]byte, error) {
	a, err := aead.NewKMSEnvelopeAEADWithContext(aead.AES256GCMKeyTemplate(), &boundKey{service: e.service, bound: bound})
	if err != nil {
		return nil, fmt.Errorf("use a key service: %w", err)
	}
	return a.EncryptWithContext(ctx, plain, bound)
}

// DecryptWithContext unwraps.
func (e envelope) DecryptWithContext(ctx context.Context, wrapped, bound []byte) ([]byte, error) {
	key := &boundKey{service: e.service, bound: bound}
	a, err := aead.NewKMSEnvelopeAEADWithContext(aead.AES256GCMKeyTemplate(), key)
	if err != nil {
		return nil, fmt.Errorf("use a key service: %w", err)
	}
	plain, err := a.DecryptWithContext(ctx, wrapped, bound)
	if err != nil && key.err == nil { // the service has no part in it
		return nil, errUnopened
	}
	return plain, err
}

// A boundKey is the key of a service, used for one practice. Tink binds the
// text in an envelope, but not the envelope's key.
type boundKey struct {
	service tink.AEADWithContext
	bound   []byte
	err     error // the last one of the service
}

// EncryptWithContext has the service wrap an envelope's key.
func (b *boundKey) EncryptWithContext(ctx context.Context, plain, _ []byte) (wrapped []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	wrapped, b.err = b.service.EncryptWithContext(ctx, plain, b.bound)
	return wrapped, b.err
}

// DecryptWithContext has the service unwrap an envelope's key.
func (b *boundKey) DecryptWithContext(ctx context.Context, wrapped, _ []byte) (plain []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	plain, b.err = b.service.DecryptWithContext(ctx, wrapped, b.bound)
	return plain, b.err
}
