package bulkdata

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
)

// A limitError is the cause of a context that Limits ended.
type limitError string

const (
	errTimeout limitError = "no answer within the time limit"
	errStalled limitError = "the server sends nothing any more"
	errSlow    limitError = "the server sends hardly anything"
	errBeyond  limitError = "the body goes beyond a limit"
)

func (e limitError) Error() string   { return string(e) }
func (e limitError) Timeout() bool   { return true }
func (e limitError) Temporary() bool { return true }

// An exchange is one request of ours, which may take several on the wire.
type exchange struct {
	op        Operation
	method    string
	target    *url.URL
	header    http.Header
	body      []byte
	authorize bool                         // carry the access token
	redirects bool                         // follow redirects; GET only
	hop       func(from, to *url.URL) bool // of them, those that it permits; nil for all
	once      bool                         // the transport must not silently repeat it
}

// answerOf makes the exchange and reads up to limit bytes of the answer.
func (c *Client) answerOf(ctx context.Context, x exchange, limit int64) (*answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.limits.RequestTimeout, errTimeout)
	defer cancel()
	sent := time.Now()
	resp, err := c.do(ctx, x)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a := &answer{
		status: resp.StatusCode, header: resp.Header, url: resp.Request.URL, token: carriesToken(resp.Request), sent: sent, received: time.Now(),
	}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if int64(len(a.body)) > limit {
		a.body, a.cut = a.body[:limit], true
	}
	if err != nil {
		a.broken = endOf(ctx, err)
	}
	return a, nil
}

// do makes the exchange; when the token was refused it renews the token and
// repeats the exchange once. A second refusal is the caller's to judge.
func (c *Client) do(ctx context.Context, x exchange) (*http.Response, error) {
	if !x.authorize || c.tokens == nil {
		resp, _, err := c.follow(ctx, x, nil)
		return resp, err
	}
	token, err := c.token(ctx, x.op)
	if err != nil {
		return nil, err
	}
	resp, carried, err := c.follow(ctx, x, token)
	renewing, can := c.tokens.(invalidator)
	if err != nil || !carried || !can || !refusesToken(resp.StatusCode, token) {
		return resp, err
	}
	discard(resp)
	renewing.Invalidate(token)
	if token, err = c.token(ctx, x.op); err != nil {
		return nil, err
	}
	resp, _, err = c.follow(ctx, x, token)
	return resp, err
}

// carriesToken reports whether a request had the access token, and no hop after
// it dropped that.
func carriesToken(r *http.Request) bool { return r.Header.Get("Authorization") != "" }

// refusesToken reports whether a fresh token may help: always after 401; after
// 403 and 400, which some servers give for an expired token, only if the token
// has come within its margin, a tenth of its life and 10 seconds at least.
func refusesToken(status int, token *oauth2.Token) bool {
	switch status {
	case http.StatusUnauthorized:
		return true
	case http.StatusForbidden, http.StatusBadRequest:
		margin := max(10*time.Second, time.Duration(token.ExpiresIn)*time.Second/10)
		return !token.Expiry.IsZero() && time.Until(token.Expiry) < margin
	}
	return false
}

func (c *Client) token(ctx context.Context, op Operation) (*oauth2.Token, error) {
	token, err := c.tokens.Token(ctx)
	if err != nil {
		return nil, &NotSentError{Op: op, Err: fmt.Errorf("obtain token: %w", err)}
	}
	return token, nil
}

// follow sends the exchange and follows its redirects by hand. It reports
// whether the last request carried the token.
func (c *Client) follow(ctx context.Context, x exchange, token *oauth2.Token) (*http.Response, bool, error) {
	for hop := 0; ; hop++ {
		req, err := c.newRequest(ctx, x)
		if err != nil {
			return nil, false, fmt.Errorf("%s: %w", x.op, err)
		}
		if token != nil {
			token.SetAuthHeader(req)
		}
		resp, err := c.send(req, x.op)
		if err != nil {
			return nil, false, err
		}
		if !x.redirects || !isRedirect(resp.StatusCode) {
			return resp, token != nil, nil
		}
		discard(resp)
		if hop == c.limits.Redirects {
			return nil, false, &ProtocolError{Op: x.op, Status: resp.StatusCode, Reason: RedirectsTooMany}
		}
		next, err := c.redirectTarget(x, resp)
		if err != nil {
			return nil, false, err
		}
		if x.hop != nil && !x.hop(x.target, next) {
			return nil, false, &OriginError{Op: x.op, Origin: originOf(next), Why: "the configuration does not let redirects lead there", URL: next.String()}
		}
		if originOf(next) != originOf(x.target) {
			token = nil // I9: and it stays dropped, also if the chain comes back
		}
		x.target = next
	}
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

func (c *Client) redirectTarget(x exchange, resp *http.Response) (*url.URL, error) {
	location := resp.Header.Get("Location")
	next, err := x.target.Parse(location)
	if err != nil || location == "" {
		return nil, &ProtocolError{Op: x.op, Status: resp.StatusCode, Reason: RedirectInvalid}
	}
	if x.target.Scheme == "https" && next.Scheme != "https" {
		return nil, &ProtocolError{Op: x.op, Status: resp.StatusCode, Reason: RedirectDowngrade}
	}
	if err := checkURL(next, c.tolerances.LoopbackHTTP); err != nil {
		return nil, &ProtocolError{Op: x.op, Status: resp.StatusCode, Reason: RedirectInvalid, Detail: err.Error()}
	}
	return next, nil
}

func (c *Client) newRequest(ctx context.Context, x exchange) (*http.Request, error) {
	var body io.Reader
	if x.body != nil {
		body = bytes.NewReader(x.body)
	}
	req, err := http.NewRequestWithContext(ctx, x.method, "", body)
	if err != nil {
		return nil, errors.New("request is not valid")
	}
	target := *x.target
	target.Fragment, target.RawFragment = "", ""
	req.URL, req.Host = &target, target.Host
	req.Header = x.header.Clone()
	req.Header.Set("User-Agent", c.userAgent)
	if x.once {
		makeUnrepeatable(req)
	}
	c.addCookies(req)
	return req, nil
}

// makeUnrepeatable keeps http.Transport from sending the request again by
// itself after a kept-alive connection broke, which it does with a GET that has
// no body. A body that can be read only once forbids it; for a GET the
// transport finds the body empty and sends none.
func makeUnrepeatable(req *http.Request) {
	req.GetBody = nil
	if req.Body == nil {
		req.Body = io.NopCloser(eof{})
	}
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// send makes one request on the wire. Its error says whether the request can
// have reached the server: only an attempt that never got a connection, or one
// that the transport itself refused, proves that nothing was sent.
func (c *Client) send(req *http.Request, op Operation) (*http.Response, error) {
	ctx := req.Context()
	if ctx.Err() != nil {
		return nil, &NotSentError{Op: op, Err: endOf(ctx, ctx.Err())}
	}
	var wanted, connected atomic.Bool
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { wanted.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	resp, err := c.transport.RoundTrip(req)
	if err == nil {
		c.keepCookies(req.URL, resp)
		resp.Request = req
		return resp, nil
	}
	if errors.Is(err, ErrNotSent) || wanted.Load() && !connected.Load() {
		return nil, &NotSentError{Op: op, Err: endOf(ctx, err)}
	}
	return nil, &UnansweredError{Op: op, Err: endOf(ctx, err)}
}

// endOf says why ctx ended, where that explains err. It also takes URLs, whose
// queries may be credentials, and what is quoted of an answer out of err.
func endOf(ctx context.Context, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	ended, cause := ctx.Err(), context.Cause(ctx)
	_, ours := errors.AsType[limitError](cause)
	switch {
	case ended == nil && quotesAnswer(err):
		return garbledError{err}
	case ended == nil:
		return err
	case ours, errors.Is(cause, ended):
		return cause
	}
	return fmt.Errorf("%w: %w", ended, cause)
}

// discard ends a response that nobody will read, keeping the connection when
// little is left of it.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}

// checkStatusURL parses the URL of a status, or of a search's next page, and
// reports why the token may not go there.
func (c *Client) checkStatusURL(op Operation, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, &OriginError{Op: op, Why: "it is not a URL", URL: text}
	}
	if err := checkURL(u, c.tolerances.LoopbackHTTP); err != nil {
		return nil, &OriginError{Op: op, Origin: shownOrigin(u), Why: err.Error(), URL: text}
	}
	if !c.origins[originOf(u)] {
		return nil, &OriginError{Op: op, Origin: shownOrigin(u), Why: "the origin is not allowed for this FHIR base", URL: text}
	}
	return u, nil
}
