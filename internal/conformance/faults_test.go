package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// faultSources tell faults in every way that is read.
var faultSources = map[string]string{
	"b/b.go": `package b
type Kind string
const Late Kind = "late"
`,
	"a/a_test.go": `package a
import "example.test/m/b"
const host = "h1"
type named struct { name, outcome string }
func TestPlain(t *testing.T) {
	t.Attr("fault", "step: a: b -> c")
	t.Attr("shows", "BD-001")
}
func TestAgain(t *testing.T) { t.Attr("fault", "step: a: b -> c") }
func TestRows(t *testing.T) {
	for _, c := range []struct { name string; kind b.Kind; f func() }{ {"one", b.Late, nil}, {name: "two", kind: "early"} } {
		t.Run(c.name, func(t *testing.T) {
			end := "is " + string(c.kind)
			t.Attr("fault", "server: " + c.name + " -> " + end)
		})
	}
}
func TestMap(t *testing.T) {
	cases := map[string]named{"x": {"n1", "o1"}, "y": {outcome: "o2"}}
	for key, c := range cases {
		t.Attr("fault", "load: " + key + c.name + " -> " + c.outcome)
	}
}
func TestFormats(t *testing.T) {
	for _, n := range []int{500, 503} {
		t.Attr("fault", fmt.Sprintf("network: %d of %s -> waits | on", n, host))
	}
	for _, of := range []string{host} {
		t.Attr("fault", "network: " + map[string]string{host: "the host"}[of] + " -> " + strings.ToUpper("x"))
	}
}
`,
}

func TestFaultsAreReadFromTheSourcesOfTests(t *testing.T) {
	list, err := scanFaults(module(t, faultSources))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range list {
		got = append(got, strings.Join([]string{f.area, f.what, f.outcome, names(f.tests)}, ", "))
	}
	want := []string{
		"step, a: b, c, a: TestPlain, TestAgain",
		"server, one, is late, a: TestRows", "server, two, is early, a: TestRows",
		"load, xn1, o1, a: TestMap", "load, y, o2, a: TestMap",
		"network, 500 of h1, waits | on, a: TestFormats", "network, 503 of h1, waits | on, a: TestFormats",
		"network, the host, …, a: TestFormats",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestAFaultThatCannotStandOnThePageIsRefused(t *testing.T) {
	for name, source := range map[string]string{
		"an area that is none":  `package a; func TestX(t *testing.T) { t.Attr("fault", "weather: rain -> wet") }`,
		"no outcome":            `package a; func TestX(t *testing.T) { t.Attr("fault", "step: it dies") }`,
		"no fault":              `package a; func TestX(t *testing.T) { t.Attr("fault", "step:  -> it lives") }`,
		"outside of the test":   `package a; func harness(t *testing.T) { t.Attr("fault", "step: a -> b") }`,
		"a method, not a test":  `package a; func (w *world) TestX(t *testing.T) { t.Attr("fault", "step: a -> b") }`,
		"a file that is no Go":  `package`,
		"nothing that is known": `package a; func TestX(t *testing.T) { t.Attr("fault", f()) }`,
	} {
		if list, err := scanFaults(module(t, map[string]string{"a/a_test.go": source})); err == nil {
			t.Errorf("%s: %v", name, list)
		}
	}
}

func TestThePageOfFaultsIsWrittenAndCompared(t *testing.T) {
	root := module(t, faultSources)
	o := options{root: root, reliability: "faults.md", faults: true, out: io.Discard}
	if err := run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(root, "faults.md")
	text, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(text), `| 500 of h1 | waits \| on | a: TestFormats |`) {
		t.Fatalf("the page lacks a line: %v\n%s", err, text)
	}
	o.check = true
	if err := run(t.Context(), o); err != nil {
		t.Errorf("the page as it was written: %v", err)
	}
	if err := os.WriteFile(page, append(text, "more"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), o); err == nil {
		t.Error("a page that says more than the sources is taken for right")
	}
}
