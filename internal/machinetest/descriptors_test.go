package machinetest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestWithoutDescriptorsBulkheadWaitsForThem(t *testing.T) {
	t.Attr("fault", "machine: out of file descriptors -> waited out, the process neither ends nor spins; complete as a calm one when there are some again, with the same kick-off")
	t.Attr("fault", "machine: no file descriptors when bulkhead starts -> storage_unwritable, exit status 3, which names the limit")
	t.Parallel()
	p := newPlace(t, spec{retries: 400})
	p.start(t, way{Descriptors: 4}, "export", "--all").wants(3, "no more files can be opened", "LimitNOFILE", "storage_unwritable")
	run := p.start(t, way{Descriptors: 9}, "run")
	run.says("bulkhead looks after 2 practices")
	export := p.start(t, way{}, "export", "--all")
	run.says("too many open files")
	began, used := time.Now(), run.used()
	await(t, "ten tries", func() bool { return strings.Count(run.words(), "too many open files") > 10 })
	if elapsed, spent := time.Since(began), run.used()-used; spent > elapsed/2+time.Second {
		t.Errorf("it used %v of CPU in %v, in which nothing could be done", spent, elapsed)
	}
	run.goesOn()
	export.wants(0, "completed")
	p.settled(t)
	run.stops(os.Interrupt, 0, lastOfRun)
	p.check(t)
}

// used gives the CPU time that the command has used so far.
func (c *process) used() time.Duration {
	c.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), ") ")
	var ticks int
	for _, field := range strings.Fields(after)[11:13] { // utime and stime
		n, err := strconv.Atoi(field)
		if err != nil {
			c.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
