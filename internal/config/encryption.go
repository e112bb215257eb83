package config

import (
	"net/url"
	"strings"
)

// Encryption says where the house key is. It wraps the keys of the practices,
// each of which encrypts what is kept of one practice: raw, staged and
// quarantined files, attachments and logs. What is and what is not encrypted,
// and how to back keys up: encryption.md.
type Encryption struct {
	// KeyFile holds the house key, as bulkhead encryption new-key makes it. Only
	// its owner may read it; keep it on another disk than the state folder, and
	// a copy where you will find it. At most one of KeyFile, KeyEnv and KeyURL
	// is given. Default: none, nothing is encrypted.
	KeyFile string `yaml:"key_file"`
	// KeyEnv names an environment variable that holds the same text.
	KeyEnv string `yaml:"key_env"`
	// KeyURL names a key of a HashiCorp Vault's transit engine, which then wraps
	// and unwraps, and never gives the house key away:
	// hcvault://HOST:PORT/transit/keys/NAME, which is asked over HTTPS.
	KeyURL string `yaml:"key_url"`
	// TokenFile holds the Vault token that may use the key; it is read again for
	// each use. Needed beside `key_url`, unless TokenEnv is given.
	TokenFile string `yaml:"token_file"`
	// TokenEnv names an environment variable that holds the token.
	TokenEnv string `yaml:"token_env"`
	// Namespace is the Vault namespace of the key. Default: none.
	Namespace string `yaml:"namespace"`
}

// On reports whether what is kept of practices is encrypted.
func (e Encryption) On() bool { return e.KeyFile != "" || e.KeyEnv != "" || e.KeyURL != "" }

// Standing says in one line whether what is kept is encrypted, and where the
// house key is. It names no secret.
func (e Encryption) Standing() string {
	switch {
	case e.KeyFile != "":
		return "encryption at rest: on, each practice by a key of its own; the house key is in " + e.KeyFile
	case e.KeyEnv != "":
		return "encryption at rest: on, each practice by a key of its own; the house key is in the environment variable " + e.KeyEnv
	case e.KeyURL != "":
		return "encryption at rest: on, each practice by a key of its own; the house key is at " + e.KeyURL
	}
	return "encryption at rest: off; whoever can read the state folder can read the records (see encryption in docs/configuration.md)"
}

// Vault gives what KeyURL names: the address of the server, the path at which
// the transit engine is mounted, and the name of the key. ok is false for a URL
// of another form.
func (e Encryption) Vault() (address, mount, name string, ok bool) {
	u, err := url.Parse(e.KeyURL)
	if err != nil || u.Scheme != "hcvault" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", "", "", false
	}
	mount, name, ok = strings.Cut(strings.TrimPrefix(u.Path, "/"), "/keys/")
	if !ok || mount == "" || name == "" || strings.Contains(name, "/") {
		return "", "", "", false
	}
	return "https://" + u.Host, mount, name, true
}

func (r *reader) checkEncryption(at place, e Encryption) {
	given := 0
	for _, v := range []string{e.KeyFile, e.KeyEnv, e.KeyURL} {
		if v != "" {
			given++
		}
	}
	if given > 1 {
		r.miss(at, "must have one of key_file, key_env and key_url, not several")
	}
	if strings.ContainsAny(e.KeyFile, "\n{") {
		r.miss(at.at("key_file"), "must be the path of a file, not the key itself")
	}
	if e.KeyEnv != "" && !envName.MatchString(e.KeyEnv) {
		r.miss(at.at("key_env"), "must be the name of an environment variable, not the key itself")
	}
	r.checkVault(at, e)
}

func (r *reader) checkVault(at place, e Encryption) {
	if e.KeyURL == "" {
		for field, v := range map[string]string{"token_file": e.TokenFile, "token_env": e.TokenEnv, "namespace": e.Namespace} {
			if v != "" {
				r.miss(at.at(field), "is for key_url")
			}
		}
		return
	}
	if _, _, _, ok := e.Vault(); !ok {
		r.miss(at.at("key_url"), "must be hcvault://HOST:PORT/transit/keys/NAME")
	}
	if (e.TokenFile == "") == (e.TokenEnv == "") {
		r.miss(at, "needs token_file or token_env beside key_url, and not both")
	}
	if e.TokenEnv != "" && !envName.MatchString(e.TokenEnv) {
		r.miss(at.at("token_env"), "must be the name of an environment variable, not the token itself")
	}
	if strings.ContainsAny(e.TokenFile, "\n") {
		r.miss(at.at("token_file"), "must be the path of a file, not the token itself")
	}
}
