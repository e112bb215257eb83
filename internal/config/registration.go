package config

import (
	"fmt"
	"os"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/secret"
)

// A Registration is our app's identity at an EHR vendor. One registration
// serves every practice that has activated the app.
// https://hl7.org/fhir/smart-app-launch/backend-services.html
type Registration struct {
	// Profile names the vendor profile: ecw, standard, or one of yours. Needed.
	Profile string `yaml:"profile"`
	// ClientID is what the vendor gave the app. It is not a secret. Needed.
	ClientID string `yaml:"client_id"`
	// KeyFile holds the private key, as PEM (PKCS #8) or as one JWK. The key's
	// id is the `kid` of the JWK, or else its RFC 7638 thumbprint. Exactly one
	// of KeyFile, KeyEnv and KeyFolder is given.
	KeyFile string `yaml:"key_file"`
	// KeyEnv names an environment variable that holds the same text.
	KeyEnv string `yaml:"key_env"`
	// KeyFolder holds keys that `bulkhead keys rotate` can replace while
	// exports run. `bulkhead keys new` makes it; only its owner may read it.
	KeyFolder string `yaml:"key_folder"`
	// KeyExpires is when the vendor stops taking the key, if it said so: a
	// warning comes a month before. Default: never.
	KeyExpires Moment `yaml:"key_expires"`
	// JWKSURL is where our public keys are published, as registered with the
	// vendor. Default: none, for vendors that keep the keys themselves.
	JWKSURL string `yaml:"jwks_url"`
	// JWKSMaxAge is how long a server may keep its copy of the published keys:
	// a successor signs only after that. Default: 1h.
	JWKSMaxAge Duration `yaml:"jwks_max_age"`
	// SendJKU sends JWKSURL with every assertion, as its `jku`. Default: no.
	SendJKU bool `yaml:"send_jku"`
	// TokenURL is the token endpoint. Default: what the practice's
	// .well-known/smart-configuration says.
	TokenURL string `yaml:"token_url"`
	// Scopes is asked for as it stands. Default: what the vendor profile says
	// for the types of the export.
	Scopes []string `yaml:"scopes"`
	// Exports is how many exports may run at once under this registration.
	// Default: 0, no limit besides that of the machine.
	Exports int `yaml:"exports"`
	// Maintenance are windows in which the servers of this registration's
	// practices are not to be asked for anything, besides those of the vendor
	// profile; without a zone in UTC. Default: none.
	Maintenance []Window `yaml:"maintenance"`
	// TermsVersion is the version of the vendor's terms that we accepted, for
	// people. Default: none.
	TermsVersion string `yaml:"terms_version"`
	// BreachNotice is how soon the vendor's terms want a breach reported; the
	// shorter of this and the agreement's counts. Default: 0, they do not say.
	BreachNotice Duration `yaml:"breach_notice"`
}

// Direct reports whether the vendor keeps a copy of the public keys, in place
// of the URL where they are published.
func (r Registration) Direct() bool { return r.JWKSURL == "" }

// Key reads the private key's text. The error is a *problem.Problem KeyMissing
// and never holds any of the text.
func (r Registration) Key() (secret.String, error) {
	if r.KeyEnv != "" {
		text, ok := os.LookupEnv(r.KeyEnv)
		if !ok || text == "" {
			return secret.String{}, problem.New(problem.KeyMissing,
				fmt.Sprintf("the environment variable %s, which should hold the private key, is not set", r.KeyEnv),
				"Set it to the key as PEM or JWK, or use key_file.")
		}
		return secret.New(text), nil
	}
	text, err := os.ReadFile(r.KeyFile)
	if err != nil {
		return secret.String{}, problem.Wrap(err, problem.KeyMissing, "the private key cannot be read",
			"Make a key with `bulkhead keys new`, or correct key_file of the registration.")
	}
	return secret.New(string(text)), nil
}
