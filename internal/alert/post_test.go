package alert

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

var sample = store.Notice{Route: "desk", Kind: "failed", Severity: config.SeverityWarning, Subject: "[bulkhead] warning: lakeside: the last export failed", Body: "lakeside: no space\n  to do: Free some."}

// A hook is an HTTP service on this machine that remembers what it got.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	answer int
	path   string
	header http.Header
	body   string
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{answer: http.StatusOK}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		b, _ := io.ReadAll(r.Body)
		h.path, h.header, h.body = r.URL.RequestURI(), r.Header, string(b)
		w.WriteHeader(h.answer)
		io.WriteString(w, `{"id":1}`)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) host() string { return strings.TrimPrefix(h.URL, "http://") }

// post sends the sample to an address that stands in the environment.
func post(t *testing.T, address string) error {
	t.Helper()
	t.Setenv("DESK", address)
	return Post(t.Context(), config.AlertRoute{Name: "desk", URLEnv: "DESK"}, sample)
}

func TestEachServiceGetsSubjectAndTextInItsOwnForm(t *testing.T) {
	h := newHook(t)
	cases := []struct {
		name, address, path string
		want                []string // of the body or the headers
	}{
		{"webhook", "generic://" + h.host() + "/hook/canary?disabletls=yes&template=json", "/hook/canary", []string{`"title":"[bulkhead] warning`, `"message":"lakeside: no space\n`}},
		{"webhook of a URL", "generic+http://" + h.host() + "/hook/canary?key=canary", "/hook/canary?key=canary", []string{"lakeside: no space\n"}},
		{"ntfy", "ntfy://" + h.host() + "/topic?scheme=http", "/topic", []string{"Title: [bulkhead] warning", "lakeside: no space\n"}},
		{"gotify", "gotify://" + h.host() + "/AAAAAAAAAAAAAAA?disabletls=yes", "/message?token=AAAAAAAAAAAAAAA", []string{`"title": "[bulkhead] warning`, `lakeside: no space\n`}},
		{"mattermost", "mattermost://bulkhead@" + h.host() + "/canary?disabletls=yes", "/hooks/canary", []string{`[bulkhead] warning`, `lakeside: no space\n`}},
	}
	for _, c := range cases {
		if err := post(t, c.address); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var seen strings.Builder
		seen.WriteString(h.body)
		for name, values := range h.header {
			seen.WriteString("\n" + name + ": " + strings.Join(values, ","))
		}
		for _, want := range c.want {
			if !strings.Contains(seen.String(), want) {
				t.Errorf("%s: no %q in %s", c.name, want, seen.String())
			}
		}
		if h.path != c.path {
			t.Errorf("%s: asked for %s", c.name, h.path)
		}
		if c.name == "webhook" && !json.Valid([]byte(h.body)) {
			t.Errorf("%s: the body is no JSON", c.name)
		}
	}
}

func TestMailCarriesSubjectAndText(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	got := make(chan string, 1)
	go func() { got <- takeMail(listener) }()
	if err := post(t, fmt.Sprintf("smtp://%s/?from=bulkhead@example.org&to=ada@example.org&encryption=None&usestarttls=no&auth=None", listener.Addr())); err != nil {
		t.Fatal(err)
	}
	mail := <-got
	for _, want := range []string{"RCPT TO:<ada@example.org>", "Subject: [bulkhead] warning: lakeside", "lakeside: no space"} {
		if !strings.Contains(mail, want) {
			t.Errorf("no %q in the mail: %s", want, mail)
		}
	}
}

// takeMail plays a mail server for one message and gives all that it was told.
func takeMail(listener net.Listener) string {
	conn, err := listener.Accept()
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	r, said := textproto.NewReader(bufio.NewReader(conn)), strings.Builder{}
	answer := func(text string) { fmt.Fprintf(conn, "%s\r\n", text) }
	answer("220 mail.example.org")
	for {
		line, err := r.ReadLine()
		if err != nil {
			return said.String()
		}
		fmt.Fprintln(&said, line)
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "DATA":
			answer("354 go on")
			text, _ := r.ReadDotLines()
			said.WriteString(strings.Join(text, "\n"))
			answer("250 taken")
		case "QUIT":
			answer("221 bye")
			return said.String()
		default:
			answer("250 ok")
		}
	}
}

func TestServicesThatHaveNoHostOfTheirOwnAreKnown(t *testing.T) {
	for _, address := range []string{
		"slack://hook:AAAAAAAAA-BBBBBBBBB-123456789123456789123456@webhook",
		"pagerduty://events.pagerduty.com/0123456789abcdef0123456789abcdef",
		"opsgenie://api.opsgenie.com/canary",
		"teams://11111111-4444-4444-8444-cccccccccccc@22222222-4444-4444-8444-cccccccccccc/33333333012222222222333333333344/44444444-4444-4444-8444-cccccccccccc/V2ESyij?host=example.webhook.office.com",
		"discord://token@1", "telegram://110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw@telegram?channels=@c",
	} {
		if err := known(address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestWhyAMessageDidNotLeaveIsSaidWithoutTheAddress(t *testing.T) {
	t.Attr("fault", "network: the service that takes alerts is down, gone, slow to resolve or refuses -> the reason in our words, without its address")
	h := newHook(t)
	h.answer = http.StatusNotFound
	closed := newHook(t)
	closed.Close()
	cases := []struct{ address, want string }{
		{"generic+http://" + h.host() + "/canary", "the service answered 404"},
		{"generic+http://" + closed.host() + "/canary", "nothing listens at the service's address"},
		{"generic+http://canary.invalid/canary", "the name of the service does not resolve"},
		{"nonsense://canary", "its address is none that shoutrrr knows"},
		{"", "its address cannot be read"},
		{"://canary", "its address is none that shoutrrr knows"},
	}
	for _, c := range cases {
		if err := post(t, c.address); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.address, err, c.want)
		}
	}
}

func TestAReasonNamesAStatusOnlyWhereThereIsOne(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"dial tcp 10.1.2.3:443: connect: no route to host":        "the service cannot be reached",
		"dial tcp 10.1.2.3:443: connect: network is unreachable":  "the service cannot be reached",
		"read tcp 10.1.2.3:51512->10.1.2.4:443: connection reset": "the service cannot be reached",
		"write tcp 10.1.2.3:443: something new":                   "the service did not take it",
		"unexpected response: 503 Service Unavailable":            "the service answered 503",
		"HTTP 404":                           "the service answered 404",
		"server response: 401: unauthorized": "the service refused our credentials",
	} {
		if got := reason(errors.New(text)); got.Error() != want {
			t.Errorf("%s: %v, want %s", text, got, want)
		}
	}
}
