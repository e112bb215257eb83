package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sampleEvery is how often a process beside the bench is looked at.
const sampleEvery = 50 * time.Millisecond

// A process is a child that runs beside the bench until it ends, or is told to
// by the end of its standard input. It ends with the bench in any case.
type process struct {
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	said     *bufio.Reader
	complain bytes.Buffer
	began    time.Time
	stop     chan struct{} // closed when nothing is left to look at
	watching sync.WaitGroup

	mu      sync.Mutex
	samples []sample
}

// A sample is what a process had taken at a moment.
type sample struct {
	at       time.Time
	cpu      time.Duration
	peak     int64 // greatest resident memory so far, in bytes
	resident int64 // resident memory, in bytes
}

// start begins a child of the bench that does what args say.
func start(ctx context.Context, env []string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, self, append([]string{childWord}, args...)...), stop: make(chan struct{})}
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), env...), &p.complain
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	said, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.said = bufio.NewReader(said)
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.watching.Go(p.watch)
	return p, nil
}

// watch samples the process until stop.
func (p *process) watch() {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		p.look()
		select {
		case <-tick.C:
		case <-p.stop:
			return
		}
	}
}

// look takes a sample, unless the process has ended or the kernel tells nothing.
func (p *process) look() {
	s, err := sampleOf(p.cmd.Process.Pid)
	if err != nil || s.resident == 0 { // it is no more, though not yet reaped
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.samples = append(p.samples, s)
}

// at gives the latest sample that is not after a time.
func (p *process) at(t time.Time) sample {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.samples, func(s sample) bool { return s.at.After(t) })
	switch {
	case len(p.samples) == 0 || i == 0:
		return sample{at: p.began}
	case i < 0:
		return p.samples[len(p.samples)-1]
	}
	return p.samples[i-1]
}

// wait lets the process end by itself, and complains of one that failed.
func (p *process) wait() error {
	_, err := io.Copy(io.Discard, p.said)
	return errors.Join(err, p.reap())
}

func (p *process) reap() error {
	err := p.cmd.Wait()
	close(p.stop)
	p.watching.Wait()
	if err != nil {
		err = errors.Join(err, errors.New(strings.TrimSpace(p.complain.String())))
	}
	return err
}

// endWithin is how long a process may take to end.
const endWithin = 30 * time.Second

// end tells the process to end and waits until it has; one that does not is
// killed, which is an error.
func (p *process) end() error {
	p.look()
	kill := time.AfterFunc(endWithin, func() { p.cmd.Process.Kill() }) //nolint:errcheck // it has ended then
	defer kill.Stop()
	return errors.Join(p.stdin.Close(), p.wait())
}

// cutShort tells the process to end in the midst of its work, which it may
// complain of.
func (p *process) cutShort() error {
	err := p.end()
	if code := p.cmd.ProcessState.ExitCode(); code == 1 {
		return nil
	}
	return err
}

// ticksPerSecond is the unit in which Linux tells CPU time.
const ticksPerSecond = 100

// sampleOf reads what the kernel knows of a process.
func sampleOf(pid int) (sample, error) {
	s := sample{at: time.Now()}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return s, err
	}
	_, after, _ := strings.Cut(string(stat), ") ") // the name may hold anything
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return s, errors.New("/proc tells no CPU time")
	}
	for _, f := range fields[11:13] {
		ticks, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return s, err
		}
		s.cpu += time.Duration(ticks) * time.Second / ticksPerSecond
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	s.peak, s.resident = inBytes(string(status), "VmHWM:"), inBytes(string(status), "VmRSS:")
	s.peak = max(s.peak, s.resident)
	return s, err
}

// inBytes gives a line of a status of /proc that is told in kB; 0 when there
// is none.
func inBytes(status, name string) (n int64) {
	_, after, _ := strings.Cut(status, name)
	fmt.Sscan(after, &n) //nolint:errcheck // 0 is the answer then
	return n << 10
}

// attended is a child that does what the command bulkhead does until its
// standard input ends.
func attended(ctx context.Context, out io.Writer, args []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck // its end is what matters
		cancel()
	}()
	stop, err := profiled(os.Getenv(profileVariable))
	if err != nil {
		return err
	}
	return errors.Join(commandLine(ctx, out, args), stop())
}
