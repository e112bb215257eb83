package smart

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/oauth2"
)

const (
	maxTokenAnswer  = 1 << 20
	defaultExpiry   = 5 * time.Minute // where a server does not say
	longestExpiry   = 24 * time.Hour
	assertionType   = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	maxDescription  = 300
	maxErrorCodeLen = 60
)

// errBroken says that an answer ended early.
var errBroken = errors.New("the answer ended early")

// An answer is a token with what is needed to know its end.
type answer struct {
	token    *oauth2.Token
	lifetime time.Duration // 0 for a token that serves one request
	sent     time.Time
	issue    Issue
}

// An Issue says for what a server issued a token. It holds no secret: an
// assertion's jti serves once, and has.
type Issue struct {
	Endpoint    string    // the token endpoint's scheme, host and path
	KeyID       string    // of the key that signed the assertion
	Algorithm   Algorithm // by which it signed
	AssertionID string    // the assertion's jti
	Requested   []string  // scopes
	Granted     []string  // scopes; nil when the server did not say
	Lifetime    time.Duration
}

// request makes one token request.
func (s *TokenSource) request(ctx context.Context, to *server, key *Key) (*answer, *TokenError) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	failed := &TokenError{
		Endpoint: place(to.endpoint), ClientID: s.cfg.ClientID, KeyID: key.id,
		Algorithm: key.algorithm, Scopes: slices.Clone(to.scopes), JWKSURL: s.cfg.JWKSURL,
	}
	sent := time.Now()
	signed, id, err := s.assertion(to.tokenURL, key, sent)
	if err != nil {
		failed.Err = err
		return nil, failed
	}
	resp, err := s.post(ctx, to, signed)
	if err != nil {
		failed.Err = withoutURL(err)
		return nil, failed
	}
	defer resp.Body.Close()
	received := time.Now()
	failed.Status = resp.StatusCode
	failed.RetryAfter = retryAfter(resp.Header, received)
	failed.ClockOffset = clockOffset(resp.Header, received)
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenAnswer+1))
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		failed.Err = errors.New("the token endpoint redirects, which is not followed")
	case resp.StatusCode != http.StatusOK:
		failed.read(text, signed)
		if failed.Code == "" {
			failed.Excerpt = plainText(withoutSecrets(string(text[:min(len(text), 4*maxDescription)]), signed), maxDescription)
		}
	case err != nil:
		failed.Status, failed.Err = 0, errBroken
	case len(text) > maxTokenAnswer:
		failed.Err = errors.New("the answer is too large")
	default:
		token, lifetime, err := parseAnswer(text)
		if err == nil {
			granted, _ := GrantedScopes(token)
			return &answer{token: token, lifetime: lifetime, sent: sent, issue: Issue{
				Endpoint: failed.Endpoint, KeyID: key.id, Algorithm: key.algorithm, AssertionID: id,
				Requested: failed.Scopes, Granted: granted, Lifetime: lifetime,
			}}, nil
		}
		failed.Err = err
		failed.read(text, signed) // some servers report an error with 200
	}
	return nil, failed
}

// post sends the form with the transport itself, so that no redirect is
// followed and no cookie is kept.
func (s *TokenSource) post(ctx context.Context, to *server, signed string) (*http.Response, error) {
	form := url.Values{
		"grant_type":            {grantClientPrincipal},
		"client_assertion_type": {assertionType},
		"client_assertion":      {signed},
		"scope":                 {strings.Join(to.scopes, " ")},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.tokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	return s.transport.RoundTrip(req)
}

type tokenAnswer struct {
	AccessToken string         `json:"access_token"`
	TokenType   string         `json:"token_type"`
	ExpiresIn   jsontext.Value `json:"expires_in"`
	Scope       *string        `json:"scope"`
}

// parseAnswer reads a success. Members that nobody asked for, a refresh token
// among them, are not kept. Errors hold nothing of the text.
func parseAnswer(text []byte) (*oauth2.Token, time.Duration, error) {
	var a tokenAnswer
	if json.Unmarshal(text, &a) != nil {
		return nil, 0, errors.New("the answer is not a valid token answer")
	}
	switch {
	case a.AccessToken == "":
		return nil, 0, errors.New("the answer has no access_token")
	case strings.ContainsFunc(a.AccessToken, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, 0, errors.New("the access_token cannot be sent in a header")
	case a.TokenType != "" && !strings.EqualFold(a.TokenType, "bearer"):
		return nil, 0, errors.New("the token_type is not bearer")
	}
	lifetime, err := parseLifetime(a.ExpiresIn)
	if err != nil {
		return nil, 0, err
	}
	token := &oauth2.Token{AccessToken: a.AccessToken, TokenType: "Bearer", ExpiresIn: int64(lifetime / time.Second)}
	if a.Scope != nil {
		token = token.WithExtra(map[string]any{"scope": *a.Scope})
	}
	return token, lifetime, nil
}

// parseLifetime reads a number of seconds that may be written as a text. None
// means 300; zero and less mean that the token serves one request.
func parseLifetime(value jsontext.Value) (time.Duration, error) {
	if len(value) == 0 || value.Kind() == 'n' {
		return defaultExpiry, nil
	}
	text := strings.TrimSpace(strings.Trim(string(value), `"`))
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || seconds != seconds {
		return 0, errors.New("expires_in is not a number")
	}
	seconds = min(max(seconds, 0), longestExpiry.Seconds())
	return time.Duration(seconds) * time.Second, nil
}
