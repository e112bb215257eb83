package config

import "strings"

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
	// KeyURL names a key of a key service, which then wraps and unwraps, and never
	// gives the house key away. One of a HashiCorp Vault's transit engine:
	// hcvault://HOST:PORT/transit/keys/NAME, which is asked over HTTPS. One of AWS
	// KMS: aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID, or the ARN of an alias,
	// with credentials as AWS's own tools find them. One of Google Cloud KMS:
	// gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K, with Application
	// Default Credentials.
	KeyURL string `yaml:"key_url"`
	// Endpoint is where AWS KMS or Google Cloud KMS is asked, where that is not
	// its public address: https://HOST[:PORT] of a private endpoint. Default: the
	// public address of the region, or of Google.
	Endpoint string `yaml:"endpoint"`
	// TokenFile holds the Vault token that may use the key; it is read again for
	// each use. Needed beside a key of a Vault, unless TokenEnv is given.
	TokenFile string `yaml:"token_file"`
	// TokenEnv names an environment variable that holds the token.
	TokenEnv string `yaml:"token_env"`
	// Namespace is the Vault namespace of the key. Default: none.
	Namespace string `yaml:"namespace"`
	// Former is the house key that another one replaces. What it wrapped still
	// opens, until bulkhead encryption rotate --house has wrapped all of it by the
	// new one; then it is removed here. Default: none.
	Former *FormerKey `yaml:"former"`
}

// FormerKey says where the house key is that another one replaces.
type FormerKey struct {
	// KeyFile holds it. One of KeyFile, KeyEnv and KeyURL is given.
	KeyFile string `yaml:"key_file"`
	// KeyEnv names an environment variable that holds it.
	KeyEnv string `yaml:"key_env"`
	// KeyURL names it where it is a key of a key service.
	KeyURL string `yaml:"key_url"`
	// Endpoint is where AWS KMS or Google Cloud KMS is asked for it. Default: the
	// public address.
	Endpoint string `yaml:"endpoint"`
	// TokenFile holds the Vault token that may use it.
	TokenFile string `yaml:"token_file"`
	// TokenEnv names an environment variable that holds that token.
	TokenEnv string `yaml:"token_env"`
	// Namespace is its Vault namespace. Default: none.
	Namespace string `yaml:"namespace"`
}

// Encryption gives the encryption of which it was the house key.
func (f FormerKey) Encryption() Encryption {
	return Encryption{
		KeyFile: f.KeyFile, KeyEnv: f.KeyEnv, KeyURL: f.KeyURL, Endpoint: f.Endpoint,
		TokenFile: f.TokenFile, TokenEnv: f.TokenEnv, Namespace: f.Namespace,
	}
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
	r.checkService(at, e)
	if e.Former == nil {
		return
	}
	former := e.Former.Encryption()
	if !former.On() {
		r.miss(at.at("former"), "must have one of key_file, key_env and key_url")
	}
	if !e.On() {
		r.miss(at.at("former"), "is for a house key that another one replaces")
	}
	r.checkEncryption(at.at("former"), former)
}
