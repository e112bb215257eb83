package keyring

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// A Source is what a registration signs with: one key, or a ring. It is safe
// for concurrent use, and sees what other processes do to the ring.
type Source struct {
	registration config.Registration
	ring         *Ring      // nil for one key
	fixed        *smart.Key // nil for a ring
}

var _ smart.KeySource = (*Source)(nil)

// Of gives the keys of a registration. One key is read now, a ring whenever it
// is asked. The error is a problem KeyMissing or KeyInvalid.
func Of(r config.Registration) (*Source, error) {
	s := &Source{registration: r}
	var err error
	if r.KeyFolder != "" {
		s.ring, err = Open(r.KeyFolder)
		return s, err
	}
	text, err := r.Key()
	if err != nil {
		return nil, err
	}
	if s.fixed, err = smart.ParseKey([]byte(text.Reveal())); err != nil {
		return nil, problem.Wrap(err, problem.KeyInvalid, "the signing key cannot be used", "Make one with bulkhead keys new, and register its public part with the vendor.")
	}
	return s, nil
}

// Ring gives the ring, nil for one key.
func (s *Source) Ring() *Ring { return s.ring }

// SigningKey returns the key that signs now; see smart.KeySource. Its errors
// are problems.
func (s *Source) SigningKey(_ context.Context, advertised []string) (*smart.Key, error) {
	now := time.Now()
	l, err := s.timeline()
	if err != nil {
		return nil, err
	}
	keys := []*smart.Key{s.fixed}
	if s.ring != nil {
		keys = l.signing(now)
	}
	k, err := smart.SelectKey(advertised, keys...)
	switch {
	case err == nil:
		return k, nil
	case len(keys) == 0:
		return nil, l.nothing(now)
	}
	return nil, problem.Wrap(err, problem.KeyInvalid, "no key of the registration is for an algorithm that the server takes",
		"Make one with bulkhead keys new --algorithm "+algorithmOf(advertised)+", and register its public part with the vendor.")
}

func algorithmOf(advertised []string) string {
	for _, alg := range advertised {
		if alg == string(smart.RS384) || alg == string(smart.ES384) {
			return alg
		}
	}
	return string(smart.RS384)
}

// nothing is the problem of a ring in which no key may sign.
func (l timeline) nothing(now time.Time) error {
	for _, e := range l.in(now, Published) {
		return problem.New(problem.KeyInvalid, fmt.Sprintf("no key may sign before %s, when key %s can be in no server's older copy of the set any more",
			e.Activated.Local().Format("2006-01-02 15:04"), e.KeyID), "Wait until then and resume the export.")
	}
	if len(l.in(now, Pending)) > 0 {
		return problem.New(problem.KeyInvalid, "no key may sign before its successor is confirmed",
			"Give the vendor its public part (bulkhead keys jwks); then run bulkhead keys rotate --confirm.")
	}
	return problem.New(problem.KeyInvalid, "the registration has no key that may sign", "Make one with bulkhead keys rotate, and register its public part with the vendor.")
}

// PreviousKey returns the key before the one that signs, as long as a server
// may know no newer one; see smart.KeySource.
func (s *Source) PreviousKey(_ context.Context, advertised []string) (*smart.Key, error) {
	if s.ring == nil {
		return nil, nil
	}
	now := time.Now()
	l, err := s.timeline()
	if err != nil {
		return nil, err
	}
	signing, err := smart.SelectKey(advertised, l.signing(now)...)
	if err != nil {
		return nil, nil //nolint:nilerr // without a key there is none before it
	}
	return l.previous(signing, now), nil
}

// JWKS gives the public set that servers fetch. With the successor, it is the
// set to give to a vendor that keeps a copy.
func (s *Source) JWKS(withSuccessor bool) ([]byte, error) {
	if s.ring == nil {
		return smart.JWKS(s.fixed)
	}
	l, err := s.timeline()
	if err != nil {
		return nil, err
	}
	return smart.JWKS(l.published(time.Now(), withSuccessor)...)
}

// Standings tells where every key stands. One key always signs.
func (s *Source) Standings() ([]Standing, error) {
	if s.ring != nil {
		return s.ring.Standings()
	}
	single := Standing{KeyID: s.fixed.ID(), Algorithm: s.fixed.Algorithm(), State: Signing, Registered: ByURL}
	if s.registration.Direct() {
		single.Registered = Directly
	}
	if stat, err := os.Stat(s.registration.KeyFile); s.registration.KeyFile != "" && err == nil {
		single.Created = stat.ModTime()
		single.Since = single.Created
	}
	return []Standing{single}, nil
}

func (s *Source) timeline() (timeline, error) {
	if s.ring == nil {
		return nil, nil
	}
	return s.ring.entries()
}
