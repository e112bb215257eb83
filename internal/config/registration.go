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
	// Profile names the vendor profile: ecw, standard, or one of yours.
	Profile string `yaml:"profile"`
	// ClientID is what the vendor gave the app. It is not a secret.
	ClientID string `yaml:"client_id"`
	// KeyFile holds the private key, as PEM (PKCS #8) or as one JWK. The key's
	// id is the `kid` of the JWK, or else its RFC 7638 thumbprint. Exactly one
	// of KeyFile and KeyEnv is given.
	KeyFile string `yaml:"key_file"`
	// KeyEnv names an environment variable that holds the same text.
	KeyEnv string `yaml:"key_env"`
	// JWKSURL is where our public keys are published: the `jku` of the
	// assertion. Default: none, for vendors that keep the keys themselves.
	JWKSURL string `yaml:"jwks_url"`
	// TokenURL is the token endpoint. Default: what the practice's
	// .well-known/smart-configuration says.
	TokenURL string `yaml:"token_url"`
	// Scopes is asked for as it stands. Default: what the vendor profile says
	// for the types of the export.
	Scopes []string `yaml:"scopes"`
	// Exports is how many exports may run at once under this registration.
	// Default: 0, no limit besides that of the machine.
	Exports int `yaml:"exports"`
}

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
