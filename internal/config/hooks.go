package config

import (
	"encoding/base64"
	"os"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/secret"
)

// A Hook lets another program ask for exports by a signed POST to /hooks/NAME
// of the pages' address, where it cannot keep a token. docs/triggers.md says
// what it sends.
type Hook struct {
	// Name is the end of the hook's address, and its name on record: of a-z, 0-9
	// and -. Needed.
	Name string `yaml:"name"`
	// SecretFile is a file with the secret that the caller signs with: 24 bytes
	// or more, as whsec_ and base64 or as a text. Exactly one of SecretFile and
	// SecretEnv is given.
	SecretFile string `yaml:"secret_file"`
	// SecretEnv names an environment variable that holds the same.
	SecretEnv string `yaml:"secret_env"`
	// Tenants are the ids of the practices whose exports it may ask for; "*" is
	// all. Needed.
	Tenants []string `yaml:"tenants"`
}

// everyTenant stands for all tenants in a hook's list.
const everyTenant = "*"

// Secret reads the key that the caller signs with. The error is a
// *problem.Problem and never holds any of it.
func (h Hook) Secret() (secret.String, error) {
	return sharedSecret("the secret of the hook "+h.Name, h.SecretFile, h.SecretEnv)
}

// May reports whether the hook may ask for exports of a practice.
func (h Hook) May(tenant string) bool {
	return slices.Contains(h.Tenants, tenant) || slices.Contains(h.Tenants, everyTenant)
}

// Only gives the one practice whose exports the hook may ask for; empty when
// there are several.
func (h Hook) Only() string {
	if len(h.Tenants) == 1 && h.Tenants[0] != everyTenant {
		return h.Tenants[0]
	}
	return ""
}

// Hook gives the hook of that name; ok is false when there is none.
func (c *Config) Hook(name string) (Hook, bool) {
	i := slices.IndexFunc(c.Hooks, func(h Hook) bool { return h.Name == name })
	if i < 0 {
		return Hook{}, false
	}
	return c.Hooks[i], true
}

func (r *reader) checkHooks(at place, c *Config) {
	seen := map[string]bool{}
	for i, h := range c.Hooks {
		field := at.index(i)
		r.checkNamed(field, h.Name, seen)
		r.checkSecret(field, h.SecretFile, h.SecretEnv)
		if len(h.Tenants) == 0 {
			r.miss(field.at("tenants"), `is missing: the practices whose exports it may ask for, or "*"`)
		}
		if !slices.Contains(h.Tenants, everyTenant) {
			r.checkTenantIDs(field.at("tenants"), h.Tenants, c)
		}
	}
}

// checkSecret checks where a secret is, not the secret.
func (r *reader) checkSecret(at place, file, env string) {
	switch {
	case (file == "") == (env == ""):
		r.miss(at, "needs exactly one of secret_file and secret_env")
	case strings.HasPrefix(file, secretMark):
		r.miss(at.at("secret_file"), "must be the path of a file, not the secret itself")
	case env != "" && !envName.MatchString(env):
		r.miss(at.at("secret_env"), "must be the name of an environment variable, not the secret itself")
	}
}

const (
	secretMark  = "whsec_" // Standard Webhooks: base64 follows
	secretBytes = 24       // at least
)

// sharedSecret reads a key that signs messages.
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
func sharedSecret(what, file, env string) (secret.String, error) {
	text := os.Getenv(env)
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return secret.String{}, problem.Wrap(err, problem.ConfigMissing, what+" cannot be read",
				"Correct secret_file, or make the file readable for the user who runs bulkhead.")
		}
		text = string(b)
	}
	key := strings.TrimSpace(text)
	if coded, ok := strings.CutPrefix(key, secretMark); ok {
		b, err := base64.StdEncoding.DecodeString(coded)
		if err != nil {
			return secret.String{}, problem.New(problem.ConfigInvalid, what+" is not base64 after whsec_", "Make one: echo whsec_$(openssl rand -base64 32).")
		}
		key = string(b)
	}
	if len(key) < secretBytes {
		return secret.String{}, problem.New(problem.ConfigInvalid, what+" is empty or shorter than 24 bytes", "Make one: echo whsec_$(openssl rand -base64 32).")
	}
	return secret.New(key), nil
}
