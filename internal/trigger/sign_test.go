package trigger

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/secret"
)

func signed(id, at, signature string) http.Header {
	h := http.Header{}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, at)
	h.Set(HeaderSignature, signature)
	return h
}

// What openssl makes of the same key, id, time and body, as docs/triggers.md
// shows it.
func TestASignatureIsWhatOtherProgramsMake(t *testing.T) {
	t.Parallel()
	raw, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := Sign(secret.New(string(raw)), "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestOnlyWhatIsSignedNowIsTaken(t *testing.T) {
	t.Parallel()
	key, now, body := secret.New(strings.Repeat("k", 32)), time.Unix(1_700_000_000, 0), []byte(`{}`)
	at := strconv.FormatInt(now.Unix(), 10)
	good := Sign(key, "msg_1", now, body)
	for name, c := range map[string]struct {
		header http.Header
		off    time.Duration
		want   error
	}{
		"as it must be":             {signed("msg_1", at, good), 0, nil},
		"one of several":            {signed("msg_1", at, "v1,AAAA v1a,xyz "+good), 0, nil},
		"five minutes later":        {signed("msg_1", at, good), window, nil},
		"later":                     {signed("msg_1", at, good), window + time.Second, ErrStale},
		"earlier":                   {signed("msg_1", at, good), -window - time.Second, ErrStale},
		"old and wrong":             {signed("msg_1", at, "v1,AAAA"), time.Hour, ErrUnsigned},
		"another id":                {signed("msg_2", at, good), 0, ErrUnsigned},
		"an id that cannot be kept": {signed("msg 1", at, good), 0, ErrUnsigned},
		"a dot at the beginning":    {signed(".msg", at, good), 0, ErrUnsigned},
		"no time":                   {signed("msg_1", "", good), 0, ErrUnsigned},
		"no signature":              {signed("msg_1", at, ""), 0, ErrUnsigned},
		"the ninth":                 {signed("msg_1", at, strings.Repeat("v1,AAAA ", 8)+good), 0, ErrUnsigned},
	} {
		id, err := Verify(key, c.header, body, now.Add(c.off))
		if !errors.Is(err, c.want) || err == nil && id != "msg_1" {
			t.Errorf("%s: %s, %v", name, id, err)
		}
	}
}

func FuzzNothingUnsignedIsTaken(f *testing.F) {
	f.Add("msg_1", "1700000000", "v1,AAAA", []byte(`{}`))
	f.Add("", "", "", []byte(nil))
	key, now := secret.New(strings.Repeat("k", 32)), time.Unix(1_700_000_000, 0)
	f.Fuzz(func(t *testing.T, id, at, signature string, body []byte) {
		if _, err := Verify(key, signed(id, at, signature), body, now); err == nil {
			if seconds, e := strconv.ParseInt(at, 10, 64); e != nil || !strings.Contains(signature, Sign(key, id, time.Unix(seconds, 0), body)) {
				t.Errorf("%q %q %q is taken", id, at, signature)
			}
		}
	})
}
