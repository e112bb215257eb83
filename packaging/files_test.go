package packaging_test

import (
	"net"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/cli"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// configured is where the packages have the configuration.
const configured = "/etc/bulkhead/bulkhead.yaml"

// example is the configuration that the packages count on.
func example(t *testing.T) *config.Config {
	t.Helper()
	c, err := config.Parse(configured, []byte(read(t, "bulkhead.example.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// command checks that a line, without the path of the command, is one that
// bulkhead takes.
func command(t *testing.T, file string, line []string) {
	t.Helper()
	if len(line) == 0 || line[0] != "/usr/bin/bulkhead" {
		t.Errorf("%s runs %q, not /usr/bin/bulkhead", file, line)
		return
	}
	if err := cli.Parses(line[1:]...); err != nil {
		t.Errorf("%s: %v: %v", file, line, err)
	}
}

// A unit is a systemd unit: the values of each setting, by section.
type unit map[string]map[string][]string

func readUnit(t *testing.T) unit {
	t.Helper()
	u, section := unit{}, ""
	for line := range strings.Lines(read(t, "bulkhead.service")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[]")
			u[section] = map[string][]string{}
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			t.Fatalf("bulkhead.service: %s is no setting", line)
		}
		u[section][name] = append(u[section][name], value)
	}
	return u
}

func (u unit) one(t *testing.T, name string) string {
	t.Helper()
	values := u["Service"][name]
	if len(values) != 1 {
		t.Fatalf("bulkhead.service has %s %d times", name, len(values))
	}
	return values[0]
}

func TestTheUnitRunsWhatTheCommandTakes(t *testing.T) {
	t.Parallel()
	u, c := readUnit(t), example(t)
	for _, name := range []string{"ExecStartPre", "ExecStart", "ExecReload"} {
		for _, line := range u["Service"][name] {
			if line == "/bin/kill -HUP $MAINPID" {
				continue
			}
			command(t, "bulkhead.service", strings.Fields(line))
		}
	}
	if got := u.one(t, "ExecStart"); got != "/usr/bin/bulkhead run" {
		t.Errorf("it starts %s", got)
	}
	if _, file, _ := strings.Cut(u.one(t, "Environment"), "BULKHEAD_CONFIG="); file != configured {
		t.Errorf("its configuration is %s, that of the packages %s", file, configured)
	}
	if got := path.Join("/var/lib", u.one(t, "StateDirectory")); got != c.Folder {
		t.Errorf("its state folder is %s, that of the configuration %s", got, c.Folder)
	}
	if d, err := time.ParseDuration(u.one(t, "TimeoutStopSec")); err != nil || d < 15*time.Second {
		t.Errorf("a stop may take %v, %v: running steps have ten seconds", d, err)
	}
	user := u.one(t, "User")
	if !strings.Contains(read(t, "bulkhead.sysusers"), "\nu "+user+" ") {
		t.Errorf("bulkhead.sysusers makes no user %s", user)
	}
	_, secrets, _ := strings.Cut(u.one(t, "LoadCredential"), ":")
	for folder, owner := range map[string]string{secrets: "0700 root root", strings.TrimPrefix(u.one(t, "ReadWritePaths"), "-"): "0700 " + user + " " + user} {
		if !regexp.MustCompile(`(?m)^d ` + folder + ` +` + owner + ` `).MatchString(read(t, "bulkhead.tmpfiles")) {
			t.Errorf("bulkhead.tmpfiles does not make %s, %s", folder, owner)
		}
	}
	if key := path.Dir(c.Encryption.KeyFile); key != strings.TrimPrefix(u.one(t, "ReadWritePaths"), "-") {
		t.Errorf("the house key is in %s, where the service cannot replace it", key)
	}
}

func TestTheUnitShutsTheServiceIn(t *testing.T) {
	t.Parallel()
	u := readUnit(t)
	for name, want := range map[string]string{
		"NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
		"CapabilityBoundingSet": "", "RestrictNamespaces": "yes", "MemoryDenyWriteExecute": "yes", "UMask": "0077", "LimitCORE": "0", "StateDirectoryMode": "0700",
	} {
		if got := u.one(t, name); got != want {
			t.Errorf("%s=%s, want %s", name, got, want)
		}
	}
}

// systemd's own judgement.
func TestTheUnitIsOneThatSystemdTakes(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Fatal("there is no systemd-analyze here: scripts/setup.sh tests installs it")
	}
	out, err := exec.CommandContext(t.Context(), tool, "verify", "--man=no", "./bulkhead.service").CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "Command /usr/bin/bulkhead is not executable") { // it is not installed here
			t.Errorf("systemd-analyze verify: %s (%v)", strings.TrimSpace(line), err)
		}
	}
}

func TestEveryPackageNamesTheSamePathsAndPorts(t *testing.T) {
	t.Parallel()
	c := example(t)
	ports := map[string]bool{}
	for _, listen := range []string{c.Web.Listen, c.JWKS.Listen, c.Metrics.Listen} {
		_, port, err := net.SplitHostPort(listen)
		if err != nil {
			t.Fatal(err)
		}
		ports[port] = true
	}
	var compose struct {
		Services map[string]struct {
			ReadOnly bool     `yaml:"read_only"`
			User     string   `yaml:"user"`
			CapDrop  []string `yaml:"cap_drop"`
			Ports    []string `yaml:"ports"`
			Volumes  []string `yaml:"volumes"`
			Grace    string   `yaml:"stop_grace_period"`
		} `yaml:"services"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "compose.yaml")), &compose); err != nil {
		t.Fatal(err)
	}
	s, ok := compose.Services["bulkhead"]
	if !ok || !s.ReadOnly || !cmp.Equal(s.CapDrop, []string{"ALL"}) || s.User != "65532:65532" || s.Grace != "30s" {
		t.Errorf("compose.yaml shuts the container in less than it should: %+v", s)
	}
	for _, p := range s.Ports {
		if !ports[p[strings.LastIndex(p, ":")+1:]] {
			t.Errorf("compose.yaml publishes %s, which the configuration does not serve", p)
		}
	}
	// The folder, not the file: what replaces a file that is mounted by itself is never seen.
	if !slices.Contains(s.Volumes, "state:"+c.Folder) || !slices.Contains(s.Volumes, "./etc:"+path.Dir(configured)+":ro") ||
		!slices.Contains(s.Volumes, "./etc/keys:"+path.Dir(c.Encryption.KeyFile)) {
		t.Errorf("compose.yaml mounts %q; the state is in %s, the configuration is %s", s.Volumes, c.Folder, configured)
	}
	kubernetes := read(t, "kubernetes/bulkhead.yaml")
	var set map[string]any
	if err := yaml.Unmarshal([]byte(kubernetes), &set); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"mountPath: " + c.Folder + "}", "value: /etc/bulkhead/config/bulkhead.yaml}", "mountPath: /etc/bulkhead/config, ", "replicas: 1\n", "readOnlyRootFilesystem: true", "runAsUser: 65532", "drop: [ALL]"} {
		if !strings.Contains(kubernetes, want) {
			t.Errorf("kubernetes/bulkhead.yaml has no %q", want)
		}
	}
	if strings.Contains(kubernetes, "subPath:") {
		t.Error("kubernetes/bulkhead.yaml mounts a file by itself: it would never change")
	}
	for _, m := range regexp.MustCompile(`command: \[([^\]]+)\]`).FindAllStringSubmatch(kubernetes, -1) {
		command(t, "kubernetes/bulkhead.yaml", strings.Split(m[1], ", "))
	}
	for _, m := range regexp.MustCompile(`containerPort: (\d+)`).FindAllStringSubmatch(kubernetes, -1) {
		if !ports[m[1]] {
			t.Errorf("kubernetes/bulkhead.yaml has the port %s, which the configuration does not serve", m[1])
		}
	}
}

// The examples are configurations as a person would write them: sound, with
// every practice's exports planned without a mistake.
func TestTheExamplesAreSoundConfigurations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file    string
		tenants int
	}{{"../docs/examples/bulkhead.yaml", 2}, {"../docs/examples/ecw/bulkhead.yaml", 2}} {
		cfg, err := config.Load(c.file)
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		if len(cfg.Tenants) != c.tenants {
			t.Errorf("%s has %d practices, want %d", c.file, len(cfg.Tenants), c.tenants)
		}
		for _, tenant := range cfg.Tenants {
			if tenant.Schedule != "" && (tenant.TimeZone == "" || tenant.Agreement == nil) {
				t.Errorf("%s: %s has a schedule, and no time zone or no agreement", c.file, tenant.ID)
			}
		}
	}
}
