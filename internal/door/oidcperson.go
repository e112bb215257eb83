package door

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// text gives a claim that is a text; empty for anything else.
func (c claims) text(name string) string {
	t, _ := c.claim(name).(string)
	return t
}

// claim gives a claim by its name; one that there is not is looked for below
// others, so that realm_access.roles is roles in realm_access.
func (c claims) claim(name string) any {
	if v, ok := c.All[name]; ok {
		return v
	}
	var at any = c.All
	for part := range strings.SplitSeq(name, ".") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[part]
	}
	return at
}

// values gives a claim that is a text, or a list of texts.
func (c claims) values(name string) []string {
	switch v := c.claim(name).(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, item := range v {
			if text, ok := item.(string); ok {
				all = append(all, text)
			}
		}
		return all
	}
	return nil
}

// grants are what the person may do by the configuration's map, in order.
func (c claims) grants(o *config.OIDC) ([]access.Grant, error) {
	found := map[access.Grant]bool{}
	for _, value := range c.values(o.RolesClaim) {
		for _, text := range o.Roles[value] {
			g, err := access.ParseGrant(text)
			if err != nil {
				return nil, fmt.Errorf("read web.oidc.roles: %w", err)
			}
			found[g] = true
		}
	}
	return slices.SortedFunc(maps.Keys(found), compareGrants), nil
}

func compareGrants(a, b access.Grant) int {
	return cmp.Or(strings.Compare(string(a.Role), string(b.Role)), strings.Compare(a.Tenant, b.Tenant))
}

// factors counts what the provider says that the person showed.
func (c claims) factors(o *config.OIDC) int64 {
	for _, v := range append(c.values("amr"), c.values("acr")...) {
		if slices.Contains(o.MFAValues, v) {
			return 2
		}
	}
	return 1
}

// shownName is how pages call the person.
func (c claims) shownName(id string) string {
	name := strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, c.text("name")))
	if runes := []rune(name); len(runes) > 50 {
		name = string(runes[:50])
	}
	return cmp.Or(name, id)
}

// wantedID is the name to sign in with that the claims suggest. An address that
// the provider has not verified suggests nothing.
func (c claims) wantedID(o *config.OIDC) string {
	email := ""
	if c.All["email_verified"] == true {
		email = c.text("email")
	}
	name := cmp.Or(c.text("preferred_username"), email, c.text("sub"))
	if o.NameClaim != "" {
		name = cmp.Or(c.text(o.NameClaim), c.text("sub"))
	}
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("._@-", r) {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	if name == "" || name[0] < 'a' || name[0] > 'z' {
		name = "p-" + name
	}
	return name[:min(len(name), 50)]
}

// personOf gives the person of an ID token: the one of its subject, or a new
// one under an id that is nobody's.
func (d *Door) personOf(ctx context.Context, c claims) (p store.Person, there bool, err error) {
	if p, there, err = d.opts.Store.PersonOf(ctx, c.Subject); err != nil || there {
		return p, there, err
	}
	id := c.wantedID(d.provider.conf)
	_, taken, err := d.opts.Store.Person(ctx, id)
	if err != nil {
		return p, false, err
	}
	if taken || !access.ValidID(id) {
		id += "-" + access.HashSecret(c.Subject)[:10]
	}
	return store.Person{ID: id, Subject: c.Subject}, false, nil
}
