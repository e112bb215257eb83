package attachment

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A verdict is what is known about a document, and why.
type verdict struct {
	outcome Outcome
	reason  string
}

// judge says what becomes of a document by what its resource says of it. open
// is true when its content has to be looked at.
func (r Rules) judge(f *Found) (v verdict, open bool) {
	media := mediaType(f.ContentType)
	switch {
	case !r.Permitted:
		return verdict{NotPermitted, "the agreement does not permit attachments"}, false
	case !f.Inline && f.URL == "":
		return verdict{Absent, "the resource gives neither content nor address"}, false
	case !isGeneric(media) && !r.allows(media):
		return verdict{TypeNotAllowed, "its type is not among content_types"}, false
	case f.Inline && !r.allows(media):
		return verdict{TypeNotAllowed, "its type is not known"}, false
	case f.Size > r.MaxBytes:
		return verdict{TooLarge, fmt.Sprintf("it has %d bytes, more than max_bytes", f.Size)}, false
	}
	return verdict{}, true
}

// identity names a document by where it is and what it must be, so that
// several resources that point to it name it alike. Where its hash is declared
// a query adds nothing but a signature, which differs from export to export.
func (o *Options) identity(url, sha1 string) string {
	if sha1 != "" {
		url, _, _ = strings.Cut(url, "?")
	}
	sum := sha256.Sum256([]byte(o.below(url) + "\x00" + sha1))
	return hex.EncodeToString(sum[:])
}

// below gives a URL below the FHIR base as the relative one.
func (o *Options) below(url string) string {
	if rest, ok := strings.CutPrefix(url, o.Base+"/"); ok && o.Base != "" {
		return rest
	}
	return url
}

// known looks up what became of a document that was fetched before: by this
// export, or by an earlier one when nothing says that it has changed since.
func (o *Options) known(row store.Fetched, x *resource, f *Found) bool {
	if row.Export == o.Lease.Export {
		return true
	}
	if Outcome(row.Outcome) != Stored || !o.Rules.allows(row.ContentType) || row.Size > o.Rules.MaxBytes {
		return false
	}
	if f.SHA1 != "" {
		return f.SHA1 == row.SHA1
	}
	return !x.lastUpdated.IsZero() && !x.lastUpdated.After(row.AsOf)
}
