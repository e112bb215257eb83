package atresttest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	signing   = "AWS4-HMAC-SHA256"
	stamp     = "20060102T150405Z"
	mostDrift = 5 * time.Minute
)

// signed reports whether a request is signed by the credentials of the test, for
// KMS, now. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
func signed(r *http.Request, body []byte) bool {
	given := authorization(r)
	at, err := time.Parse(stamp, r.Header.Get("X-Amz-Date"))
	drift := time.Since(at).Abs()
	return err == nil && drift < mostDrift && given["Signature"] != "" && hmac.Equal([]byte(given["Signature"]), []byte(signatureOf(r, body)))
}

// authorization gives the parts of a request's signature by their names.
func authorization(r *http.Request) map[string]string {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), signing+" ")
	if !ok {
		return nil
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[name] = value
	}
	return parts
}

// signatureOf gives the signature that a request should have; empty for one that
// is not signed, or leaves out what must be signed.
func signatureOf(r *http.Request, body []byte) string {
	given := authorization(r)
	names := strings.Split(given["SignedHeaders"], ";")
	for _, needed := range []string{"host", "x-amz-date", "x-amz-target"} {
		if !slices.Contains(names, needed) {
			return ""
		}
	}
	date := r.Header.Get("X-Amz-Date")
	if len(date) != len(stamp) {
		return ""
	}
	day := date[:8]
	scope := strings.Join([]string{day, AWSRegion, "kms", "aws4_request"}, "/")
	if given["Credential"] != AWSKeyID+"/"+scope {
		return "of somebody else"
	}
	var headers strings.Builder
	for _, name := range names {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = r.Header.Get("Content-Length")
		}
		headers.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	canonical := strings.Join([]string{r.Method, r.URL.EscapedPath(), r.URL.Query().Encode(), headers.String(), strings.Join(names, ";"), digest(body)}, "\n")
	text := strings.Join([]string{signing, date, scope, digest([]byte(canonical))}, "\n")
	key := []byte("AWS4" + AWSSecret)
	for _, part := range []string{day, AWSRegion, "kms", "aws4_request"} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, text))
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
