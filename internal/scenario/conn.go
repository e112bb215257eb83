package scenario

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// inFlight is how many bytes one direction of a connection holds before its
// writer waits.
const inFlight = 256 << 10

// A stream is one direction of a connection. Whoever waits for it waits on
// channels of its own making, which a synctest bubble counts as idle.
type stream struct {
	mu      sync.Mutex
	bytes   []byte
	ended   error // what a reader gets when nothing is left, nil while the writer is there
	refused error // what a writer gets, nil while the reader is there
	changed chan struct{}
}

func newStream() *stream { return &stream{changed: make(chan struct{})} }

// change tells everybody who waits. The caller holds the lock.
func (s *stream) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *stream) read(b []byte, until *deadline) (int, error) {
	for {
		if until.passed() { // before a byte is taken: it would be lost
			return 0, os.ErrDeadlineExceeded
		}
		s.mu.Lock()
		n := copy(b, s.bytes)
		ended, changed := s.ended, s.changed
		if n > 0 {
			s.bytes = s.bytes[n:]
			s.change()
		}
		s.mu.Unlock()
		switch {
		case n > 0 || len(b) == 0:
			return n, nil
		case ended != nil:
			return 0, ended
		}
		select {
		case <-changed:
		case <-until.wait():
			return 0, os.ErrDeadlineExceeded
		}
	}
}

func (s *stream) write(b []byte, until *deadline) (n int, err error) {
	for {
		s.mu.Lock()
		refused, changed := s.refused, s.changed
		if refused == nil && !until.passed() {
			fits := min(inFlight-len(s.bytes), len(b)-n)
			if fits > 0 {
				s.bytes = append(s.bytes, b[n:n+fits]...)
				n += fits
				s.change()
			}
		}
		s.mu.Unlock()
		switch {
		case refused != nil:
			return n, refused
		case until.passed():
			return n, os.ErrDeadlineExceeded
		case n == len(b):
			return n, nil
		}
		select {
		case <-changed:
		case <-until.wait():
			return n, os.ErrDeadlineExceeded
		}
	}
}

// end is the writer's: what was written is still read, or is lost.
func (s *stream) end(why error, lost bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.ended = why
	}
	if lost {
		s.bytes = nil
	}
	if s.refused == nil {
		s.refused = net.ErrClosed
	}
	s.change()
}

// refuse is the reader's: nothing more is taken.
func (s *stream) refuse(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused == nil {
		s.refused = why
	}
	s.ended, s.bytes = net.ErrClosed, nil
	s.change()
}

// A deadline is closed when its time has come.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	come  chan struct{}
}

func newDeadline() *deadline { return &deadline{come: make(chan struct{})} }

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	select {
	case <-d.come:
		d.come = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return
	}
	come := d.come
	if wait := time.Until(t); wait > 0 {
		d.timer = time.AfterFunc(wait, func() { d.over(come) })
		return
	}
	close(come)
}

// over closes come, unless the deadline was set anew meanwhile.
func (d *deadline) over(come chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.come == come && d.timer != nil {
		d.timer = nil
		close(come)
	}
}

func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.come
}

func (d *deadline) passed() bool {
	select {
	case <-d.wait():
		return true
	default:
		return false
	}
}

// address is a host and port of a Network.
type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// conn is one end of a connection within a Network.
type conn struct {
	in, out       *stream
	local, remote address
	reading       *deadline
	writing       *deadline

	once  sync.Once
	abort bool // closing resets the connection
	mu    sync.Mutex
}

// pipe makes both ends of a connection.
func pipe(client, server address) (*conn, *conn) {
	up, down := newStream(), newStream()
	return &conn{in: down, out: up, local: client, remote: server, reading: newDeadline(), writing: newDeadline()},
		&conn{in: up, out: down, local: server, remote: client, reading: newDeadline(), writing: newDeadline()}
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.in.read(b, c.reading)
	return n, c.explain("read", err)
}

func (c *conn) Write(b []byte) (int, error) {
	n, err := c.out.write(b, c.writing)
	return n, c.explain("write", err)
}

// explain gives an error the shape that those of real connections have.
func (c *conn) explain(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// SetLinger with 0 makes Close reset the connection, as it does for TCP.
func (c *conn) SetLinger(sec int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abort = sec == 0
	return nil
}

func (c *conn) Close() error {
	c.once.Do(func() {
		c.mu.Lock()
		abort := c.abort
		c.mu.Unlock()
		if abort {
			c.out.end(syscall.ECONNRESET, true)
		} else {
			c.out.end(io.EOF, false)
		}
		c.in.refuse(syscall.ECONNRESET)
		c.reading.set(time.Time{})
		c.writing.set(time.Time{})
	})
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error {
	c.reading.set(t)
	c.writing.set(t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.reading.set(t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.writing.set(t)
	return nil
}
