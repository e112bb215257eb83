package trigger

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/secret"
)

// The headers of a signed message.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp" // seconds since 1970
	HeaderSignature = "Webhook-Signature" // v1, and base64; several with spaces between
)

// window is how far the time of a signature may be from ours.
const window = 5 * time.Minute

var (
	// ErrUnsigned says that a message is not signed with the secret.
	ErrUnsigned = errors.New("the message is not signed with the secret of this hook")
	// ErrStale says that a message is signed, too long ago or too far ahead.
	ErrStale = errors.New("the message was signed more than five minutes ago, or ahead; the two clocks may differ")
)

// Sign gives the signature of a message: HMAC-SHA-256 over its id, its time
// and its body, with dots between.
func Sign(key secret.String, id string, at time.Time, body []byte) string {
	return "v1," + base64.StdEncoding.EncodeToString(digest(key, id, strconv.FormatInt(at.Unix(), 10), body))
}

func digest(key secret.String, id, at string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	fmt.Fprintf(mac, "%s.%s.", id, at)
	mac.Write(body)
	return mac.Sum(nil)
}

// idShape is that of message ids; they are kept as references.
var idShape = regexp.MustCompile(`^[A-Za-z0-9_:=+@-][A-Za-z0-9_.:/=+@-]{0,127}$`)

// signaturesMost is how many signatures of one message are looked at.
const signaturesMost = 8

// Verify gives the id of a message that came with headers, if it is signed and
// of about now: otherwise ErrUnsigned or ErrStale.
func Verify(key secret.String, h http.Header, body []byte, now time.Time) (id string, err error) {
	id, at := h.Get(HeaderID), h.Get(HeaderTimestamp)
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || !idShape.MatchString(id) || len(at) > 20 {
		return "", ErrUnsigned
	}
	want, signed := digest(key, id, at, body), false
	for i, text := range strings.Fields(h.Get(HeaderSignature)) {
		coded, ok := strings.CutPrefix(text, "v1,")
		got, err := base64.StdEncoding.DecodeString(coded)
		if ok && err == nil && i < signaturesMost && hmac.Equal(got, want) {
			signed = true
		}
	}
	if !signed {
		return "", ErrUnsigned
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > window || off < -window {
		return "", ErrStale
	}
	return id, nil
}
