package atrest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// An encrypted file is: magic, the id of the practice's key (4 bytes, big
// endian, never 0), and a stream of segments that are authenticated each in its
// place. A file that begins with the magic without being encrypted is kept as:
// magic, 0, and the file as it is.
const (
	magic = "\x8fbhseal1"
	// HeaderSize is how many bytes of a file say whether it is encrypted.
	HeaderSize = len(magic) + 4

	segmentSize  = 64 << 10 // as stored; two of them are held in memory for an open file
	segmentTag   = 16
	streamHeader = 1 + keySize + 7 // length, salt, nonce prefix
)

// A Kind says how a file is stored.
type Kind int

// The kinds.
const (
	Plain     Kind = iota // as it is
	Escaped               // as it is, behind a header
	Encrypted             // noise without the practice's key
	Cut                   // the beginning of one of the two before, and nothing after it
)

// KindOf looks at the first HeaderSize bytes of a file, or at all of a shorter
// one. An empty file is plain.
func KindOf(head []byte) Kind {
	begins := string(head[:min(len(head), len(magic))])
	switch {
	case begins == "" || !strings.HasPrefix(magic, begins):
		return Plain
	case len(head) < HeaderSize:
		return Cut
	}
	if binary.BigEndian.Uint32(head[len(magic):]) == 0 {
		return Escaped
	}
	return Encrypted
}

// ContentSize gives how long the content is of a stored file of that kind and
// length. One that is too short to be whole is empty.
func ContentSize(kind Kind, stored int64) int64 {
	switch kind {
	case Plain:
		return stored
	case Escaped:
		return max(0, stored-int64(HeaderSize))
	case Cut:
		return 0
	case Encrypted:
	}
	body := stored - int64(HeaderSize)
	segments := (body + segmentSize - 1) / segmentSize
	return max(0, body-streamHeader-segments*segmentTag)
}

// header is what a file begins with that was encrypted by that key.
func header(key uint32) []byte { return binary.BigEndian.AppendUint32([]byte(magic), key) }

// bound is what a file is bound to: its tenant has the key, its header says
// which, and its name follows.
func bound(head []byte, name string) []byte { return append(bytes.Clone(head), name...) }

// Encrypt gives a writer that encrypts what is written to it into w, for a file
// of that name of the tenant. Its Close ends the file and leaves w open; without
// it what was written does not open. A tenant that never had a key gets one.
// The writer belongs to one goroutine.
//
// Problems: those of the practice's keys, PracticeKeyMissing when they are lost.
func (k *Keys) Encrypt(ctx context.Context, tenant, name string, w io.Writer) (io.WriteCloser, error) {
	p, err := k.practice(ctx, tenant)
	if errors.Is(err, errNone) {
		p, err = k.first(ctx, tenant)
	}
	if err != nil {
		return nil, err
	}
	head := header(p.primary)
	if _, err := w.Write(head); err != nil {
		return nil, err
	}
	return p.streams[p.primary].NewEncryptingWriter(w, bound(head, name))
}

// Escape gives a writer for a file that is stored as it is. It puts a header
// before content that begins as an encrypted file does.
func Escape(w io.Writer) io.WriteCloser { return &escaper{to: w} }

type escaper struct {
	to    io.Writer
	start []byte // held back while it may become the magic
	past  bool   // the start is written
}

func (e *escaper) Write(p []byte) (int, error) {
	if len(e.start) == 0 && len(p) >= len(magic) && !bytes.HasPrefix(p, []byte(magic)) {
		e.past = true
	}
	if e.past {
		return e.to.Write(p)
	}
	e.start = append(e.start, p...)
	if len(e.start) < len(magic) && string(e.start) == magic[:len(e.start)] {
		return len(p), nil
	}
	if err := e.flush(); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (e *escaper) flush() error {
	e.past = true
	if KindOf(e.start) != Plain {
		if _, err := e.to.Write(header(0)); err != nil {
			return err
		}
	}
	_, err := e.to.Write(e.start)
	e.start = nil
	return err
}

func (e *escaper) Close() error {
	if e.past {
		return nil
	}
	return e.flush()
}

// Decrypt gives a reader of the content of an encrypted file of that name of
// the tenant: head are its first HeaderSize bytes, rest what follows. It gives
// no byte that it has not authenticated; a file that ends before its end is the
// problem StorageDamaged, not an io.EOF.
//
// Problems: those of the practice's keys, PracticeKeyMissing when the key of
// the file is not among them, StorageDamaged.
func (k *Keys) Decrypt(ctx context.Context, tenant, name string, head []byte, rest io.Reader) (io.Reader, error) {
	if !k.On() {
		return nil, off(tenant)
	}
	p, err := k.practice(ctx, tenant)
	if errors.Is(err, errNone) {
		return nil, lost(tenant)
	}
	if err != nil {
		return nil, err
	}
	id := binary.BigEndian.Uint32(head[len(magic):])
	stream := p.streams[id]
	if stream == nil {
		return nil, unknownKey(tenant, id)
	}
	from := &source{from: rest}
	opened, err := stream.NewDecryptingReader(from, bound(head, name))
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	return &opener{tenant: tenant, from: from, opened: opened}, nil
}

// A source remembers why it could not be read, which the decrypting reader does
// not tell from a wrong byte.
type source struct {
	from io.Reader
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// An opener says what is wrong with a file that does not open.
type opener struct {
	tenant string
	from   *source
	opened io.Reader
	failed error // is said again
}

func (o *opener) Read(p []byte) (int, error) {
	if o.failed != nil {
		return 0, o.failed
	}
	n, err := o.opened.Read(p)
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return n, err
	case o.from.err != nil:
		o.failed = o.from.err
	default:
		o.failed = damagedFile(o.tenant, err)
	}
	return n, o.failed
}

// Damaged is the problem of a file of the tenant's that is Cut.
func Damaged(tenant string) error { return damagedFile(tenant, io.ErrUnexpectedEOF) }

// Newest reports whether a file that begins with head was encrypted by the key
// that the tenant's files are encrypted by now.
func (k *Keys) Newest(ctx context.Context, tenant string, head []byte) (bool, error) {
	if KindOf(head) != Encrypted {
		return false, nil
	}
	p, err := k.practice(ctx, tenant)
	if errors.Is(err, errNone) {
		return false, lost(tenant)
	}
	if err != nil {
		return false, err
	}
	return binary.BigEndian.Uint32(head[len(magic):]) == p.primary, nil
}
