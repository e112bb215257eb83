package export

import (
	"fmt"
	"testing"
)

func TestAMeterOfManyExportsStaysSmall(t *testing.T) {
	m := NewMeter()
	for i := range 3 * meteredAtMost {
		m.of(fmt.Sprint(i)).downloaded.Add(1)
		m.Read(fmt.Sprint("nobody ", i))
	}
	if len(m.counts) > meteredAtMost {
		t.Errorf("%d exports are counted", len(m.counts))
	}
	last := fmt.Sprint(3*meteredAtMost - 1)
	if downloaded, ingested := m.Read(last); downloaded != 1 || ingested != 0 {
		t.Errorf("%d, %d bytes of the last", downloaded, ingested)
	}
	m.Forget(last)
	if downloaded, _ := m.Read(last); downloaded != 0 {
		t.Error("what was forgotten is counted")
	}
}
