package bulkdata

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
)

// An Attachment is the content that a resource refers to instead of holding it.
type Attachment struct {
	// URL is Attachment.url as the resource has it; a relative one is resolved
	// against the FHIR base.
	URL string
	// Access is the rule of the manifest that listed the resource's file.
	Access AccessRule
	// Accept are the media types wanted, as the header has them; empty means
	// any. A FHIR server answers a read of a Binary with the content itself,
	// unless a FHIR type is asked for.
	Accept string
}

// OpenAttachment requests an attachment and returns its body. The caller must
// close the body. An attachment may be of any content type, and nothing but
// what Content-Encoding announces is undone.
//
// The token goes along as for a file: only where Access asks for it, and only
// to an allowed origin. An attachment that would need it elsewhere is an
// [*OriginError], and nothing is requested.
func (c *Client) OpenAttachment(ctx context.Context, a Attachment, o OpenOptions) (*Body, error) {
	u, err := url.Parse(a.URL)
	if err != nil || a.URL == "" || strings.HasPrefix(a.URL, "#") {
		return nil, &ProtocolError{Op: OpAttachment, Status: http.StatusOK, Reason: FileURLInvalid}
	}
	target := a.URL
	if !u.IsAbs() {
		base := *c.base
		base.Path, base.RawPath = strings.TrimRight(base.Path, "/")+"/", ""
		target = base.ResolveReference(u).String()
	}
	return c.open(ctx, opening{op: OpAttachment, url: target, access: a.Access, accept: cmp.Or(a.Accept, "*/*")}, o)
}
