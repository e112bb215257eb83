package smart

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// longestWait is the longest Retry-After that is believed.
const longestWait = 24 * time.Hour

// errSigning says that no assertion could be made.
var errSigning = errors.New("the key cannot sign")

// isWeather reports whether a failure may pass by itself: a status that says
// so, or no answer at all. A certificate that does not verify does not pass,
// nor a server without TLS, nor what we refuse ourselves.
func isWeather(status int, err error) bool {
	if status != 0 {
		return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
	}
	_, cert := errors.AsType[*tls.CertificateVerificationError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	return err != nil && !cert && !plain && !errors.Is(err, context.Canceled) &&
		!errors.Is(err, errHop) && !errors.Is(err, errSigning)
}

// withoutURL takes the URL, whose query may be secret, out of a client's error,
// and what the error quotes of an answer.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if quotesAnswer(err) {
		return garbledError{err}
	}
	return err
}

// A garbledError is an answer that is no HTTP. It does not repeat the answer,
// as the errors of net/http do.
type garbledError struct{ err error }

// Error says no more than that.
func (e garbledError) Error() string { return "the answer is not valid HTTP" }

// Unwrap returns the cause.
func (e garbledError) Unwrap() error { return e.err }

// quotesAnswer reports whether an error of net/http may repeat what it could
// not read.
func quotesAnswer(err error) bool {
	_, network := errors.AsType[net.Error](err)
	if network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	_, header := errors.AsType[textproto.ProtocolError](err)
	text := err.Error()
	return header || strings.Contains(text, "connection broken") || strings.Contains(text, "malformed") ||
		strings.Contains(text, "Location header") || strings.Contains(text, "GOAWAY")
}

// retryAfter reads both forms; 0 stands for none and for nonsense.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now.Add(clockOffset(h, now)))
	}
	if wait < 0 || wait > longestWait {
		return 0
	}
	return wait
}

// clockOffset is how far the server's clock is ahead of ours, 0 when unknown.
func clockOffset(h http.Header, now time.Time) time.Duration {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return at.Sub(now).Round(time.Second)
}

// plainText cuts text at limit runes and replaces what is not printable.
func plainText(text string, limit int) string {
	if len(text) > 4*limit {
		text = text[:4*limit]
	}
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text))
	if utf8.RuneCountInString(text) > limit {
		text = string([]rune(text)[:limit]) + "..."
	}
	return text
}

// privateTransport has Go's defaults: TLS 1.2 or later, certificates verified.
func privateTransport() http.RoundTripper {
	if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		return standard.Clone()
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
}
