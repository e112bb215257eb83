package door

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const (
	tokenDays   = 366            // bounds the life of a token
	bothTokens  = 24 * time.Hour // how long a token goes on beside its successor
	tokenBearer = "Bearer"
)

// tokenOf gives the token that a request brings; false for one that is not
// good, or no longer.
func (d *Door) tokenOf(ctx context.Context, header string) (t store.Token, ok bool, err error) {
	scheme, text, _ := strings.Cut(header, " ")
	id, hash, is := access.SplitToken(text)
	if !is || !strings.EqualFold(scheme, tokenBearer) {
		return t, false, nil
	}
	now := time.Now()
	t, ok, err = d.opts.Store.Token(ctx, id)
	if err != nil || !ok || !access.SameHash(t.Hash, hash) || !t.RevokedAt.IsZero() || !now.Before(t.ExpiresAt) {
		return store.Token{}, false, err
	}
	maker, made, err := d.opts.Store.Person(ctx, t.CreatedBy)
	if err != nil || made && !mayMakeTokens(maker) {
		return store.Token{}, false, err
	}
	if now.Sub(t.LastUsedAt) > time.Minute { // not a write for each request
		err = d.opts.Store.TokenUsed(ctx, id)
	}
	return t, err == nil, err
}

// mayMakeTokens reports whether the tokens of a person are good: a token ends
// with its maker's power to make it.
func mayMakeTokens(maker store.Person) bool {
	return maker.DisabledAt.IsZero() && maker.Actor().May(access.Administer, "")
}

func (d *Door) addToken(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimSpace(r.FormValue("name"))
	grants, err := grantsOf(r.FormValue("grants"))
	days, badDays := strconv.Atoi(r.FormValue("days"))
	switch {
	case err != nil:
	case slices.ContainsFunc(grants, func(g access.Grant) bool { return g.Role != access.Viewer && g.Role != access.Operator }):
		err = errors.New("a token is for a program: give it viewer or operator")
	case name == "" || len(name) > 100:
		err = errors.New("say what the token is for, in 100 characters at most")
	case badDays != nil || days < 1 || days > tokenDays:
		err = errors.New("a token lives 1 to 366 days")
	}
	if err != nil {
		return d.showPeople(w, r, http.StatusUnprocessableEntity, people{Wrong: page.Sentence(err)})
	}
	token, id, hash := access.NewToken()
	by := access.ActorOf(r.Context()).ID
	if err := d.opts.Store.AddToken(r.Context(), store.Token{
		ID: id, Name: name, Hash: hash, Grants: grants, CreatedBy: by, ExpiresAt: time.Now().AddDate(0, 0, days),
	}, accessChanged("token", id, grants)); err != nil {
		return err
	}
	d.opts.Log.Info("token made", "token", id, "by", by)
	return d.showPeople(w, r, http.StatusCreated, people{Token: token})
}

// rotateToken makes a token that may what an older one may, for as long as that
// was made for; the older one goes on for a day, so that the program can change
// over.
func (d *Door) rotateToken(w http.ResponseWriter, r *http.Request) error {
	old, there, err := d.opts.Store.Token(r.Context(), r.PathValue("token"))
	if err != nil || !there {
		return errors.Join(err, orNotFound(there))
	}
	token, id, hash := access.NewToken()
	now, by := time.Now(), access.ActorOf(r.Context()).ID
	next := store.Token{ID: id, Name: old.Name, Hash: hash, Grants: old.Grants, CreatedBy: by, ExpiresAt: now.Add(old.ExpiresAt.Sub(old.CreatedAt))}
	ev := accessChanged("token", id, old.Grants)
	ev.Facts["follows"] = old.ID
	done, err := d.opts.Store.RotateToken(r.Context(), old.ID, next, now.Add(bothTokens), ev)
	if err != nil {
		return err
	}
	if !done {
		return d.showPeople(w, r, http.StatusConflict, people{Wrong: "This token has ended: make a new one."})
	}
	d.opts.Log.Info("token rotated", "token", id, "follows", old.ID, "by", by)
	return d.showPeople(w, r, http.StatusCreated, people{Token: token, Follows: old.ID})
}

func (d *Door) revokeToken(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("token")
	done, err := d.opts.Store.RevokeToken(r.Context(), id, accessChanged("token", id, nil))
	if err != nil || !done {
		return errors.Join(err, orNotFound(done))
	}
	d.opts.Log.Info("token revoked", "token", id, "by", access.ActorOf(r.Context()).ID)
	http.Redirect(w, r, "/people", http.StatusSeeOther)
	return nil
}
