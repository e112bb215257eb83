package attachment

import (
	"context"
	"crypto/sha1" // FHIR defines Attachment.hash as SHA-1
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
)

// errTooLarge says that content went beyond its bound.
var errTooLarge = errors.New("content is larger than its bound")

// lookAgainAfter is how many bytes of a document are written between two looks
// at the disk.
const lookAgainAfter = 64 << 20

// A copyTo stores one document's content while it is measured.
type copyTo struct {
	file         *blob.Writer
	sha1, sha256 hash.Hash
	left         int64 // bytes that may still come
	size         int64
	room         func() error
	unseen       int64 // bytes since the last look at the disk
	err          error // of the storage
}

func (o *Options) create(ctx context.Context, line int64, position int, most int64) (*copyTo, blob.Key, error) {
	room := o.Room
	if room == nil {
		room = func() error { return nil }
	}
	if err := room(); err != nil {
		return nil, "", err
	}
	key, err := o.Scope.AttachmentKey(o.Lease.Export, o.Lease.Subject, line, position)
	if err != nil {
		return nil, "", err
	}
	file, err := o.Scope.Create(ctx, key)
	if err != nil {
		return nil, "", err
	}
	return &copyTo{file: file, sha1: sha1.New(), sha256: sha256.New(), left: most, room: room}, key, nil
}

// Write takes the next bytes, and none beyond the bound.
func (c *copyTo) Write(p []byte) (int, error) {
	if int64(len(p)) > c.left {
		c.size += c.left
		c.left = 0
		return 0, errTooLarge
	}
	if c.unseen += int64(len(p)); c.unseen > lookAgainAfter {
		c.unseen = 0
		if c.err = c.room(); c.err != nil {
			return 0, c.err
		}
	}
	c.left -= int64(len(p))
	c.size += int64(len(p))
	c.sha1.Write(p)
	c.sha256.Write(p)
	n, err := c.file.Write(p)
	if err != nil {
		c.err = err
	}
	return n, err
}

// commit makes the content durable (I3).
func (c *copyTo) commit() error { return c.file.Commit() }

// Close leaves nothing behind unless commit was called.
func (c *copyTo) Close() error { return c.file.Close() }

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

var _ io.WriteCloser = (*copyTo)(nil)
