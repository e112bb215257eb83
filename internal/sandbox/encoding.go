package sandbox

import (
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
)

// encodingFor returns how a file is coded for a request, and the name that
// Content-Encoding tells; both are empty for no coding.
func encodingFor(k Knobs, r *http.Request) (Enc, string) {
	switch k.Enc {
	case EncBr:
		return EncBr, "br"
	case EncGzNoHeader:
		return EncGzNoHeader, ""
	case EncDeflate:
		if accepts(r, "deflate") {
			return EncDeflate, "deflate"
		}
	case EncGzip, EncMultiMember, EncDoubleGz:
		if accepts(r, "gzip") {
			return k.Enc, "gzip"
		}
	case EncDefault:
		if k.Gzip && accepts(r, "gzip") {
			return EncGzip, "gzip"
		}
	}
	return EncDefault, ""
}

// accepts reports whether a request offers to take a content coding.
func accepts(r *http.Request, coding string) bool {
	for v := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(v), ";")
		if strings.EqualFold(name, coding) && strings.TrimSpace(params) != "q=0" {
			return true
		}
	}
	return false
}

// encoder returns a writer that codes what it is given, for w. Close ends the
// coding.
func encoder(enc Enc, w io.Writer) io.WriteCloser {
	switch enc {
	case EncGzip, EncGzNoHeader:
		return fastGzip(w)
	case EncDeflate:
		return zlib.NewWriter(w)
	case EncDoubleGz:
		outer := fastGzip(w)
		return &doubled{fastGzip(outer), outer}
	case EncMultiMember:
		return &multiMember{w: w}
	case EncBr:
		return &storedBrotli{w: w}
	default:
		return plain{w}
	}
}

func fastGzip(w io.Writer) *gzip.Writer {
	zip, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	return zip
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }

// doubled closes both of two coders.
type doubled struct {
	io.WriteCloser
	outer io.Closer
}

func (d *doubled) Close() error {
	if err := d.WriteCloser.Close(); err != nil {
		return err
	}
	return d.outer.Close()
}

// multiMember codes every write as a gzip member of its own.
type multiMember struct {
	w     io.Writer
	wrote bool
}

func (m *multiMember) Write(b []byte) (int, error) {
	zip := fastGzip(m.w)
	m.wrote = true
	n, err := zip.Write(b)
	if err != nil {
		return n, err
	}
	return n, zip.Close()
}

// Close writes the one member that nothing has.
func (m *multiMember) Close() error {
	if m.wrote {
		return nil
	}
	return fastGzip(m.w).Close()
}

// storedBrotli writes Brotli without compressing: a stream of uncompressed
// meta-blocks.
// https://www.rfc-editor.org/rfc/rfc7932#section-9.2
type storedBrotli struct {
	w    io.Writer
	open bool
}

const storedBlock = 1 << 16

func (s *storedBrotli) Write(b []byte) (int, error) {
	n := 0
	for len(b) > 0 {
		block := b[:min(len(b), storedBlock)]
		// ISLAST 0, MNIBBLES 0 (four nibbles), MLEN-1 in 16 bits, ISUNCOMPRESSED 1;
		// before the first block one bit more, for a window of 16 bits.
		header := uint32(len(block)-1)<<3 | 1<<19
		if !s.open {
			header <<= 1
			s.open = true
		}
		if _, err := s.w.Write([]byte{byte(header), byte(header >> 8), byte(header >> 16)}); err != nil {
			return n, err
		}
		if _, err := s.w.Write(block); err != nil {
			return n, err
		}
		n += len(block)
		b = b[len(block):]
	}
	return n, nil
}

// Close writes the last meta-block, which is empty.
func (s *storedBrotli) Close() error {
	last := byte(0b11)
	if !s.open {
		last = 0b110
	}
	_, err := s.w.Write([]byte{last})
	return err
}
