package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// A walk types what a page says, in a folder of its own, and compares what it
// sees with what the page says.
type walk struct {
	t         *testing.T
	folder    string
	ports     *strings.Replacer // the page's ports to free ones
	back      *strings.Replacer
	terminals map[string]*terminal
}

// A terminal is a command that goes on while others are typed.
type terminal struct {
	cmd *exec.Cmd
	mu  sync.Mutex
	out bytes.Buffer
}

func (o *terminal) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.out.Write(p)
}

func (o *terminal) says() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.out.String()
}

func newWalk(t *testing.T, ports ...string) *walk {
	w := &walk{t: t, folder: t.TempDir(), terminals: map[string]*terminal{}}
	var there, back []string
	for _, p := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, free, _ := net.SplitHostPort(l.Addr().String())
		there, back = append(there, "127.0.0.1:"+p, "127.0.0.1:"+free), append(back, "127.0.0.1:"+free, "127.0.0.1:"+p)
	}
	w.ports, w.back = strings.NewReplacer(there...), strings.NewReplacer(append(back, w.folder, "/home/you/try")...)
	t.Cleanup(func() {
		for name := range w.terminals {
			w.stop(name)
		}
	})
	return w
}

// command is a line as a shell of this folder runs it, on ports that are free.
func (w *walk) command(line string) *exec.Cmd {
	if strings.HasPrefix(line, "bulkhead sandbox ") {
		line += " --addr 127.0.0.1:8443 --token-addr 127.0.0.1:8444"
	}
	cmd := exec.CommandContext(w.t.Context(), "sh", "-c", "exec "+w.ports.Replace(line))
	if strings.Contains(line, "|") {
		cmd.Args[2] = w.ports.Replace(line)
	}
	cmd.Dir = w.folder
	return cmd
}

// file writes a file of the page, with polls that suit a test.
func (w *walk) file(name, text string) {
	profile := config.Profiles()["ecw"]
	profile.Poll = config.PollRule{Default: config.Duration(20 * time.Millisecond), Floor: config.Duration(10 * time.Millisecond), Ceiling: config.Duration(time.Second)}
	polls, err := profile.YAML()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(w.folder, "profiles"), 0o700); err != nil {
		w.t.Fatal(err)
	}
	for name, text := range map[string]string{name: w.ports.Replace(text) + "profiles: profiles\n", "profiles/ecw.yaml": string(polls)} {
		if err := os.WriteFile(filepath.Join(w.folder, name), []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
}

// varying is what differs from one walk to the next, and what stands for it.
var varying = []struct {
	is *regexp.Regexp
	as string
}{
	{regexp.MustCompile(`\n[ \t]{9,}`), " "}, // a line that goes on: where it breaks depends on the ports
	{regexp.MustCompile(`\d{8}-\d{6}-[a-z0-9]{8}`), "<export>"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( [A-Z]{3}|Z)?|\b\d\d:\d\d:\d\d\b`), "<time>"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "<hash>"},
	{regexp.MustCompile(`[A-Za-z0-9_-]{43}`), "<kid>"},
	{regexp.MustCompile(`code [A-Z0-9]{10}`), "<code>"},
	{regexp.MustCompile(`\b\d+\.\d+( s)?\b|\b\d{5,10}\b|row \d+`), "<number>"},
	{regexp.MustCompile(`[\d,]+ resources`), "<n> resources"},
	{regexp.MustCompile(`\d+ files?\b`), "<n> files"},
	{regexp.MustCompile(`[ \t]+`), " "},
	{regexp.MustCompile(`(?m) +$`), ""},
	{regexp.MustCompile(`(?m)^(oak-street [A-Z][A-Za-z]+ \d+) \d+ \d+ `), "$1 <n> <n> "}, // the invented patients grow older, day by day
}

func (w *walk) plain(text string) string {
	text = w.back.Replace(text)
	for _, v := range varying {
		text = v.is.ReplaceAllString(text, v.as)
	}
	return strings.TrimSpace(text)
}

// differs says where what was seen is not what the page says; a line of three
// dots stands for any lines.
func (w *walk) differs(want, got string) string {
	parts := strings.Split("\n"+w.plain(want)+"\n", "\n...\n")
	rest := "\n" + w.plain(got) + "\n"
	for i, part := range parts {
		at := strings.Index(rest, strings.TrimSuffix(part, "\n"))
		if at < 0 || i == 0 && at > 0 {
			return fmt.Sprintf("the page says\n%s\nand this was seen:\n%s", part, w.back.Replace(got))
		}
		rest = rest[at+len(strings.TrimSuffix(part, "\n")):]
	}
	if last := parts[len(parts)-1]; strings.TrimSpace(last) != "" && strings.TrimSpace(rest) != "" {
		return "after what the page says there is more:\n" + rest
	}
	return ""
}

// start runs a command on until it has said what the page says.
func (w *walk) start(name, line, want string) {
	o := &terminal{cmd: w.command(line)}
	o.cmd.Stdout = o
	if err := o.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.terminals[name] = o
	w.await(line, want, o.says)
}

func (w *walk) stop(name string) {
	o := w.terminals[name]
	delete(w.terminals, name)
	if err := o.cmd.Process.Signal(syscall.SIGINT); err != nil {
		w.t.Errorf("stop %s: %v", name, err)
	}
	if err := o.cmd.Wait(); err != nil && w.t.Context().Err() == nil {
		w.t.Errorf("%s ended with %v", name, err)
	}
}

// await looks again and again until what is seen is what the page says.
func (w *walk) await(line, want string, see func() string) {
	pace, enough := time.NewTicker(250*time.Millisecond), time.After(3*time.Minute)
	defer pace.Stop()
	for {
		d := w.differs(want, see())
		if d == "" {
			return
		}
		select {
		case <-pace.C:
		case <-enough:
			w.t.Fatalf("$ %s\n%s", line, d)
		case <-w.t.Context().Done():
			w.t.Fatalf("$ %s\nno more time\n%s", line, d)
		}
	}
}

func (w *walk) once(line string) string {
	out, err := w.command(line).CombinedOutput()
	if err != nil {
		w.t.Logf("$ %s: %v", line, err)
	}
	return string(out)
}

// typed runs the command lines of a block and compares what each says. The
// first one is run again until it says it, when until is true.
func (w *walk) typed(block string, until bool) {
	for i, part := range strings.Split("\n"+block, "\n$ ")[1:] {
		line, want, _ := strings.Cut(part, "\n")
		if i == 0 && until {
			w.await(line, want, func() string { return w.once(line) })
			continue
		}
		if d := w.differs(want, w.once(line)); d != "" {
			w.t.Fatalf("$ %s\n%s", line, d)
		}
	}
}

var element = regexp.MustCompile("(?ms)^<!-- (terminal|stop|file|until)(?:: (\\S+))? -->$|^```(yaml)?\n(.*?)^```$")

// A newcomer gets from an empty folder to a practice that is scheduled,
// encrypted and watched by typing what the page says.
func TestTheOnboardingPageIsWhatANewcomerSees(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/onboarding.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(page), "## The same in fifteen minutes")
	if !ok {
		t.Fatal("the page has no second walk")
	}
	w := newWalk(t, "8443", "8444", "8080", "9464")
	mark, name, blocks := "", "", 0
	for _, m := range element.FindAllStringSubmatch(text, -1) {
		switch {
		case m[1] == "stop":
			w.stop(m[2])
		case m[1] != "":
			mark, name = m[1], m[2]
		case mark == "file":
			w.file(name, m[4])
			mark = ""
		case mark == "terminal":
			line, want, _ := strings.Cut(strings.TrimPrefix(m[4], "$ "), "\n")
			w.start(name, line, want)
			mark = ""
		default:
			blocks++
			w.typed(m[4], mark == "until")
			mark = ""
		}
	}
	if blocks < 7 || len(w.terminals) > 0 {
		t.Errorf("%d blocks were typed, %d terminals are left", blocks, len(w.terminals))
	}
}
