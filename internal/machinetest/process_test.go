package machinetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// A page takes what a process says while the test reads it.
type page struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed and replaced when there is more
}

// Write adds to the page.
func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.more)
	p.more = make(chan struct{})
	return p.text.Write(b)
}

func (p *page) read() (text string, more <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String(), p.more
}

// A process is a command bulkhead that runs.
type process struct {
	t            *testing.T
	name         string
	cmd          *exec.Cmd
	out, said    *page // standard output and standard error
	halted, goOn *os.File
	ended        chan error
}

// patience is how long a test waits for what must come.
const patience = 2 * time.Minute

// start runs the command with the place's configuration.
func (p *place) start(t *testing.T, w way, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	halted, sayHalted, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	hearGoOn, goOn, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	c := &process{
		t: t, name: "bulkhead " + strings.Join(args, " "), halted: halted, goOn: goOn, ended: make(chan error, 1),
		out: &page{more: make(chan struct{})}, said: &page{more: make(chan struct{})},
		cmd: exec.CommandContext(ctx, self, append([]string{"--config", p.path("bulkhead.yaml")}, args...)...),
	}
	c.cmd.Env = append(os.Environ(), commandEnv+"="+string(text))
	c.cmd.Stdout, c.cmd.Stderr, c.cmd.ExtraFiles = c.out, c.said, []*os.File{sayHalted, hearGoOn}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sayHalted.Close(), hearGoOn.Close()); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer cancel()
		c.ended <- c.cmd.Wait()
	}()
	t.Cleanup(func() {
		cancel()
		<-gone
		if err := errors.Join(halted.Close(), goOn.Close()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// halts waits until the command has halted.
func (c *process) halts() {
	c.t.Helper()
	if err := c.halted.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.halted.Read(make([]byte, 1)); err != nil {
		c.t.Fatalf("%s did not halt: %v: %s", c.name, err, c.words())
	}
}

// goesOn lets a command that has halted go on.
func (c *process) goesOn() {
	c.t.Helper()
	if _, err := c.goOn.WriteString("\n"); err != nil {
		c.t.Fatal(err)
	}
}

// says waits until the command has said a text on standard output or error.
func (c *process) says(text string) {
	c.t.Helper()
	late := time.After(patience)
	for {
		out, moreOut := c.out.read()
		said, moreSaid := c.said.read()
		if strings.Contains(out+said, text) {
			return
		}
		select {
		case <-moreOut:
		case <-moreSaid:
		case err := <-c.ended:
			c.t.Fatalf("%s ended before it said %q: %v: %s", c.name, text, err, c.words())
		case <-late:
			c.t.Fatalf("%s did not say %q: %s", c.name, text, c.words())
		}
	}
}

func (c *process) words() string {
	out, _ := c.out.read()
	said, _ := c.said.read()
	return out + said
}

// ends waits for the command's end and gives its exit status, -1 for one that
// was killed.
func (c *process) ends() (status int) {
	c.t.Helper()
	err := <-c.ended
	c.ended <- err
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		c.t.Fatalf("%s: %v: %s", c.name, err, c.words())
	}
	return c.cmd.ProcessState.ExitCode()
}

// wants demands how the command ends, and what it has said by then.
func (c *process) wants(status int, texts ...string) {
	c.t.Helper()
	got, words := c.ends(), c.words()
	if got != status {
		c.t.Errorf("%s: exit status %d, want %d:\n%s", c.name, got, status, words)
		return
	}
	for _, text := range texts {
		if !strings.Contains(words, text) {
			c.t.Errorf("%s did not say %q but:\n%s", c.name, text, words)
			return
		}
	}
}

// bulkhead runs a command to its end.
func (p *place) bulkhead(t *testing.T, args ...string) *process {
	t.Helper()
	c := p.start(t, way{}, args...)
	c.ends()
	return c
}

// await looks again and again until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	again, late := time.NewTicker(10*time.Millisecond), time.After(patience)
	defer again.Stop()
	for !so() {
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("waited too long for %s", what)
		}
	}
}
