package bulkdata

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// speaks gives a client of a server that answers each request with a text, as
// it is.
func speaks(t *testing.T, text string) *Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
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
	c, err := New(Config{BaseURL: "http://" + l.Addr().String(), HTTPClient: &http.Client{Transport: &http.Transport{}}, Tolerances: Tolerances{LoopbackHTTP: true}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnAnswerThatIsNoHTTPIsNotRepeated(t *testing.T) {
	for name, text := range map[string]string{
		"a greeting":  "Mr Smith\r\n\r\n",
		"a status":    "HTTP/1.1 Smith Smith\r\n\r\n",
		"a header":    "HTTP/1.1 200 OK\r\nMr Smith\r\n\r\n",
		"a length":    "HTTP/1.1 200 OK\r\nContent-Length: Smith\r\n\r\n",
		"two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: Smith\r\n\r\n",
		"a coding":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: Smith\r\n\r\n",
		"a redirect":  "HTTP/1.1 307 Moved\r\nLocation: https://Smith:Smith%zz/ Smith\r\nContent-Length: 0\r\n\r\n",
		"a trailer":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Smith\r\n\r\n0\r\nMr Smith\r\n\r\n",
	} {
		c := speaks(t, text)
		for what, ask := range map[string]func(context.Context) error{
			"status": func(ctx context.Context) error { _, err := c.Status(ctx, c.base.String()+"/status"); return err },
			"file": func(ctx context.Context) error {
				body, err := c.Open(ctx, patientFile(c.base.String()+"/file", TokenForbidden), OpenOptions{})
				if err != nil {
					return err
				}
				_, err = io.Copy(io.Discard, body)
				return errors.Join(err, body.Close())
			},
		} {
			if err := ask(t.Context()); err == nil || strings.Contains(err.Error(), "Smith") {
				t.Errorf("%s of %s: %v", name, what, err)
			}
		}
	}
}

func TestHeadersAreToldByCommonNamesOnly(t *testing.T) {
	const unknown = "it is none that is known here"
	for media, want := range map[string]string{"text/html": "text/html", "application/smith": unknown, "Mr Smith": unknown} {
		if got := toldMedia(media); got != want {
			t.Errorf("%q is told as %q", media, got)
		}
	}
	for header, want := range map[string]string{"br": "br", "gzip, br": "gzip, br", "Smith": unknown, "gzip, Smith": unknown} {
		if got := toldCoding(header); got != want {
			t.Errorf("%q is told as %q", header, got)
		}
	}
}
