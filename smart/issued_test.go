package smart

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestATokenIsToldOfBeforeAnybodyGetsIt(t *testing.T) {
	var told []Issue
	var sent []string
	refuse := errors.New("the record cannot be written")
	s := newSource(t, func(r *http.Request) (*http.Response, error) {
		form, err := formOf(r)
		if err != nil {
			return nil, err
		}
		sent = append(sent, form.Get("client_assertion"))
		return reply(http.StatusOK, nil, `{"access_token":"tok","token_type":"bearer","expires_in":300,"scope":"system/Patient.rs"}`), nil
	}, func(c *Config) {
		c.Issued = func(_ context.Context, i Issue) error {
			if told = append(told, i); len(told) == 1 {
				return refuse
			}
			return nil
		}
	})
	if token, err := s.Token(t.Context()); !errors.Is(err, refuse) || token != nil {
		t.Fatalf("Token = %v, %v, want the watcher's error", token, err)
	}
	for range 2 { // the second from the cache
		if token, err := s.Token(t.Context()); err != nil || token.AccessToken != "tok" {
			t.Fatalf("Token = %v, %v", token, err)
		}
	}
	if len(told) != 2 || len(sent) != 2 || told[0].AssertionID == told[1].AssertionID || told[1].AssertionID != claimsOf(t, sent[1])["jti"] {
		t.Fatalf("told of %+v for %d requests", told, len(sent))
	}
	want := Issue{
		Endpoint: "https://auth.example/token", KeyID: testKeys()[ES384].ID(), Algorithm: ES384, AssertionID: told[1].AssertionID,
		Requested: []string{"system/Patient.rs"}, Granted: []string{"system/Patient.rs"}, Lifetime: 300e9,
	}
	if diff := cmp.Diff(want, told[1]); diff != "" {
		t.Errorf("issue (-want +got):\n%s", diff)
	}
}

func formOf(r *http.Request) (url.Values, error) {
	err := r.ParseForm()
	return r.PostForm, err
}
