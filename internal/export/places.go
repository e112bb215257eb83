package export

import (
	"sync"

	"github.com/bulkhead-fhir/bulkhead/internal/attachment"
)

// placesAtMost bounds how many files are remembered: exports that end before
// their documents are all here leave theirs behind.
const placesAtMost = 1024

// places are where the steps stand in the files whose documents they fetch, as
// long as this configuration is in force. The zero value is ready.
type places struct {
	mu sync.Mutex
	by map[placeKey]*attachment.Place
}

type placeKey struct{ tenant, export, file string }

func (p *places) of(tenant, export, file string) *attachment.Place {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := placeKey{tenant, export, file}
	if known := p.by[key]; known != nil {
		return known
	}
	if p.by == nil || len(p.by) >= placesAtMost {
		p.by = make(map[placeKey]*attachment.Place)
	}
	p.by[key] = &attachment.Place{}
	return p.by[key]
}

func (p *places) forget(tenant, export, file string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.by, placeKey{tenant, export, file})
}
