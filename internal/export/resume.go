package export

import (
	"context"
	"errors"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
)

// resumesAtMost is how often one transfer is taken up where it broke. A file
// that breaks more often is weather: the step comes again, with a pause.
const resumesAtMost = 5

// A transfer reads one output file, over breaks of the connection where the
// server can give the rest of the very same file (Range with If-Range). It is
// for one reader.
type transfer struct {
	ctx  context.Context
	open func(context.Context, bulkdata.OpenOptions) (*bulkdata.Body, error)
	body *bulkdata.Body
	got  int64 // decoded bytes given to the reader
	wire int64 // bytes on the wire of the bodies before this one
	left int   // resumes
}

func begin(ctx context.Context, resumes int, open func(context.Context, bulkdata.OpenOptions) (*bulkdata.Body, error)) (*transfer, error) {
	body, err := open(ctx, bulkdata.OpenOptions{})
	if err != nil {
		return nil, err
	}
	return &transfer{ctx: ctx, open: open, body: body, left: resumes}, nil
}

// Read gives the file's bytes. Its errors are final.
func (t *transfer) Read(p []byte) (int, error) {
	for {
		n, err := t.body.Read(p)
		t.got += int64(n)
		if n > 0 { // an error comes again with the next Read
			return n, nil
		}
		if err == nil || !t.resume(err) {
			return 0, err
		}
	}
}

// resume asks for the rest after a break. It reports whether reading can go on.
func (t *transfer) resume(cause error) bool {
	if _, broke := errors.AsType[*bulkdata.TruncatedError](cause); !broke || !t.body.Resumable() || t.left == 0 || t.ctx.Err() != nil {
		return false
	}
	t.left--
	rest, err := t.open(t.ctx, bulkdata.OpenOptions{Offset: t.got, IfRange: t.body.ETag})
	if err != nil {
		return false
	}
	if rest.Offset != t.got { // another file, or no rests after all: it begins anew, with a new step
		rest.Close() //nolint:errcheck // nothing of it is used
		t.left = 0
		return false
	}
	t.wire += t.body.WireBytes()
	t.body.Close() //nolint:errcheck // it broke
	t.body = rest
	return true
}

// WireBytes is the number of bytes that came over the wire so far.
func (t *transfer) WireBytes() int64 { return t.wire + t.body.WireBytes() }

// Close ends the transfer.
func (t *transfer) Close() error { return t.body.Close() }
