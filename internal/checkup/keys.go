package checkup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/keyring"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// signing looks at the registration's keys: whether one can sign for this
// vendor and its server, and what a person should see to.
func (c *check) signing(ctx context.Context, found *smart.Configuration) {
	source, err := keyring.Of(c.registration)
	if err != nil {
		c.fail("key", problem.Of(err))
		return
	}
	key, err := source.SigningKey(ctx, c.profile.Algorithms)
	if err != nil {
		c.keyFailed(err)
		return
	}
	if found != nil {
		if better, err := source.SigningKey(ctx, both(c.profile.Algorithms, found.SigningAlgorithms)); err == nil {
			key = better
		}
	}
	c.keys = source
	if !c.algorithm(key, found) {
		return
	}
	c.key = key
	warnings, err := source.Warnings()
	if err != nil {
		c.fail("key", problem.Of(err))
		return
	}
	c.good("key", "key id "+key.ID())
	for _, w := range warnings {
		subject := "key"
		if w.KeyID != "" && w.KeyID != key.ID() {
			subject = "key " + w.KeyID
		}
		c.warn(subject, w.Text, "")
	}
}

// both gives what the vendor takes of what the server lists.
func both(taken, listed []string) []string {
	if listed == nil {
		return taken
	}
	return slices.DeleteFunc(slices.Clone(taken), func(alg string) bool { return !slices.Contains(listed, alg) })
}

// algorithm compares the key's with what the server lists, and reports whether
// a token can be asked for.
func (c *check) algorithm(key *smart.Key, found *smart.Configuration) bool {
	own := string(key.Algorithm())
	switch {
	case found == nil || found.SigningAlgorithms == nil:
		c.good("algorithm", fmt.Sprintf("%s, which profile %s permits; the server lists none", own, c.profile.Name))
	case slices.Contains(found.SigningAlgorithms, own):
		c.good("algorithm", own+", which the server lists")
	case c.profile.Tolerates(config.AuthListsWrong):
		c.warn("algorithm", fmt.Sprintf("%s, but the server lists only %s", own, list(found.SigningAlgorithms, 6)), "Nothing: the profile takes the list for wrong.")
	default:
		c.fail("algorithm", problem.New(problem.KeyInvalid,
			fmt.Sprintf("the key is for %s, and the server lists only %s", own, list(found.SigningAlgorithms, 6)),
			"Make a key with bulkhead keys new --algorithm for one of those, and register it. If the list is wrong, use a profile that tolerates "+string(config.AuthListsWrong)+"."))
		return false
	}
	return true
}

func (c *check) keyFailed(err error) {
	if unfit, ok := errors.AsType[*smart.KeyError](err); ok && len(unfit.Held) > 0 {
		c.fail("key", problem.New(problem.KeyInvalid,
			fmt.Sprintf("the key is for %s, and %s takes only %s", unfit.Held[0], c.title(), strings.Join(c.profile.Algorithms, " or ")),
			"Make one with bulkhead keys new --algorithm "+c.profile.Algorithms[0]+", and register its public part with the vendor."))
		return
	}
	c.fail("key", problem.Of(err))
}

// published looks whether the key that signs stands where servers fetch it.
func (c *check) published(ctx context.Context) {
	if c.registration.Direct() || c.key == nil {
		return
	}
	err := smart.CheckPublished(ctx, c.http, c.registration.JWKSURL, c.key)
	wrong, ok := errors.AsType[*smart.KeySetError](err)
	switch {
	case err == nil:
		c.good("published keys", "the key is in the key set at "+c.registration.JWKSURL)
	case ok && wrong.Status == http.StatusOK:
		c.fail("published keys", problem.New(problem.KeyInvalid,
			fmt.Sprintf("key %s, which signs, is not in the key set at %s as it should be: %v", c.key.ID(), c.registration.JWKSURL, wrong.Err),
			"Publish the output of bulkhead keys jwks there, and wait until the vendor has read it again."))
	default:
		reason := export.Reason(err)
		if ok && wrong.Status != 0 {
			reason = fmt.Sprintf("it answers %d", wrong.Status)
		}
		c.warn("published keys", "the key set at "+c.registration.JWKSURL+" cannot be read from here: "+reason,
			"The vendor must be able to read it: let bulkhead run serve it, or put the output of bulkhead keys jwks there.")
	}
}
