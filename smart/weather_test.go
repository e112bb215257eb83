package smart

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRetryAfterIsBelievedWithinADay(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "0": 0, "-5": 0, "abc": 0, "1767323045": 0, "86400": 24 * time.Hour, "86401": 0,
		"Fri, 02 Jan 2026 03:05:05 GMT": 90 * time.Second, "Fri, 02 Jan 2026 03:00:00 GMT": 0,
	} {
		h := http.Header{"Retry-After": {value}, "Date": {"Fri, 02 Jan 2026 03:03:35 GMT"}}
		if got := retryAfter(h, now); got != want {
			t.Errorf("Retry-After %q = %v, want %v", value, got, want)
		}
	}
}

func TestAnAnswerThatIsNoHTTPIsNotRepeated(t *testing.T) {
	for name, text := range map[string]string{
		"a greeting":       "Mr Smith\r\n\r\n",
		"a status":         "HTTP/1.1 Smith Smith\r\n\r\n",
		"a header":         "HTTP/1.1 200 OK\r\nMr Smith\r\n\r\n",
		"a length":         "HTTP/1.1 200 OK\r\nContent-Length: Smith\r\n\r\n",
		"a coding":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: Smith\r\n\r\n",
		"a redirect":       "HTTP/1.1 307 Moved\r\nLocation: https://Smith:Smith%zz/ Smith\r\nContent-Length: 0\r\n\r\n",
		"several lengths":  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: Smith\r\n\r\n",
		"a length of text": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nSmith",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = http.ReadRequest(bufio.NewReader(c))
				_, _ = io.WriteString(c, text)
				_ = c.Close()
			}
		}()
		_, err = Discover(t.Context(), nil, "http://"+l.Addr().String())
		if err == nil || strings.Contains(err.Error(), "Smith") {
			t.Errorf("%s: %v", name, err)
		}
		_ = l.Close()
	}
}
