// Package access says who may do what to whose practice, and checks how they
// prove who they are: passwords, the codes of authenticator apps, API tokens.
//
// It keeps nothing itself and opens no connection. It never returns, words or
// compares a secret in a way that shows it: passwords are kept as argon2id,
// tokens as hashes.
//
// Model: five roles, each in one practice or in all; deny by default. Codes:
// https://www.rfc-editor.org/rfc/rfc6238
// Passwords and tokens: https://owasp.org/www-project-application-security-verification-standard/
package access

import (
	"fmt"
	"slices"
)

// A Role is what a person is trusted with.
type Role string

// The roles.
const (
	Viewer         Role = "viewer"          // sees states, counts, problems
	Operator       Role = "operator"        // also starts, cancels, resumes, pauses, acknowledges
	BreakGlass     Role = "break_glass"     // sees states, and contents when it must be, with a reason; for an operator who is on call
	PrivacyOfficer Role = "privacy_officer" // sees states, refused lines' contents with a reason, and the audit trail
	Admin          Role = "admin"           // sees states; people, tokens, configuration
)

// Roles are all roles, from least to most.
var Roles = []Role{Viewer, Operator, BreakGlass, PrivacyOfficer, Admin}

// An Act is something that is done on a page or by the API.
type Act string

// The acts.
const (
	See        Act = "see"        // states, counts, problems of a practice; nothing of a patient
	Operate    Act = "operate"    // start, cancel, resume, pause, acknowledge
	Reveal     Act = "reveal"     // contents of a patient's record, with a reason
	Examine    Act = "examine"    // the audit trail
	Administer Act = "administer" // people, tokens, configuration: of the whole house
)

// permits is the whole policy.
var permits = map[Role][]Act{
	Viewer:         {See},
	Operator:       {See, Operate},
	BreakGlass:     {See, Reveal},
	PrivacyOfficer: {See, Reveal, Examine},
	Admin:          {See, Administer, Examine},
}

// Every, as the tenant of a grant, means all practices, those to come too.
const Every = "*"

// A Grant gives a role in one practice, or in every.
type Grant struct {
	Role   Role   `json:"role"`
	Tenant string `json:"tenant"` // an id, or Every
}

// ParseGrant reads "role" or "role@tenant"; the first means every practice.
func ParseGrant(text string) (Grant, error) {
	g := Grant{Role: Role(text), Tenant: Every}
	for i := range text {
		if text[i] == '@' {
			g = Grant{Role: Role(text[:i]), Tenant: text[i+1:]}
			break
		}
	}
	if !slices.Contains(Roles, g.Role) {
		return Grant{}, fmt.Errorf("%q is no role: use viewer, operator, break_glass, privacy_officer or admin, with @practice for one practice", g.Role)
	}
	if g.Tenant == "" {
		return Grant{}, fmt.Errorf("%q names no practice after the @", text)
	}
	if g.Role == Admin && g.Tenant != Every {
		return Grant{}, fmt.Errorf("an admin is one of the whole house: write admin without a practice")
	}
	return g, nil
}

// String is what ParseGrant reads.
func (g Grant) String() string {
	if g.Tenant == Every {
		return string(g.Role)
	}
	return string(g.Role) + "@" + g.Tenant
}

// An Actor is who asks: a person who has signed in, or the holder of a token.
// The zero Actor may do nothing.
type Actor struct {
	ID     string // as the audit trail names it: "anna", or "token:7f3a"
	Name   string // as pages show it
	Grants []Grant
}

// May reports whether the actor may do act in the practice. An empty tenant
// asks about the whole house, which only a grant in every practice permits.
func (a Actor) May(act Act, tenant string) bool {
	return slices.ContainsFunc(a.Grants, func(g Grant) bool {
		in := g.Tenant == Every || tenant != "" && g.Tenant == tenant
		return in && slices.Contains(permits[g.Role], act)
	})
}

// Somewhere reports whether the actor may do act in at least one practice.
func (a Actor) Somewhere(act Act) bool {
	return slices.ContainsFunc(a.Grants, func(g Grant) bool { return slices.Contains(permits[g.Role], act) })
}
