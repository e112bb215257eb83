// Package cli is the command bulkhead: one file for each verb. It reads the
// command line, calls the rooms, and renders what they return, in the one
// place that knows exit statuses.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// Streams are where the command reads and writes, and what it is.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Version  string // what the build calls itself; empty when it says nothing

	// Point, for tests, is called at the named moments of commits by the verbs
	// that work on exports. Nil in production.
	Point func(name string) error
}

// Globals are the flags of every verb.
type Globals struct {
	Config string `short:"f" type:"path" env:"BULKHEAD_CONFIG" placeholder:"FILE" help:"Configuration file (default: bulkhead.yaml)."`
	JSON   bool   `help:"Print JSON, one object per line where there are several."`
	Log    string `enum:"debug,info,warn,error,none" default:"none" env:"BULKHEAD_LOG" help:"What is logged to standard error: debug, info, warn, error or none. run logs info by itself."`

	streams Streams
}

type command struct {
	Globals

	Demo       demoCommand               `cmd:"" help:"Show all of it: a practice EHR with three practices, exports, tables, queries. Installs nothing."`
	Run        runCommand                `cmd:"" help:"Look after all configured practices until told to stop."`
	Export     exportCommand             `cmd:"" help:"Export practices now and watch."`
	Registry   configCommand             `cmd:"" name:"config" help:"Check the configuration, compare it with what is in force, and apply it."`
	Plan       planCommand               `cmd:"" help:"Say what an export would do, without sending anything."`
	Status     statusCommand             `cmd:"" help:"Say what is going on, and what went wrong."`
	Pause      pauseCommand              `cmd:"" help:"Hold a practice back, a registration, or all; without a name, list what is."`
	Unpause    unpauseCommand            `cmd:"" help:"End a pause."`
	Cancel     cancelCommand             `cmd:"" help:"Stop a practice's export."`
	Quarantine quarantineCommand         `cmd:"" help:"Look at the lines that were refused, and take them again."`
	Query      queryCommand              `cmd:"" help:"Run SQL over the tables of all practices."`
	Tables     tablesCommand             `cmd:"" help:"Say which tables there are, and what their columns mean."`
	Alerts     alertsCommand             `cmd:"" help:"Say what needs somebody, and who has taken it on."`
	Roster     rosterCommand             `cmd:"" help:"Say who joined and who left the groups, in numbers, and which lists nobody makes anew."`
	Quality    qualityCommand            `cmd:"" help:"Say what the resources of an export are worth."`
	Validate   validateCommand           `cmd:"" help:"Check NDJSON files, line by line and by US Core, without server or ledger."`
	Flatten    flattenCommand            `cmd:"" help:"Turn NDJSON files into rows by views, without server or ledger."`
	Check      checkCommand              `cmd:"" help:"Try a practice's server before its first export."`
	Health     healthCommand             `cmd:"" help:"Ask the bulkhead that runs here how it is, for supervisors that know commands only."`
	Doctor     doctorCommand             `cmd:"" help:"Compare the ledger with files and tables, and repair what can be repaired."`
	Backup     backupCommand             `cmd:"" help:"Copy the ledger, also while bulkhead works."`
	Restore    restoreCommand            `cmd:"" help:"Put a copy of the ledger back."`
	Dispose    disposeCommand            `cmd:"" help:"Take away what may no longer be kept, and certify what went at the end of an agreement."`
	People     peopleCommand             `cmd:"" help:"Say who may sign in to the pages, and let somebody in again where no admin can."`
	Audit      auditCommand              `cmd:"" help:"Verify, export and search the record of who did what."`
	Keys       keysCommand               `cmd:"" help:"Make signing keys and show their public parts."`
	Encryption encryptionCommand         `cmd:"" help:"Encrypt what is kept of practices, each by a key of its own; rotate and destroy these keys."`
	Sandbox    sandboxCommand            `cmd:"" help:"Serve a practice EHR to practise on."`
	Version    versionCommand            `cmd:"" help:"Print the version."`
	Completion kongcompletion.Completion `cmd:"" help:"Print what a shell needs to complete commands and flags."`
}

// exited carries the status with which kong wants to end.
type exited int

// Main runs one command line and returns the exit status: 0, or what
// docs/problems.md lists.
func Main(ctx context.Context, args []string, streams Streams) (status int) {
	ctx = audit.As(ctx, audit.Person())
	var c command
	c.streams = streams
	defer func() {
		if r := recover(); r != nil {
			code, ok := r.(exited)
			if !ok {
				panic(r)
			}
			status = int(code)
		}
	}()
	parser, err := kong.New(&c, kong.Name("bulkhead"),
		kong.Description("Pulls FHIR Bulk Data out of many practices' EHRs and keeps it as tables, each practice behind its own bulkhead."),
		kong.Writers(streams.Out, streams.Err), kong.Exit(func(code int) { panic(exited(code)) }),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		return render(streams, false, fmt.Errorf("build the command line: %w", err))
	}
	illustrate(parser.Model.Node)
	kongcompletion.Register(parser)
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if err != nil {
		return render(streams, c.JSON, problem.New(problem.Usage, err.Error(), usageRemedy(err)))
	}
	err = k.Run(&c.Globals)
	if err != nil && ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))) {
		err = problem.New(problem.Cancelled, "stopped on request", "Run the command again; work goes on where it stopped.")
	}
	return render(streams, c.JSON, err)
}

func usageRemedy(err error) string {
	if wrong, ok := errors.AsType[*kong.ParseError](err); ok && wrong.Context.Command() != "" {
		verb, _, _ := strings.Cut(wrong.Context.Command(), " ")
		return "See bulkhead " + verb + " --help."
	}
	return "See bulkhead --help."
}

// load reads the configuration that the flags name, or bulkhead.yaml here.
func (g *Globals) load() (*config.Config, error) {
	path := g.Config
	if path == "" {
		path = "bulkhead.yaml"
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	return config.Load(absolute)
}

// tenant reads the configuration, and one practice of it.
func (g *Globals) tenant(id string) (*config.Config, *config.Tenant, error) {
	cfg, err := g.load()
	if err != nil {
		return nil, nil, err
	}
	t, err := cfg.Tenant(id)
	return cfg, t, err
}

func (g *Globals) logger() *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(g.Log)); err != nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(g.streams.Err, &slog.HandlerOptions{Level: level}))
}

func (g *Globals) printf(format string, args ...any) {
	fmt.Fprintf(g.streams.Out, format, args...) //nolint:errcheck // a closed standard output ends the command elsewhere
}

// isTerminal reports whether a person is watching the writer.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	fi, err := f.Stat()
	return err == nil && fi.Mode()&os.ModeCharDevice != 0
}
