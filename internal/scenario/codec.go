package scenario

import (
	"sync"

	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/zstd"
)

// A zstdCodec stands in for Arrow's own, which keeps its encoders in pools of
// the process: an encoder that was made in one bubble holds a channel that no
// other bubble may touch. This one's are made outside of all bubbles.
type zstdCodec struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

var useOwnCodec = sync.OnceValue(func() error {
	encoder, err := zstd.NewWriter(nil, zstd.WithZeroFrames(true))
	if err != nil {
		return err
	}
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		return err
	}
	if _, err := decoder.DecodeAll(encoder.EncodeAll([]byte("made ready by its first use"), nil), nil); err != nil {
		return err
	}
	compress.RegisterCodec(compress.Codecs.Zstd, zstdCodec{encoder, decoder})
	return nil
})

func (c zstdCodec) Encode(dst, src []byte) []byte { return c.encoder.EncodeAll(src, dst[:0]) }

func (c zstdCodec) EncodeLevel(dst, src []byte, _ int) []byte { return c.Encode(dst, src) }

func (c zstdCodec) CompressBound(n int64) int64 { return n + n>>8 + 1<<10 }

func (c zstdCodec) Decode(dst, src []byte) []byte {
	b, err := c.DecodeWithError(dst, src)
	if err != nil {
		panic(err) // as Arrow's own does
	}
	return b
}

// DecodeWithError is Decode for bytes that may be damaged.
func (c zstdCodec) DecodeWithError(dst, src []byte) ([]byte, error) {
	return c.decoder.DecodeAll(src, dst[:0])
}
