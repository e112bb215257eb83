package export

import (
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// rawWindow is how far back in a file what repeats is found. A longer one
// makes raw files no smaller, and costs memory for each that is written or read.
const rawWindow = 1 << 20

// codecs keep what compresses and decompresses raw files for the next one: to
// make it takes longer than to use it on a small file. The zero value is ready.
type codecs struct {
	encoders sync.Pool // of *zstd.Encoder
	decoders sync.Pool // of *zstd.Decoder
}

// compress writes what r has to w. One large file keeps two processors busy: a
// block is compressed while the next one is received and hashed.
func (c *codecs) compress(w io.Writer, r io.Reader) (n int64, err error) {
	z, ok := c.encoders.Get().(*zstd.Encoder)
	if !ok {
		z, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(rawWindow))
		if err != nil {
			return 0, err
		}
	}
	z.Reset(w)
	n, err = io.Copy(z, r)
	if err = errors.Join(err, z.Close()); err == nil {
		z.Reset(nil)
		c.encoders.Put(z)
	}
	return n, err
}

// decompress gives what raw holds. Closing it closes raw.
func (c *codecs) decompress(raw io.ReadCloser) (*decoded, error) {
	z, ok := c.decoders.Get().(*zstd.Decoder)
	if !ok {
		var err error
		if z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true)); err != nil {
			return nil, errors.Join(err, raw.Close())
		}
	}
	if err := z.Reset(raw); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return &decoded{Reader: z, z: z, raw: raw, from: c}, nil
}

// decoded is a raw file as it was delivered. It is closed once.
type decoded struct {
	io.Reader
	z    *zstd.Decoder
	raw  io.Closer
	from *codecs
}

// Close gives the decoder back.
func (d *decoded) Close() error {
	if d.z.Reset(nil) == nil {
		d.from.decoders.Put(d.z)
	}
	return d.raw.Close()
}
