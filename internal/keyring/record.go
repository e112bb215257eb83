package keyring

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bulkhead-fhir/bulkhead/smart"
)

// Registered says how a vendor knows the public keys.
type Registered string

// The ways.
const (
	ByURL    Registered = "url"    // the vendor fetches them from a URL of ours
	Directly Registered = "direct" // the vendor keeps a copy that a person gave it
)

// A record is what the file of one key says when it is made. It is never
// changed; what happens to the key later is in files of its own.
type record struct {
	KeyID      string          `json:"kid"`
	Algorithm  smart.Algorithm `json:"algorithm"`
	File       string          `json:"file"` // that holds the private key
	Registered Registered      `json:"registered"`
	// MaxAge is how long a copy of the published set may be kept, in seconds.
	MaxAge  int64     `json:"max_age"`
	Created time.Time `json:"created"`

	publication
}

// A publication says since when a key is published and from when it signs. It
// is zero for a key that waits for a confirmation.
type publication struct {
	Published time.Time `json:"published,omitzero"`
	Activated time.Time `json:"activated,omitzero"`
}

// A disabling says that a key must not sign any more.
type disabling struct {
	Disabled time.Time `json:"disabled"`
}

var (
	keyFile    = regexp.MustCompile(`^key-[A-Z2-7]{26}\.jwk$`)
	recordFile = regexp.MustCompile(`^(\d{4})(\.confirmed|\.disabled)?\.json$`)
)

// strict refuses members that it does not know, so that a newer bulkhead's
// records are not misread.
var strict = json.JoinOptions(json.RejectUnknownMembers(true), jsontext.Multiline(false))

func parseRecord(text []byte) (record, error) {
	var r record
	if err := json.Unmarshal(text, &r, strict); err != nil {
		return record{}, errors.New("it is not a key's record")
	}
	switch {
	case r.KeyID == "":
		return record{}, errors.New("it names no key")
	case r.Algorithm != smart.RS384 && r.Algorithm != smart.ES384:
		return record{}, errors.New("its algorithm is neither RS384 nor ES384")
	case !keyFile.MatchString(r.File):
		return record{}, errors.New("its file is not that of a key")
	case r.Registered != ByURL && r.Registered != Directly:
		return record{}, errors.New("its registration is neither url nor direct")
	case r.MaxAge < 0 || r.MaxAge > int64(longestAge/time.Second):
		return record{}, errors.New("its max_age is not within a year")
	case r.Created.IsZero():
		return record{}, errors.New("it has no time")
	}
	return r, r.check()
}

func (p publication) check() error {
	if p.Published.IsZero() != p.Activated.IsZero() || p.Activated.Before(p.Published) {
		return errors.New("its times contradict each other")
	}
	return nil
}

func parsePublication(text []byte) (publication, error) {
	var p publication
	if json.Unmarshal(text, &p, strict) != nil || p.Published.IsZero() {
		return publication{}, errors.New("it is not a confirmation")
	}
	return p, p.check()
}

func parseDisabling(text []byte) (disabling, error) {
	var d disabling
	if json.Unmarshal(text, &d, strict) != nil || d.Disabled.IsZero() {
		return disabling{}, errors.New("it does not say since when the key is disabled")
	}
	return d, nil
}

func numbered(n int, ending string) string { return fmt.Sprintf("%04d%s.json", n, ending) }
