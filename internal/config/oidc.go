package config

import (
	"crypto/x509"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/secret"
)

// OIDC is an identity provider at which people sign in. Its word counts at each
// sign-in: who somebody is, and by Roles what they may do. People with a
// password of this bulkhead can sign in beside it, for when it is down; that is
// on record, and told.
// https://openid.net/specs/openid-connect-core-1_0.html
type OIDC struct {
	// Issuer is the provider's issuer, to the letter: what it publishes lies
	// below it, at /.well-known/openid-configuration. Needed.
	Issuer string `yaml:"issuer"`
	// Name is how the page of signing in calls it. Default: your organisation.
	Name string `yaml:"name"`
	// ClientID is this bulkhead's id there. Its redirect URI to register is `url`
	// followed by /sign-in/provider/back. Needed.
	ClientID string `yaml:"client_id"`
	// ClientSecretFile is a file with the secret that the provider gave. Default:
	// none, for a public client; PKCE protects both.
	ClientSecretFile string `yaml:"client_secret_file"`
	// ClientSecretEnv names an environment variable that holds it.
	ClientSecretEnv string `yaml:"client_secret_env"`
	// CAFile holds PEM certificates of authorities that are trusted besides the
	// system's, for a provider with a certificate of a private one; tls.ca_file is
	// for practices' servers and does not count here. It is read at the start.
	// Default: none.
	CAFile string `yaml:"ca_file"`
	// Scopes are asked for beside openid. Default: profile, email.
	Scopes []string `yaml:"scopes"`
	// NameClaim is the claim of the ID token of which a person's name to sign in
	// with is made, once. Default: preferred_username, or email, or sub.
	NameClaim string `yaml:"name_claim"`
	// RolesClaim is the claim of the ID token that says what somebody may do, as
	// a text or a list, such as `groups`. Default: roles.
	RolesClaim string `yaml:"roles_claim"`
	// Roles says what each value of that claim gives: viewer, operator,
	// break_glass or privacy_officer, with @practice for one practice, or admin.
	// Whoever has none of the values may not sign in. Needed.
	Roles map[string][]string `yaml:"roles"`
	// RequireMFA lets in only whom the provider says to have shown a second
	// factor, by MFAValues. Default: false.
	RequireMFA bool `yaml:"require_mfa"`
	// MFAValues are values of the claims `amr` or `acr` that say so. Default:
	// mfa.
	MFAValues []string `yaml:"mfa_values"`
	// Session is how long a session lasts before the provider is asked again; 12h
	// at most. Default: as long as the ID token.
	Session Duration `yaml:"session"`
}

// ClientSecret reads the client's secret; it is empty for a public client. The
// error is a *problem.Problem and never holds any of the text.
func (o *OIDC) ClientSecret() (secret.String, error) {
	switch {
	case o.ClientSecretEnv != "":
		text := strings.TrimSpace(os.Getenv(o.ClientSecretEnv))
		if text == "" {
			return secret.String{}, problem.New(problem.ConfigMissing, "the environment variable "+o.ClientSecretEnv+", which should hold the secret of web.oidc, is not set",
				"Set it to what the identity provider gave, or use client_secret_file.")
		}
		return secret.New(text), nil
	case o.ClientSecretFile != "":
		b, err := os.ReadFile(o.ClientSecretFile)
		if err != nil {
			return secret.String{}, problem.Wrap(err, problem.ConfigMissing, "the client secret of web.oidc cannot be read",
				"Correct client_secret_file, or make the file readable for the user who runs bulkhead.")
		}
		return secret.New(strings.TrimSpace(string(b))), nil
	}
	return secret.String{}, nil
}

// Roots gives the authorities of which the provider's certificate must be; nil
// means the system's. The error is a *problem.Problem.
func (o *OIDC) Roots() (*x509.CertPool, error) {
	if o.CAFile == "" {
		return nil, nil
	}
	const correct = "Correct web.oidc.ca_file in the configuration."
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, problem.Wrap(err, problem.ConfigMissing, "the file of certificates that are trusted for the identity provider cannot be read", correct)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, problem.New(problem.ConfigInvalid, "the file of certificates that are trusted for the identity provider, "+o.CAFile+", holds no PEM certificate", correct)
	}
	return roots, nil
}

// fill puts defaults where nothing was said; base is the folder of the
// configuration file.
func (o *OIDC) fill(base string) {
	o.Name = or(o.Name, "your organisation")
	o.ClientSecretFile, o.CAFile = absolute(base, o.ClientSecretFile), absolute(base, o.CAFile)
	o.RolesClaim = or(o.RolesClaim, "roles")
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"profile", "email"}
	}
	if len(o.MFAValues) == 0 {
		o.MFAValues = []string{"mfa"}
	}
}

func (r *reader) checkOIDC(at place, c *Config) {
	r.checkURL(at.at("url"), c.Web.URL, true)
	o := c.Web.OIDC
	if o == nil {
		return
	}
	if at = at.at("oidc"); c.Web.URL == "" {
		r.miss(at, "needs web.url, the address to which the identity provider sends people back")
	}
	if o.Issuer == "" {
		r.miss(at.at("issuer"), "is missing: it is the URL by which the identity provider names itself")
	}
	r.checkURL(at.at("issuer"), o.Issuer, true)
	if o.ClientID == "" {
		r.miss(at.at("client_id"), "is missing: it is what the identity provider calls this bulkhead")
	}
	switch {
	case o.ClientSecretFile != "" && o.ClientSecretEnv != "":
		r.miss(at.at("client_secret_env"), "must not stand beside client_secret_file")
	case o.ClientSecretEnv != "" && !envName.MatchString(o.ClientSecretEnv):
		r.miss(at.at("client_secret_env"), "must be the name of an environment variable, not the secret itself")
	}
	if o.Session.Std() < 0 || o.Session.Std() > 12*time.Hour {
		r.miss(at.at("session"), "must be 12h at most")
	}
	if len(o.Roles) == 0 {
		r.miss(at.at("roles"), "is missing: without it nobody who signs in there may do anything")
	}
	for _, value := range slices.Sorted(maps.Keys(o.Roles)) {
		for i, role := range o.Roles[value] {
			r.checkRole(at.at("roles").at(value).index(i), role, c)
		}
	}
}

// checkRole checks a role with the practice in which it is given.
func (r *reader) checkRole(at place, text string, c *Config) {
	role, practice, one := strings.Cut(text, "@")
	if !slices.Contains([]string{"viewer", "operator", "break_glass", "privacy_officer", "admin"}, role) {
		r.miss(at, fmt.Sprintf("is %q: it must be viewer, operator, break_glass, privacy_officer or admin, with @practice for one practice", text))
		return
	}
	if !one {
		return
	}
	if role == "admin" {
		r.miss(at, "must be admin without a practice: an admin is one of the whole house")
		return
	}
	if !slices.ContainsFunc(c.Tenants, func(t Tenant) bool { return t.ID == practice }) {
		r.miss(at, fmt.Sprintf("is %q, but %q is no tenant", text, practice))
	}
}
