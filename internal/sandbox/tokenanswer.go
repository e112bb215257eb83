package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An oauthError is an error answer of a token endpoint.
// https://www.rfc-editor.org/rfc/rfc6749#section-5.2
type oauthError struct {
	status int
	code   string
	text   string
}

func (e *oauthError) Error() string { return e.code + ": " + e.text }

func invalidClient(format string, args ...any) error {
	return &oauthError{http.StatusUnauthorized, "invalid_client", fmt.Sprintf(format, args...)}
}

func (t *tokens) answer(w http.ResponseWriter, q *tokenRequest, bodyErr error) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	if q.k.Skew != 0 {
		w.Header().Set("Date", t.now(q).UTC().Format(http.TimeFormat))
	}
	if wait, over := t.overLimit(q); over {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	token, g, err := "", (*grant)(nil), bodyErr
	if err == nil {
		token, g, err = t.grant(q)
	} else {
		err = &oauthError{http.StatusBadRequest, "invalid_request", "the body cannot be read as a form"}
	}
	if err != nil {
		e, ok := errors.AsType[*oauthError](err)
		if !ok {
			e = &oauthError{http.StatusInternalServerError, "server_error", "the token could not be made"}
		}
		writeJSON(w, e.status, "application/json", map[string]string{"error": e.code, "error_description": e.text})
		return
	}
	writeJSON(w, http.StatusOK, "application/json", tokenAnswer(token, g, q.k.ExpiresIn))
}

// tokenAnswer is the body with a token; how its life is written is the knob's.
func tokenAnswer(token string, g *grant, expiresIn string) map[string]any {
	seconds := int(time.Until(g.expires).Round(time.Second) / time.Second)
	answer := map[string]any{
		"access_token": token, "token_type": "bearer", "expires_in": seconds, "scope": strings.Join(g.scopes, " "),
	}
	switch {
	case expiresIn == "":
	case expiresIn == "string":
		answer["expires_in"] = strconv.Itoa(seconds)
	case expiresIn == "missing":
		delete(answer, "expires_in")
	case json.Valid([]byte(expiresIn)):
		answer["expires_in"] = json.RawMessage(expiresIn)
	default:
		answer["expires_in"] = expiresIn
	}
	return answer
}

// now is the time on the token server's clock.
func (t *tokens) now(q *tokenRequest) time.Time { return time.Now().Add(q.k.Skew) }

// overLimit counts a request against the endpoint's limit, and reports how long
// to wait when it is used up.
func (t *tokens) overLimit(q *tokenRequest) (time.Duration, bool) {
	t.mu.Lock()
	l := t.limit[q.url]
	if l == nil {
		l = &limit{}
		t.limit[q.url] = l
	}
	t.mu.Unlock()
	now, window := time.Now(), t.s.clock.real(cmp.Or(q.k.LimitWindow, time.Minute))
	return now.Truncate(window).Add(window).Sub(now), !l.take(now, window, q.k.Limit)
}
