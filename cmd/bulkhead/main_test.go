package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bulkhead-fhir/bulkhead/internal/cli"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bulkhead": main, "bulkhead-small": small})
}

// TestScripts runs the scripts that specify the command.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ehr":    startEHR,
			"status": checkStatus,
			"nobody": nobody,
			"fill":   fill,
			"run":    startRun,
			"hup":    hangUp,
			"first":  firstKey,
			"origin": latestExport,
		},
	})
}

// startEHR starts a practice EHR: ehr open|smart|standard|expired; the second
// is like eCW, the third keeps to the standard and wants tokens too. It writes
// ca.pem, key.jwk and profiles/ into the script's folder and sets BASE, GROUP.
func startEHR(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ehr open|smart|standard|expired")
	}
	protected := args[0] == "smart" || args[0] == "standard"
	born := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	practice := sandbox.Practice{
		Code: "LAKESD", Name: "Lakeside", Profile: sandbox.ProfileStandard, Open: !protected, Groups: []sandbox.Group{{ID: "g1", Identifier: "8a5c1d3e-6f00-4b7a-9c21-0d4e5f6a7b81", Name: "All"}},
		Source: sandbox.FromPopulation(population.New(population.Config{Seed: 1, Practice: "Lakeside", Patients: 5, Epoch: born, ObservationsPerPatient: 5, Canary: "Kanarienvogel"})),
	}
	if args[0] == "smart" {
		practice.Profile = sandbox.ProfileECW
	}
	knobs := sandbox.Preset(practice.Profile)
	knobs.Takes, knobs.RetryAfter = 20*time.Millisecond, 10*time.Millisecond
	practice.Knobs = &knobs
	cfg := sandbox.Config{
		CAFile: ts.MkAbs("ca.pem"), Epoch: born, Expired: args[0] == "expired", Practices: []sandbox.Practice{practice},
	}
	if protected {
		key, err := smart.GenerateKey(smart.RS384)
		ts.Check(err)
		private, err := key.PrivateJWK()
		ts.Check(err)
		public, err := smart.JWKS(key)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs("key.jwk"), private, 0o600))
		cfg.Clients = []sandbox.Client{{ID: "client-1", JWKS: public}}
	}
	server, err := sandbox.Start(context.Background(), cfg)
	ts.Check(err)
	ts.Defer(func() { ts.Check(server.Close()) })
	fastProfile(ts, string(practice.Profile))
	ts.Setenv("BASE", server.Practice("LAKESD").Base())
	ts.Setenv("GROUP", "8a5c1d3e-6f00-4b7a-9c21-0d4e5f6a7b81")
}

// fastProfile writes the profile with polls that suit a test.
func fastProfile(ts *testscript.TestScript, name string) {
	profile := config.Profiles()[name]
	profile.Poll = config.PollRule{
		Default: config.Duration(20 * time.Millisecond), Floor: config.Duration(10 * time.Millisecond), Ceiling: config.Duration(time.Second),
	}
	text, err := profile.YAML()
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs("profiles"), 0o700))
	ts.Check(os.WriteFile(filepath.Join(ts.MkAbs("profiles"), name+".yaml"), text, 0o600))
}

// checkStatus runs a command and checks its exit status: status 3 bulkhead ….
func checkStatus(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil || len(args) < 2 {
		ts.Fatalf("usage: status N command …")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// nobody sets BASE to an address where nothing listens.
func nobody(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv("BASE", fmt.Sprintf("https://%s/fhir", l.Addr()))
	ts.Check(l.Close())
	fastProfile(ts, "standard")
}

// startRun starts bulkhead run with ./bulkhead.yaml and returns when it works;
// it is stopped, and must end well, when the script ends.
func startRun(ts *testscript.TestScript, _ bool, _ []string) {
	ctx, stop := context.WithCancel(context.Background())
	says, out := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Main(ctx, []string{"--config", ts.MkAbs("bulkhead.yaml"), "run"}, cli.Streams{In: os.Stdin, Out: out, Err: os.Stderr})
	}()
	ts.Defer(func() {
		stop()
		if status := <-ended; status != 0 {
			ts.Fatalf("bulkhead run ended with status %d", status)
		}
	})
	lines := bufio.NewReader(says)
	line, err := lines.ReadString('\n')
	ts.Check(err)
	ts.Logf("[run] %s", line)
	go io.Copy(io.Discard, lines) //nolint:errcheck // it ends with the process
}

// hangUp sends this process, in which run works, SIGHUP until the files are in
// force: hup. That run listens for it is known only by what it does.
func hangUp(ts *testscript.TestScript, _ bool, _ []string) {
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP) // before run does, it would end the process
	defer signal.Stop(heard)
	for pace := time.NewTicker(200 * time.Millisecond); ; <-pace.C {
		ts.Check(syscall.Kill(os.Getpid(), syscall.SIGHUP))
		<-heard
		ts.Check(ts.Exec("bulkhead", "config", "diff"))
		if strings.Contains(ts.ReadFile("stdout"), "nothing differs") {
			pace.Stop()
			return
		}
	}
}

// firstKey sets KID to the id of a registration's oldest key: first NAME.
func firstKey(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec("bulkhead", "--json", "keys", "list", args[0]))
	line, _, _ := strings.Cut(ts.ReadFile("stdout"), "\n")
	var k struct {
		KeyID string `json:"kid"`
	}
	ts.Check(json.Unmarshal([]byte(line), &k))
	ts.Setenv("KID", k.KeyID)
}

// latestExport sets EXPORT to the id of a practice's latest export: origin TENANT.
func latestExport(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec("bulkhead", "--json", "status", args[0], "--limit", "1"))
	var x struct {
		Export string `json:"export"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &x))
	ts.Setenv("EXPORT", x.Export)
}

// fill puts the script's variables into a file: fill FILE.
func fill(ts *testscript.TestScript, _ bool, args []string) {
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// small is bulkhead with a state folder of its own that holds 4 MiB.
func small() {
	if err := onSmallDisk(); err != nil {
		fmt.Fprintln(os.Stderr, "make a small disk:", err)
		os.Exit(125)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

// onSmallDisk mounts a file system of 4 MiB at ./state, seen by this process
// only: it runs itself again in a mount namespace.
func onSmallDisk() error {
	const inside = "BULKHEAD_SMALL_DISK"
	if os.Getenv(inside) != "" {
		if err := os.MkdirAll("state", 0o700); err != nil {
			return err
		}
		return syscall.Mount("none", "state", "tmpfs", 0, "size=4m,mode=700")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	attributes := &os.ProcAttr{
		Env: append(os.Environ(), inside+"=1"), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys: &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		},
	}
	if os.Getuid() == 0 {
		attributes.Sys = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	}
	child, err := os.StartProcess(self, os.Args, attributes)
	if err != nil {
		return err
	}
	state, err := child.Wait()
	if err != nil {
		return err
	}
	os.Exit(state.ExitCode())
	return nil
}
