package bulkdata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// OpenOptions ask for the rest of a file.
type OpenOptions struct {
	// Offset is the number of bytes already held; 0 asks for the whole file.
	Offset int64
	// IfRange is the strong ETag that the held bytes came with; required with
	// an Offset, so that parts of two different files are never joined.
	IfRange string
}

// Open requests f and returns its body once the answer is known to be a file.
// The caller must close the body.
//
// The token goes along only where f.Access asks for it, only to the origin of
// the FHIR base or an allowed one, and never across a redirect to another
// origin; a file that would need it elsewhere is an [*OriginError].
//
// A rest (Offset) is asked for without compression. A server that cannot give
// it sends the whole file: see [Body.Offset].
func (c *Client) Open(ctx context.Context, f File, o OpenOptions) (*Body, error) {
	if f.Modified {
		return nil, &ProtocolError{Op: OpFile, Status: http.StatusOK, Reason: ModifierExtension}
	}
	return c.open(ctx, opening{
		op: OpFile, url: f.URL, access: f.Access, accept: cmp.Or(c.tolerances.FileAccept, ndjsonType),
		lines: true, outcomes: f.Section != OutputSection && f.Section != DeletedSection || f.Type == "OperationOutcome",
	}, o)
}

// An opening is what Open and OpenAttachment have in common.
type opening struct {
	op       Operation
	url      string
	access   AccessRule
	accept   string
	lines    bool // the body must be NDJSON
	outcomes bool // and may be nothing but OperationOutcomes
}

func (c *Client) open(ctx context.Context, w opening, o OpenOptions) (*Body, error) {
	target, authorize, err := c.fileTarget(w)
	if err != nil {
		return nil, err
	}
	header, err := fileHeader(w, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.op, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	watch := time.AfterFunc(c.limits.RequestTimeout, func() { cancel(errTimeout) })
	resp, err := c.do(ctx, exchange{ //nolint:bodyclose // Body.Close closes it
		op: w.op, method: http.MethodGet, target: target, header: header,
		authorize: authorize, redirects: true, hop: c.redirect,
	})
	watch.Stop()
	if err != nil {
		cancel(nil)
		return nil, err
	}
	b := &Body{cancel: cancel, ctx: ctx, limits: c.limits, opening: w}
	b.wire = &wireReader{
		from: resp.Body, limits: c.limits,
		watch: time.AfterFunc(c.limits.StallTimeout, func() { cancel(errStalled) }),
	}
	b.wire.watch.Stop()
	if err := b.start(o, resp); err != nil {
		_ = b.Close()
		return nil, err
	}
	return b, nil
}

// fileTarget says where the file is and whether the token goes there.
func (c *Client) fileTarget(w opening) (*url.URL, bool, error) {
	u, err := url.Parse(w.url)
	if err != nil || !u.IsAbs() {
		return nil, false, &ProtocolError{Op: w.op, Status: http.StatusOK, Reason: FileURLInvalid}
	}
	if err := checkURL(u, c.tolerances.LoopbackHTTP); err != nil {
		return nil, false, &OriginError{Op: w.op, Origin: shownOrigin(u), Why: err.Error(), URL: w.url}
	}
	switch w.access { // I9
	case TokenForbidden:
		return u, false, nil
	case TokenUnstated:
		return u, originOf(u) == originOf(c.base), nil
	case TokenRequired:
		if c.tokens != nil && !c.origins[originOf(u)] {
			return nil, false, &OriginError{Op: w.op, Origin: shownOrigin(u), Why: "the token is not allowed to go there", URL: w.url}
		}
		return u, true, nil
	}
	return nil, false, fmt.Errorf("%s: the access rule is not set", w.op)
}

func fileHeader(w opening, o OpenOptions) (http.Header, error) {
	h := http.Header{}
	h.Set("Accept", w.accept)
	h.Set("Accept-Encoding", "gzip")
	if o.Offset == 0 {
		return h, nil
	}
	if o.Offset < 0 || !isStrongETag(o.IfRange) {
		return nil, errors.New("a rest needs a positive offset and the strong ETag of the part held")
	}
	h.Set("Accept-Encoding", "identity")
	h.Set("Range", "bytes="+strconv.FormatInt(o.Offset, 10)+"-")
	h.Set("If-Range", o.IfRange)
	return h, nil
}

func isStrongETag(tag string) bool {
	return len(tag) >= 2 && tag[0] == '"' && tag[len(tag)-1] == '"' && !strings.ContainsAny(tag, "\r\n")
}

// start judges the answer's header and first bytes.
func (b *Body) start(o OpenOptions, resp *http.Response) error {
	h := resp.Header
	b.ETag, b.Length = h.Get("ETag"), resp.ContentLength
	b.ContentType, b.ContentEncoding = h.Get("Content-Type"), strings.ToLower(strings.TrimSpace(h.Get("Content-Encoding")))
	b.AcceptsRanges = strings.EqualFold(strings.TrimSpace(h.Get("Accept-Ranges")), "bytes")
	switch {
	case resp.StatusCode == http.StatusOK:
	case resp.StatusCode == http.StatusPartialContent && o.Offset > 0:
		if err := b.startRest(o, h); err != nil {
			return err
		}
	case resp.StatusCode < 400:
		return &ProtocolError{Op: b.opening.op, Status: resp.StatusCode, Reason: UnexpectedStatus}
	default:
		return b.refused(resp)
	}
	if b.opening.lines {
		kind, err := fileType(b.ContentType)
		if err != nil {
			return b.fail(ContentTypeUnexpected, err.Error())
		}
		if kind != "" {
			note(&b.Deviations, kind)
		}
	}
	return b.decode()
}

// refused reads an error answer within its bound.
func (b *Body) refused(resp *http.Response) error {
	a := &answer{status: resp.StatusCode, header: resp.Header, token: carriesToken(resp.Request), received: time.Now()}
	a.body, _ = io.ReadAll(io.LimitReader(b.wire, b.limits.AnswerBytes)) // what came is enough to tell
	return a.statusError(b.opening.op)
}

const ndjsonType = "application/fhir+ndjson"

// fileType says whether a content type may be NDJSON, and how it deviates. A
// type that it refuses is named in the error, without its parameters.
func fileType(contentType string) (Deviation, error) {
	if strings.TrimSpace(contentType) == "" {
		return ContentTypeMissing, nil
	}
	media, _, _ := strings.Cut(contentType, ";")
	if parsed, _, err := mime.ParseMediaType(contentType); err == nil {
		media = parsed
	}
	switch strings.ToLower(strings.TrimSpace(media)) {
	case ndjsonType, "application/ndjson", "application/x-ndjson":
		return "", nil
	case "application/json", "application/fhir+json", "application/octet-stream", "text/plain",
		"application/gzip", "application/x-gzip", "binary/octet-stream":
		return ContentTypeNotNDJSON, nil
	}
	return "", errors.New(toldMedia(media))
}
