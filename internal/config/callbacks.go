package config

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/secret"
)

// A Callback is another program that is told how exports end: by a signed POST
// to its URL, or to one below it. docs/triggers.md says what is sent.
type Callback struct {
	// Name is for people, and for requests that wish to be told there: of a-z,
	// 0-9 and -. Needed.
	Name string `yaml:"name"`
	// URL is where it is told: https, or http to this machine. A request may
	// name it, or a URL below it on the same origin; nothing else is ever
	// called. Without user, query and fragment. Needed.
	URL string `yaml:"url"`
	// SecretFile is a file with the secret that signs what is sent: 24 bytes or
	// more, as whsec_ and base64 or as a text. Exactly one of SecretFile and
	// SecretEnv is given.
	SecretFile string `yaml:"secret_file"`
	// SecretEnv names an environment variable that holds the same.
	SecretEnv string `yaml:"secret_env"`
	// All tells the end of every export, also of those that a schedule or a
	// person began. Default: false, only of exports whose request names it.
	All bool `yaml:"all"`
	// Tenants are the ids of the practices of which it may know. Default: all.
	Tenants []string `yaml:"tenants"`
}

// Secret reads the key that signs. The error is a *problem.Problem and never
// holds any of it.
func (t Callback) Secret() (secret.String, error) {
	return sharedSecret("the secret of the call-back "+t.Name, t.SecretFile, t.SecretEnv)
}

// Knows reports whether the callee may know of a practice.
func (t Callback) Knows(tenant string) bool {
	return len(t.Tenants) == 0 || slices.Contains(t.Tenants, tenant)
}

// Local reports whether the callee is on this machine.
func (t Callback) Local() bool { return onThisMachine(t.URL) }

// Allows reports whether a URL is the callee's own or below it: on the same
// origin, written without anything that another program may read otherwise.
func (t Callback) Allows(text string) bool {
	base, err := url.Parse(t.URL)
	if err != nil {
		return false
	}
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" || u.RawPath != "" {
		return false
	}
	if u.Scheme != base.Scheme || u.Host != base.Host || strings.ContainsAny(text, "\\#?%") {
		return false
	}
	at, below := u.Path, strings.TrimSuffix(base.Path, "/")
	if at == base.Path {
		return true
	}
	return path.Clean(at) == strings.TrimSuffix(at, "/") && strings.HasPrefix(at, below+"/")
}

// Callback gives the callee and the URL that a request's words name, which are
// a callee's name or a URL that one allows; ok is false when none does, or may
// not know of the practice.
func (c *Config) Callback(tenant, words string) (to Callback, at string, ok bool) {
	for _, t := range c.Callbacks {
		switch {
		case !t.Knows(tenant):
		case t.Name == words:
			return t, t.URL, true
		case t.Allows(words):
			return t, words, true
		}
	}
	return to, "", false
}

// CalleeOf gives the callee of that name; ok is false when there is none any
// more.
func (c *Config) CalleeOf(name string) (Callback, bool) {
	i := slices.IndexFunc(c.Callbacks, func(t Callback) bool { return t.Name == name })
	if i < 0 {
		return Callback{}, false
	}
	return c.Callbacks[i], true
}

func (r *reader) checkCallbacks(at place, c *Config) {
	seen := map[string]bool{}
	for i, t := range c.Callbacks {
		field := at.index(i)
		r.checkNamed(field, t.Name, seen)
		if t.URL == "" {
			r.miss(field.at("url"), "is missing")
		}
		r.checkURL(field.at("url"), t.URL, true)
		if u, err := url.Parse(t.URL); err == nil && u.Path != "" && (u.RawPath != "" || path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/") && u.Path != "/") {
			r.miss(field.at("url"), "must have a plain path: without .., // and %")
		}
		r.checkSecret(field, t.SecretFile, t.SecretEnv)
		r.checkTenantIDs(field.at("tenants"), t.Tenants, c)
	}
}

// checkNamed checks the name of an item of a list.
func (r *reader) checkNamed(at place, name string, seen map[string]bool) {
	if !idShape.MatchString(name) {
		r.miss(at.at("name"), idRule)
	}
	if seen[name] {
		r.miss(at.at("name"), fmt.Sprintf("is %q, which another has already", name))
	}
	seen[name] = true
}

func (r *reader) checkTenantIDs(at place, ids []string, c *Config) {
	for i, id := range ids {
		if !slices.ContainsFunc(c.Tenants, func(t Tenant) bool { return t.ID == id }) {
			r.miss(at.index(i), fmt.Sprintf("is %q, which is no tenant", id))
		}
	}
}
