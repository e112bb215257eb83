package machinetest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/cli"
)

const (
	commandEnv   = "BULKHEAD_MACHINETEST_COMMAND"   // set: this process is the command bulkhead; a way, as JSON
	namespaceEnv = "BULKHEAD_MACHINETEST_NAMESPACE" // set: mounts of this process are its own
)

// A way is how a command is run: it halts at the nth time of a moment until
// the test lets it go on, and of its descriptors so many are left.
type way struct {
	Halt        string `json:",omitempty"`
	Nth         int    `json:",omitempty"`
	Descriptors int    `json:",omitempty"`
}

// The descriptors by which a command that has halted says so, and is told to
// go on.
const (
	haltedAt = 3 + iota
	goesOnAt
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(commandEnv) != "":
		os.Exit(command())
	case os.Getenv(namespaceEnv) == "":
		os.Exit(inNamespace())
	}
	os.Exit(m.Run())
}

// command is cmd/bulkhead with a way to halt it.
func command() int {
	ctx, stop := cli.Signals(context.Background())
	defer stop()
	var w way
	if err := json.Unmarshal([]byte(os.Getenv(commandEnv)), &w); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 125
	}
	h := &halt{way: w, halted: os.NewFile(haltedAt, "halted"), goesOn: bufio.NewReader(os.NewFile(goesOnAt, "goes on"))}
	if w.Descriptors > 0 {
		if err := h.leave(w.Descriptors); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 125
		}
	}
	return cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Point: h.reach})
}

// A halt is where a command waits for the test.
type halt struct {
	way
	halted *os.File
	goesOn *bufio.Reader

	mu     sync.Mutex
	passed int
	hoard  []*os.File // descriptors that nobody else can have
}

func (h *halt) reach(name string) error {
	if name != h.Halt {
		return nil
	}
	h.mu.Lock()
	h.passed++
	now := h.passed == h.Nth
	h.mu.Unlock()
	if !now {
		return nil
	}
	if _, err := h.halted.WriteString("\n"); err != nil {
		return err
	}
	_, err := h.goesOn.ReadByte()
	return err
}

// leave takes all but n of the descriptors that a process may have, and gives
// them back when the test says so.
func (h *halt) leave(n int) error {
	const most = 256
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
		return err
	}
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		h.hoard = append(h.hoard, f)
	}
	for _, f := range h.hoard[len(h.hoard)-n:] {
		if err := f.Close(); err != nil {
			return err
		}
	}
	h.hoard = h.hoard[:len(h.hoard)-n]
	go func() {
		if _, err := h.goesOn.ReadByte(); err != nil {
			return
		}
		for _, f := range h.hoard {
			_ = f.Close() // of the null device
		}
	}()
	return nil
}

// inNamespace runs the tests in a mount namespace of their own: what they
// mount nobody else sees, and it is gone when they end. A user who may not make
// one has it in a user namespace.
func inNamespace() int {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	runtime.LockOSThread() // the tests die with this thread
	tests := exec.Command(self, os.Args[1:]...)
	tests.Stdin, tests.Stdout, tests.Stderr = os.Stdin, os.Stdout, os.Stderr
	tests.Env = append(os.Environ(), namespaceEnv+"=1")
	tests.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		tests.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		tests.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		tests.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	err = tests.Run()
	if tests.ProcessState == nil {
		fmt.Fprintln(os.Stderr, "a mount namespace is needed, which this machine does not give:", err)
		return 1
	}
	return tests.ProcessState.ExitCode()
}
