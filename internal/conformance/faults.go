package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// faultAttribute is the key of the attribute that tells a fault:
//
//	t.Attr("fault", "<area>: <fault> -> <outcome>")
const faultAttribute = "fault"

// areas are those of faults, in the page's order.
var areas = []struct{ name, title, intro string }{
	{"step", "Steps", "A step is one short piece of work: kick off, poll, download a file, take it apart, publish, release."},
	{"machine", "The machine and the process", "Processes that are killed or told to end, disks, clocks, the ledger's file."},
	{"network", "The network", "Connections that break, stall or lead nowhere."},
	{"server", "Servers", "Servers that are busy, broken, restarted, or say what is not so."},
	{"hostile", "Hostile servers", "Servers that want to harm: bounded time, memory and disk, a clear problem, and the other practices do not notice."},
	{"load", "Load", "Much at once."},
	{"canary", "Secrets and patients", "What must never be seen in a log, an error, a status or a page."},
}

// A fault is one line of the page: what happens, what comes of it, and the
// tests that show it.
type fault struct {
	area, what, outcome string
	tests               []test
}

// scanFaults finds the faults of all tests below root, in the order of their
// files, without running any. One of a table of cases stands for each case.
func scanFaults(root string) ([]fault, error) {
	module, err := moduleOf(root)
	if err != nil {
		return nil, err
	}
	var list []fault
	rooms := map[string]*room{}
	err = eachTestFile(root, func(file, pkg string) error {
		s := &source{root: root, module: module, pkg: pkg, rooms: rooms}
		return s.scan(file, &list)
	})
	if err != nil {
		return nil, fmt.Errorf("read the faults: %w", err)
	}
	return list, nil
}

// scan adds the faults of one file.
func (s *source) scan(file string, list *[]fault) error {
	s.files = token.NewFileSet()
	parsed, err := parser.ParseFile(s.files, file, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	s.file = parsed
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		var above []ast.Node
		ast.Inspect(f.Body, func(n ast.Node) bool {
			if n == nil {
				above = above[:len(above)-1]
				return true
			}
			above = append(above, n)
			call, ok := n.(*ast.CallExpr)
			if ok && isAttribute(call, faultAttribute) && err == nil {
				err = s.add(f, call, above, list)
			}
			return true
		})
	}
	return err
}

// add takes what one call says, once for each case of the table that it
// stands in.
func (s *source) add(f *ast.FuncDecl, call *ast.CallExpr, above []ast.Node, list *[]fault) error {
	at := s.files.Position(call.Pos())
	if f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") {
		return fmt.Errorf("%s: a fault must stand in the test itself", at)
	}
	for _, text := range s.texts(f, call.Args[1], above) {
		area, rest, _ := strings.Cut(text, ": ")
		i := strings.LastIndex(rest, " -> ")
		if i <= 0 || !slices.ContainsFunc(areas, func(a struct{ name, title, intro string }) bool { return a.name == area }) {
			return fmt.Errorf("%s: %q is not \"<area>: <fault> -> <outcome>\", with an area of the page", at, text)
		}
		addFault(list, fault{area: area, what: rest[:i], outcome: rest[i+len(" -> "):], tests: []test{{s.pkg, f.Name.Name}}})
	}
	return nil
}

// addFault adds a fault, or its test to the same fault.
func addFault(list *[]fault, f fault) {
	for i, have := range *list {
		if have.area == f.area && have.what == f.what && have.outcome == f.outcome {
			if !slices.Contains(have.tests, f.tests[0]) {
				(*list)[i].tests = append(have.tests, f.tests...)
			}
			return
		}
	}
	*list = append(*list, f)
}

// reliabilityHead says what the page is about.
const reliabilityHead = `# When things go wrong

What happens to exports when something dies, breaks, fills up or lies, and the tests that show it. This page is written from the tests'
sources (` + "`go run ./internal/conformance --faults`" + `); each line is a ` + "`t.Attr(\"fault\", …)`" + ` of a test.

## What is promised

- **A process may die at any moment**: killed, out of memory, without power. The next one goes on where the ledger says; there is no recovery
  command. Tables, raw files, quarantine and watermark come out as if nothing had happened, row for row.
- **Nothing is there twice.** A step may run again; what it did counts once. A publication is visible wholly or not at all, in each sink.
- **One kick-off for one export.** Its intent is durable before the request leaves. Where the answer is lost nobody can know whether the server
  has begun: the export is then ` + "`unknown`" + `, and a person resumes it (` + "`bulkhead export PRACTICE --resume`" + `), which asks once more.
- **Nothing is lost in silence.** Each line of each file is delivered, quarantined with its reason, or blank, and the three are counted. A file that
  is cut short is fetched again, not taken for whole.
- **The watermark moves last**, in the transaction that completes the export, so the next export can only ask for too much, never for too little.
- **Waiting is done by bulkhead, deciding by people.** What time may cure is waited out and retried; everything else ends the export with a problem
  that says what to do, and it resumes where it stood.
- **Nothing is left behind**: no temporary file, no open step, no slot, no half a snapshot.
- **One practice's trouble is its own.** Others go on.

A disk that loses what it has confirmed, or a ledger that is edited by hand, is beyond these promises.

## Try it

| command | what it does |
|---|---|
| ` + "`make crash`" + ` | kills the program (` + "`kill -9`" + `) at every named moment of every step and both sinks, then 200 times at random moments, bytes and times, a third of them announced by SIGTERM; after each life everything is compared with a calm one. A failure prints the ` + "`CRASH_SEED` and `CRASH_WORLD`" + ` that draw the same deaths again. |
| ` + "`make soak`" + ` | ten minutes of scheduled life of four practices in a storm of server faults, kills and SIGTERMs: at the end no goroutine, descriptor, temporary file, slot or lease is left, ` + "`doctor --deep`" + ` is clean, and the tables are those of a calm life. |
| ` + "`make scenarios`" + ` | random combinations of servers' habits and faults, in simulated time. |

All of them run in a short form among the ordinary tests.
`

// reliability is the page of the faults. It holds nothing that differs from
// run to run.
func reliability(list []fault) string {
	var b strings.Builder
	b.WriteString(reliabilityHead)
	for _, a := range areas {
		head := fmt.Sprintf("\n## %s\n\n%s\n\n| what happens | what comes of it | test |\n|---|---|---|\n", a.title, a.intro)
		for _, f := range list {
			if f.area != a.name {
				continue
			}
			fmt.Fprintf(&b, "%s| %s | %s | %s |\n", head, cell(f.what), cell(f.outcome), names(f.tests))
			head = ""
		}
	}
	return b.String()
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
