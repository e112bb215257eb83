package machinetest

import (
	"os"
	"testing"
)

func TestWithoutDescriptorsBulkheadWaitsForThem(t *testing.T) {
	t.Attr("fault", "machine: out of file descriptors -> waited out, the process neither ends nor spins; complete as a calm one when there are some again")
	for _, left := range []int{10, 16, 24} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, spec{retries: 100})
			p.bulkhead(t, "status").wants(0)
			run := p.start(t, way{Descriptors: left}, "run")
			run.says("bulkhead looks after 2 practices")
			export := p.start(t, way{}, "export", "--all")
			export.says("too many open files")
			run.goesOn()
			export.wants(0, "completed")
			p.settled(t)
			run.stops(os.Interrupt, 0, lastOfRun)
			p.check(t)
		})
	}
}
