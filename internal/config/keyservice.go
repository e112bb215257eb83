package config

import (
	"net/url"
	"regexp"
	"strings"
)

// The beginnings of key URLs, which say whose key it is.
const (
	vaultScheme  = "hcvault://"
	awsScheme    = "aws-kms://"
	googleScheme = "gcp-kms://"
)

// awsARN is the name of a key of AWS KMS, or of an alias of one.
// https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id
var awsARN = regexp.MustCompile(`^arn:aws(?:-[a-z]+)*:kms:([a-z]+(?:-[a-z]+)+-[0-9]+):[0-9]{12}:(?:key/[A-Za-z0-9-]+|alias/[A-Za-z0-9/_-]+)$`)

// googleName is the resource name of a key of Google Cloud KMS, without a version.
// https://cloud.google.com/kms/docs/getting-resource-ids
var googleName = regexp.MustCompile(`^projects/[a-z0-9.:-]+/locations/[a-z0-9-]+/keyRings/[A-Za-z0-9_-]+/cryptoKeys/[A-Za-z0-9_-]+$`)

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

// AWSKey gives what KeyURL names: the ARN of a key of AWS KMS, or of an alias,
// and its region. ok is false for a URL of another form.
func (e Encryption) AWSKey() (arn, region string, ok bool) {
	arn, ok = strings.CutPrefix(e.KeyURL, awsScheme)
	parts := awsARN.FindStringSubmatch(arn)
	if !ok || parts == nil {
		return "", "", false
	}
	return arn, parts[1], true
}

// GoogleKey gives what KeyURL names: the resource name of a key of Google Cloud
// KMS. ok is false for a URL of another form.
func (e Encryption) GoogleKey() (name string, ok bool) {
	name, ok = strings.CutPrefix(e.KeyURL, googleScheme)
	if !ok || !googleName.MatchString(name) {
		return "", false
	}
	return name, true
}

// checkService checks what belongs to a key URL, and that nothing of it stands
// where it means nothing.
func (r *reader) checkService(at place, e Encryption) {
	_, _, _, vault := e.Vault()
	_, _, aws := e.AWSKey()
	_, google := e.GoogleKey()
	ofVault := []struct{ field, value string }{{"token_file", e.TokenFile}, {"token_env", e.TokenEnv}, {"namespace", e.Namespace}}
	for _, f := range ofVault {
		if f.value != "" && (e.KeyURL == "" || aws || google) {
			r.miss(at.at(f.field), "is for a key_url that begins with hcvault://")
		}
	}
	if e.Endpoint != "" && (e.KeyURL == "" || vault) {
		r.miss(at.at("endpoint"), "is for a key_url that begins with aws-kms:// or gcp-kms://")
	}
	switch {
	case e.KeyURL == "":
		return
	case strings.HasPrefix(e.KeyURL, vaultScheme):
		r.checkVault(at, e, vault)
	case !aws && !google:
		r.miss(at.at("key_url"), "must be hcvault://HOST:PORT/transit/keys/NAME, aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID or gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K")
	}
	if e.Endpoint != "" && !secureOrHere(e.Endpoint) {
		r.miss(at.at("endpoint"), "must be https://HOST[:PORT]; http:// is for this machine only")
	}
}

// secureOrHere reports whether a text is the address of a server alone, to which
// keys can travel: by TLS, or within this machine.
func secureOrHere(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())
}

func (r *reader) checkVault(at place, e Encryption, understood bool) {
	if !understood {
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
