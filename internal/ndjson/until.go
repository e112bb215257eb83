package ndjson

import (
	"context"
	"io"
)

// Until returns a reader of r that ends with ctx: from then on its error is the
// context's cause. It does not interrupt a Read that waits.
func Until(ctx context.Context, r io.Reader) io.Reader { return until{ctx, r} }

type until struct {
	ctx context.Context
	io.Reader
}

func (u until) Read(p []byte) (int, error) {
	if err := context.Cause(u.ctx); err != nil {
		return 0, err
	}
	return u.Reader.Read(p)
}
