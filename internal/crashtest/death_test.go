package crashtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
)

// A death is when a process dies: the first of what is set. The zero value
// is a life to the end.
type death struct {
	Point string        `json:",omitempty"` // at this moment
	Nth   int           `json:",omitempty"` // at its so-manieth time; without Point, of all moments
	Delay time.Duration `json:",omitempty"` // so long after that moment
	After time.Duration `json:",omitempty"` // so long after the start
	Bytes int64         `json:",omitempty"` // when so many bytes have come from the servers

	Term  bool          `json:",omitempty"` // it is told to end: SIGTERM
	Grace time.Duration `json:",omitempty"` // so long after SIGTERM comes SIGKILL; 0 means never
}

func (d death) String() string {
	text, err := json.Marshal(d)
	if err != nil {
		panic(err) // texts and numbers only
	}
	return string(text)
}

// A doom watches a process live and ends it. Its methods may be called
// concurrently.
type doom struct {
	death death
	once  sync.Once

	mu     sync.Mutex
	passed []string // moments, in their order
	bytes  int64
}

// reach notes a moment.
func (d *doom) reach(name string) error {
	d.mu.Lock()
	d.passed = append(d.passed, name)
	nth := len(d.passed)
	if d.death.Point != "" {
		nth = 0
		for _, p := range d.passed {
			if p == name {
				nth++
			}
		}
	}
	now := d.death.Nth == nth && (d.death.Point == "" || d.death.Point == name)
	d.mu.Unlock()
	switch {
	case now && d.death.Delay > 0:
		time.AfterFunc(d.death.Delay, d.die)
	case now:
		d.die()
	}
	return nil
}

func (d *doom) received(n int) {
	d.mu.Lock()
	d.bytes += int64(n)
	now := d.death.Bytes > 0 && d.bytes >= d.death.Bytes
	d.mu.Unlock()
	if now {
		d.die()
	}
}

// Around makes a step's begin and its end, before its record, moments too.
func (d *doom) around(s engine.Steps) engine.Steps { return around{s, d.reach} }

type around struct {
	engine.Steps
	reach func(name string) error
}

// Run runs the step between its two moments.
func (a around) Run(ctx context.Context, w export.Work) (export.Outcome, error) {
	name := nameOf(w)
	if err := a.reach(name + ": before"); err != nil {
		return nil, err
	}
	o, err := a.Steps.Run(ctx, w)
	if err := a.reach(name + ": after"); err != nil {
		return nil, err
	}
	return o, err
}

// nameOf tells a step from others: sinks are named, files are not.
func nameOf(w export.Work) string {
	name := "step " + w.Lease.Kind
	if w.Lease.Kind == export.Publish {
		name += " " + w.Lease.Subject
	}
	return name
}

// die sends the process its signal, once. It returns only when that is SIGTERM.
func (d *doom) die() {
	d.once.Do(func() {
		if !d.death.Term {
			send(syscall.SIGKILL)
			select {} // it is on its way
		}
		send(syscall.SIGTERM)
		if d.death.Grace > 0 {
			time.AfterFunc(d.death.Grace, func() { send(syscall.SIGKILL) })
		}
	})
}

func send(s syscall.Signal) {
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		panic(err)
	}
}

// dial opens connections whose requests and replies are moments. What is said
// on them is plain text.
func dial(reach func(string) error, received func(int)) export.Dial {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &wire{Conn: c, reach: reach, received: received}, nil
	}
}

// A wire is a connection to a server. A reply's moment is when its first bytes
// are here and nobody has read them.
type wire struct {
	net.Conn
	reach    func(string) error
	received func(int)

	mu   sync.Mutex
	kind string // of the request that is not answered
}

// Write sends.
func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	if kind := kindOf(p); err == nil && kind != "" {
		w.mu.Lock()
		w.kind = kind
		w.mu.Unlock()
		err = w.reach("request " + kind + ": sent")
	}
	return n, err
}

// Read receives.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.mu.Lock()
	kind := w.kind
	if n > 0 {
		w.kind = ""
	}
	w.mu.Unlock()
	if n == 0 {
		return n, err
	}
	w.received(n)
	if kind != "" {
		if err := w.reach("reply " + kind + ": arrived"); err != nil {
			return 0, err
		}
	}
	return n, err
}

// kindOf names the request that begins with p.
func kindOf(p []byte) string {
	line, _, _ := bytes.Cut(p, []byte("\r\n"))
	method, target, ok := strings.Cut(string(line), " ")
	if !ok || !slices.Contains([]string{"GET", "POST", "DELETE"}, method) || !strings.HasSuffix(target, " HTTP/1.1") {
		return ""
	}
	switch {
	case method == "DELETE":
		return "release"
	case strings.Contains(target, "$export-poll"):
		return "poll"
	case strings.Contains(target, "$export"):
		return "kickoff"
	case strings.Contains(target, "/bulkdata/download"):
		return "file"
	case strings.Contains(target, "/Binary/"):
		return "attachment"
	}
	return "discovery"
}

// census writes down what a process passed, for the process above it.
func (d *doom) census(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	text := fmt.Sprintf("%d\n%s", d.bytes, strings.Join(d.passed, "\n"))
	return os.WriteFile(path, []byte(text), 0o600)
}
