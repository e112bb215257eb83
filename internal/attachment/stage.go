package attachment

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// errNotFetched says that nobody knows what became of a document.
var errNotFetched = errors.New("a document was not fetched")

// A row is one row of table.Attachment.
type row struct {
	line     int64
	resource *resource
	found    *Found
	verdict
	content store.Fetched // what is in storage; zero when nothing is
	pending bool          // a later export may have it
}

// stage decodes the documents that stand in their resources and writes a row
// for every document. It sends no request.
func stage(ctx context.Context, o *Options) (_ Summary, err error) {
	s := Summary{AttachedFile: store.AttachedFile{File: o.Lease.Subject, Outcomes: map[string]int64{}}}
	key, err := o.Scope.StagedKey(o.Lease.Export, table.Attachment.Name, o.Lease.Subject, 0)
	if err != nil {
		return s, err
	}
	w := newPart(ctx, o, key)
	defer w.close()
	b := &binaries{Options: o}
	all := walk{Options: o, each: func(line int64, x *resource) error {
		for i := range x.found {
			r := row{line: line, resource: x, found: &x.found[i]}
			if err := o.settle(ctx, &r); err != nil {
				return err
			}
			s.add(&r)
			if err := errors.Join(w.add(&r), b.add(ctx, &r)); err != nil {
				return err
			}
		}
		return nil
	}}
	if err = all.run(ctx); err == nil {
		err = b.flush(ctx)
	}
	if err != nil {
		return s, err
	}
	rows, err := w.commit()
	if err == nil && rows > 0 {
		s.Parts = []store.Part{{Table: table.Attachment.Name, Key: string(key), Rows: rows}}
	}
	return s, err
}

func (s *Summary) add(r *row) {
	s.Found++
	s.Outcomes[string(r.outcome)]++
	if r.outcome.Kept() {
		s.Kept++
		s.Bytes += r.content.Size
	}
	if digest := Digest([]byte(r.resource.key)); r.pending && !slices.Contains(s.Pending[max(len(s.Pending)-1, 0):], digest) {
		s.Pending = append(s.Pending, digest)
	}
}

// Digest names a resource, by its key, where nothing must say who it is about.
func Digest(key []byte) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:16])
}

// settle says what became of a row's document.
func (o *Options) settle(ctx context.Context, r *row) (err error) {
	v, open := o.Rules.judge(r.found)
	switch {
	case !open:
		r.verdict = v
		return nil
	case r.found.Inline:
		return o.decode(ctx, r)
	}
	known, ok, err := o.Ledger.Fetched(ctx, o.identity(r.found.URL, r.found.SHA1))
	if err != nil {
		return err
	}
	if !ok || !o.known(known, r.resource, r.found) {
		return errNotFetched // fetchAll leaves none out
	}
	r.verdict = verdict{Outcome(known.Outcome), known.Reason}
	if r.pending = !r.outcome.Kept(); !r.pending {
		r.content = known
	}
	return nil
}

// decode stores the content that stands in a resource.
func (o *Options) decode(ctx context.Context, r *row) error {
	if size := int64(len(r.found.Data)) / 4 * 3; size > 2*o.Rules.MaxBytes+3 { // also if half of it were escapes
		r.verdict = verdict{TooLarge, fmt.Sprintf("it has more than max_bytes, which is %d", o.Rules.MaxBytes)}
		return nil
	}
	to, key, err := o.create(ctx, r.line, r.found.Position, o.Rules.MaxBytes)
	if err != nil {
		return err
	}
	defer to.Close() //nolint:errcheck // it leaves nothing behind
	text := &textReader{src: bufio.NewReaderSize(bytes.NewReader(r.found.Data), 64<<10), bare: true}
	_, err = io.Copy(to, decodeBase64(text))
	switch {
	case to.err != nil:
		return to.err
	case errors.Is(err, errTooLarge):
		r.verdict = verdict{TooLarge, fmt.Sprintf("it has more than max_bytes, which is %d", o.Rules.MaxBytes)}
		return nil
	case errors.Is(err, errContent):
		r.verdict = verdict{Invalid, "its content is not base64"}
		return nil
	case err != nil:
		return err
	}
	if err := to.commit(); err != nil {
		return err
	}
	r.outcome = Inline
	r.content = contentOf(to, key, mediaType(r.found.ContentType), o.Lease.Export)
	return nil
}

func contentOf(to *copyTo, key blob.Key, media, export string) store.Fetched {
	return store.Fetched{
		Export: export, ContentType: media, Size: to.size, SHA1: sum(to.sha1), SHA256: sum(to.sha256), Location: string(key),
	}
}
