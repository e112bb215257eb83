package keyring

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// Handler publishes the public keys of every registration under
// config.JWKS.Path, to anyone: that is what servers need. sources are the
// registrations' keys by name. Answers hold public members only, may be kept
// for the registration's JWKSMaxAge, and follow a rotation at once. The folder
// is read for every answer, and parsed keys are kept, so an answer takes
// milliseconds.
func Handler(sources map[string]*Source) http.Handler {
	mux := http.NewServeMux()
	for name, source := range sources {
		mux.Handle("GET "+config.JWKS{}.Path(name), source.handler()) // HEAD too
	}
	return mux
}

func (s *Source) handler() http.Handler {
	age := fmt.Sprintf("public, max-age=%d", int64(s.registration.JWKSMaxAge.Std()/time.Second))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		set, err := s.JWKS(false)
		if err != nil {
			// Why is nobody's business but the operator's: keys list tells it.
			w.Header().Set("Retry-After", "60")
			http.Error(w, "the keys cannot be read", http.StatusServiceUnavailable)
			return
		}
		sum := sha256.Sum256(set)
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", age)
		h.Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
		h.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(set))
	})
}
