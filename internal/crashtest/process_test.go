package crashtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/cli"
)

// command is the command bulkhead, as main is. Whoever started it may ask it
// over standard input for its goroutines.
func command(text string) int {
	var args []string
	if err := json.Unmarshal([]byte(text), &args); err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go tellGoroutines(os.Stdin, os.NewFile(3, "census"))
	return cli.Main(ctx, args, cli.Streams{In: strings.NewReader(""), Out: os.Stdout, Err: os.Stderr, Version: "of a test"})
}

// tellGoroutines writes the profile of all goroutines, its length before it,
// for every line that comes.
func tellGoroutines(asked io.Reader, to io.Writer) {
	for lines := bufio.NewScanner(asked); lines.Scan(); {
		var b bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
			panic(err)
		}
		if _, err := fmt.Fprintf(to, "%d\n%s", b.Len(), &b); err != nil {
			return // nobody listens any more
		}
	}
}

// A process is a bulkhead run that is at work.
type process struct {
	cmd    *exec.Cmd
	ask    io.WriteCloser
	census *bufio.Reader
	ended  chan error // gives what Wait says, once
	begun  time.Time
}

// bulkhead makes the command with its arguments, not started.
func (p *place) bulkhead(t *testing.T, ctx context.Context, args ...string) *exec.Cmd { //nolint:revive // a test comes first here
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(append(args, "--config", p.path("bulkhead.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), commandEnv+"="+string(text))
	return cmd
}

// once runs a command to its end and demands that it says that all is well.
func (p *place) once(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if out, err := p.bulkhead(t, ctx, args...).CombinedOutput(); err != nil {
		t.Errorf("bulkhead %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// begin starts bulkhead run and waits until it says that it works.
func (p *place) begin(t *testing.T) *process {
	t.Helper()
	log, err := os.OpenFile(p.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	answers, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	x := &process{cmd: p.bulkhead(t, context.WithoutCancel(t.Context()), "run"), census: bufio.NewReader(answers), ended: make(chan error, 1), begun: time.Now()}
	x.cmd.Stderr, x.cmd.ExtraFiles = log, []*os.File{theirs}
	said, err := x.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if x.ask, err = x.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	works := make(chan struct{})
	go func() {
		defer answers.Close()
		lines := bufio.NewScanner(said)
		if lines.Scan() {
			close(works)
		}
		for lines.Scan() {
		}
		x.ended <- x.cmd.Wait()
	}()
	select {
	case <-works:
	case err := <-x.ended:
		t.Fatalf("bulkhead run ended at once: %v\n%s", err, p.lastLog(t))
	}
	return x
}

// lastLog gives the end of what the processes have logged.
func (p *place) lastLog(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(p.path("log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text[max(0, len(text)-4000):])
}

// stop tells the process to end, and demands that it does so in time, and says
// that all is well.
func (x *process) stop(t *testing.T) {
	t.Helper()
	began := time.Now()
	if err := x.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(2*drained, func() { x.cmd.Process.Kill() }) //nolint:errcheck // it may have ended meanwhile
	defer late.Stop()
	if err := <-x.ended; err != nil {
		t.Errorf("told to end, bulkhead run ended with %v", err)
	}
	if took := time.Since(began); took > drained {
		t.Errorf("SIGTERM was answered after %v", took)
	}
}

// kill ends the process; after it was told so, if that is what grace says.
func (x *process) kill(t *testing.T, grace time.Duration) {
	t.Helper()
	if grace > 0 {
		if err := x.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-x.ended:
		if grace == 0 || err != nil {
			t.Errorf("bulkhead run ended by itself: %v", err)
		}
		return
	case <-time.After(grace):
	}
	if err := x.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	<-x.ended
}

// housekeeping knows the executor's own goroutines by what is on their stack.
var housekeeping = regexp.MustCompile(`riverqueue/river/(internal/leadership|internal/maintenance|rivershared/)`)

// A look is what a process holds at one moment.
type look struct {
	goroutines  int // but those of connections and of housekeeping
	keeping     int // goroutines with which the executor keeps house: more in the process that it takes for the leader
	connections int // goroutines of HTTP connections
	files       int // descriptors of files, pipes and the like
	sockets     int
	profile     string
}

// look asks the process what it holds.
func (x *process) look(t *testing.T) (l look) {
	t.Helper()
	if _, err := io.WriteString(x.ask, "\n"); err != nil {
		t.Fatal(err)
	}
	line, err := x.census.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(x.census, text); err != nil {
		t.Fatal(err)
	}
	l.profile = string(text)
	for group := range strings.SplitSeq(l.profile, "\n\n") {
		var many int
		if at := strings.Index(group, " @ "); at >= 0 {
			first := strings.TrimSpace(group[strings.LastIndex(group[:at], "\n")+1 : at])
			if many, err = strconv.Atoi(first); err != nil {
				t.Fatalf("%q: %v", first, err)
			}
		}
		switch {
		case strings.Contains(group, "net/http.(*persistConn)"):
			l.connections += many
		case housekeeping.MatchString(group):
			l.keeping += many
		default:
			l.goroutines += many
		}
	}
	x.descriptors(t, &l)
	return l
}

// descriptors counts what the process has open, where the system tells.
func (x *process) descriptors(t *testing.T, l *look) {
	t.Helper()
	folder := fmt.Sprintf("/proc/%d/fd", x.cmd.Process.Pid)
	list, err := os.ReadDir(folder)
	if err != nil {
		if _, err := os.Stat("/proc/self/fd"); err != nil {
			return // this system has no such folder
		}
		t.Fatal(err)
	}
	for _, fd := range list {
		to, err := os.Readlink(folder + "/" + fd.Name())
		switch {
		case err != nil: // closed meanwhile
		case strings.HasPrefix(to, "socket:"):
			l.sockets++
		default:
			l.files++
		}
	}
}
