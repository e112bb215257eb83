package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

type configApplyCommand struct {
	Yes bool `short:"y" help:"Do not ask."`
}

// Run shows what differs, asks, and puts the files in force: a bulkhead that
// runs takes them up without a pause, or else they are recorded for the next
// start. What it shows is what comes into force, or nothing does.
func (c *configApplyCommand) Run(ctx context.Context, g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	inForce, err := partsInForce(ctx, cfg)
	if err != nil {
		return err
	}
	parts := cfg.Parts()
	d := config.CompareParts(inForce, parts)
	if err := g.printDiff(cfg, d); err != nil || d.Empty() {
		return err
	}
	if err := c.agreed(g); err != nil {
		return err
	}
	for {
		err := g.record(ctx, cfg)
		if p, ok := errors.AsType[*problem.Problem](err); !ok || p.Code != problem.LedgerLocked {
			return err
		}
		if err := g.askReload(ctx, cfg, parts); !errors.Is(err, errHolderGone) {
			return err
		}
	}
}

// agreed asks the person at the terminal.
func (c *configApplyCommand) agreed(g *Globals) error {
	if c.Yes {
		return nil
	}
	if !isTerminal(g.streams.Out) || !asksAtTerminal(g.streams.In) {
		return problem.New(problem.Usage, "nobody can be asked whether this is to be put in force", "Look at it with bulkhead config diff, and give --yes.")
	}
	g.printf("put this in force? [y/N] ")
	answer, err := bufio.NewReader(g.streams.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if word := strings.ToLower(strings.TrimSpace(answer)); word != "y" && word != "yes" {
		return problem.New(problem.Cancelled, "nothing was put in force", "Run the command again when the files are as they should be.")
	}
	return nil
}

func asksAtTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && isTerminal(f)
}

// record puts the configuration in force where no bulkhead is at work.
func (g *Globals) record(ctx context.Context, cfg *config.Config) error {
	s, err := store.Open(ctx, app.Ledger(cfg))
	if err != nil {
		return err
	}
	who := audit.Person()
	_, err = app.Record(audit.As(ctx, who), s, cfg, who.Actor)
	if err := errors.Join(err, s.Close()); err != nil {
		return err
	}
	return g.applied("recorded; bulkhead takes it up when it is started")
}

// reloadWithin is how long a bulkhead at work may take for an answer.
const reloadWithin = 30 * time.Second

// askReload asks the bulkhead at work to take the files up and waits for its
// answer. It is errHolderGone when that one ended before it answered.
func (g *Globals) askReload(ctx context.Context, cfg *config.Config, parts []config.Part) error {
	s, err := store.Join(ctx, app.Ledger(cfg))
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // what it wrote is committed
	id, err := s.AskReload(ctx, config.Digest(parts), audit.Person().Actor)
	if err != nil {
		return err
	}
	pace := time.NewTicker(100 * time.Millisecond)
	defer pace.Stop()
	for deadline := time.Now().Add(reloadWithin); ; {
		r, err := s.Reload(ctx, id)
		switch {
		case err != nil:
			return err
		case r.Answered && r.Refusal != "":
			return problem.New(problem.ConfigInvalid, "the bulkhead at work did not take the files up: "+r.Refusal, "See to that, and apply again. What was in force is in force still.")
		case r.Answered:
			return g.applied("in force: the bulkhead at work has taken it up")
		case !store.Held(app.Ledger(cfg)):
			return errHolderGone
		case time.Now().After(deadline):
			return errors.Join(s.AnswerReload(ctx, id, "nobody answered"), problem.New(problem.LedgerLocked,
				"the bulkhead at work does not answer: it is no bulkhead run", "Wait until it has ended, and apply again."))
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), s.AnswerReload(context.WithoutCancel(ctx), id, "taken back"))
		case <-pace.C:
		}
	}
}

func (g *Globals) applied(text string) error {
	if g.JSON {
		return g.emit(map[string]string{"applied": text})
	}
	g.printf("%s\n", text)
	return nil
}
