package smart

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTokenAnswersThatAreNone(t *testing.T) {
	t.Attr("shows", "BS-085 BS-086 BS-094 BS-097 BS-098")
	for name, c := range map[string]struct {
		status int
		header map[string]string
		body   string
		want   TokenError
		weak   bool
	}{
		"invalid scope":   {400, nil, `{"error":"invalid_scope","error_description":"no"}`, TokenError{Status: 400, Code: "invalid_scope", Description: "no"}, false},
		"eCW grant":       {400, nil, `{"error":"invalid_grant"}`, TokenError{Status: 400, Code: "invalid_grant"}, false},
		"denied with 500": {500, nil, `{"error":"access_denied"}`, TokenError{Status: 500, Code: "access_denied"}, false},
		"server error":    {500, nil, `{"error":"server_error"}`, TokenError{Status: 500, Code: "server_error"}, true},
		"error at 200":    {200, nil, `{"error":"invalid_client","error_uri":"https://h/e"}`, TokenError{Status: 200, Code: "invalid_client", URI: "https://h/e"}, false},
		"slow down":       {429, map[string]string{"Retry-After": "7"}, "", TokenError{Status: 429, RetryAfter: 7 * time.Second}, true},
		"request timeout": {408, nil, "", TokenError{Status: 408}, true},
		"HTML":            {502, nil, "<html>", TokenError{Status: 502}, true},
		"HTML at 200":     {200, nil, "<html>", TokenError{Status: 200}, false},
		"no token":        {200, nil, `{"token_type":"bearer"}`, TokenError{Status: 200}, false},
		"other type":      {200, nil, `{"access_token":"x","token_type":"DPoP"}`, TokenError{Status: 200}, false},
		"header break":    {200, nil, `{"access_token":"x\r\ny"}`, TokenError{Status: 200}, false},
		"twice":           {200, nil, `{"access_token":"x","access_token":"y"}`, TokenError{Status: 200}, false},
		"odd lifetime":    {200, nil, `{"access_token":"x","expires_in":"soon"}`, TokenError{Status: 200}, false},
		"endless":         {200, nil, `{"access_token":"` + strings.Repeat("x", maxTokenAnswer) + `"}`, TokenError{Status: 200}, false},
		"redirect":        {307, map[string]string{"Location": "https://evil.example/"}, "", TokenError{Status: 307}, false},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			s := newSource(t, func(*http.Request) (*http.Response, error) {
				asked++
				return reply(c.status, c.header, c.body), nil
			}, nil)
			_, err := s.Token(t.Context())
			e, ok := errors.AsType[*TokenError](err)
			if !ok {
				t.Fatalf("Token = %v", err)
			}
			got := TokenError{Status: e.Status, Code: e.Code, Description: e.Description, URI: e.URI, RetryAfter: e.RetryAfter}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if e.Temporary() != c.weak || asked != 1 {
				t.Errorf("Temporary = %v after %d requests: %v", e.Temporary(), asked, err)
			}
			if (e.Causes() == nil) != c.weak {
				t.Errorf("Causes = %v", e.Causes())
			}
		})
	}
}

func TestAnErrorNamesAClockThatIsOff(t *testing.T) {
	t.Attr("shows", "BS-057 A7")
	s := newSource(t, func(*http.Request) (*http.Response, error) {
		date := time.Now().Add(10 * time.Minute).UTC().Format(http.TimeFormat)
		return reply(401, map[string]string{"Date": date}, `{"error":"invalid_client"}`), nil
	}, nil)
	_, err := s.Token(t.Context())
	e, ok := errors.AsType[*TokenError](err)
	if !ok || e.ClockOffset < 9*time.Minute || !strings.Contains(err.Error(), "clock differs") || e.Causes()[0].Kind != CauseClock {
		t.Errorf("Token = %v", err)
	}
}

func TestNoErrorRepeatsTheAssertion(t *testing.T) {
	t.Attr("shows", "BS-066")
	s := newSource(t, func(r *http.Request) (*http.Response, error) {
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		signed := r.PostForm.Get("client_assertion")
		return reply(400, nil, `{"error":"invalid_request","error_description":"bad `+signed+` and eyJhbGciOi.x\u0000\u001b[31m","error_uri":"https://h/`+signed+`"}`), nil
	}, nil)
	_, err := s.Token(t.Context())
	if err == nil || strings.Contains(err.Error(), "eyJ") || strings.ContainsAny(err.Error(), "\x00\x1b") {
		t.Errorf("Token = %q", err)
	}
}

func TestABrokenNetworkIsWeather(t *testing.T) {
	for name, rt := range map[string]transport{
		"dial": func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("refused")}
		},
		"silence": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
		"half an answer": func(*http.Request) (*http.Response, error) {
			resp := reply(200, nil, "")
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"access_tok`), brokenReader{}))
			return resp, nil
		},
		"a limiter": func(*http.Request) (*http.Response, error) { return nil, errors.New("no room in this minute") },
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			_, err := newSource(t, rt, nil).Token(t.Context())
			if e, ok := errors.AsType[*TokenError](err); !ok || !e.Temporary() || e.Status != 0 {
				t.Errorf("Token = %v", err)
			}
		}))
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestAServerWithoutTLSIsNoWeatherAndIsAskedAgain(t *testing.T) {
	t.Attr("shows", "BS-001")
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("an assertion went over plain http")
	}))
	srv.Config.ErrorLog = silent
	srv.Start()
	defer srv.Close()
	s := newSource(t, nil, func(c *Config) {
		c.TokenURL, c.HTTPClient = strings.Replace(srv.URL, "http", "https", 1), nil
	})
	for range 2 {
		_, err := s.Token(t.Context())
		if e, ok := errors.AsType[*TokenError](err); !ok || e.Temporary() || e.Held {
			t.Errorf("Token = %v", err)
		}
	}
}
