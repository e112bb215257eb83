package smart

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
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

// withoutURL takes the URL, whose query may be secret, out of a client's error.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
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
