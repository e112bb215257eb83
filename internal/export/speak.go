package export

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// hearings keep what a server said of itself until the kick-off that it was asked
// for has left: one that must wait, because the requests of a minute are spent,
// does not spend those of the next on the same question. The zero value is
// ready.
type hearings struct {
	mu sync.Mutex
	by map[string]heard // by tenant
}

type heard struct {
	export     string
	capability *bulkdata.Capability // nil: it could not be read, or not yet
	err        error                // why it could not be read
	put        int                  // how often the question had to wait for the next minute
	at         time.Time
}

// remembered is how long that is kept.
const remembered = time.Hour

func (s *hearings) of(w Work) heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.by[w.Lease.Tenant]; h.export == w.Export.ID && time.Since(h.at) < remembered {
		return h
	}
	return heard{export: w.Export.ID}
}

func (s *hearings) keep(w Work, h heard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[string]heard{}
	}
	s.by[w.Lease.Tenant] = h
}

// putMost is how often the question waits for the next minute: some servers
// answer it only on the second request, and a practice may have but one a minute.
const putMost = 1

// speak gives the client in the release of the standard that the server
// speaks. Where that is to be discovered, a server that says nothing is taken
// to speak what the profile assumes: discovery informs, it never stops an
// export. The error says until when it must wait to be asked.
func (s *Steps) speak(ctx context.Context, t *config.Tenant, w Work, client *bulkdata.Client) (*bulkdata.Client, []Note, error) {
	_, discover := s.Config.Dialect(t)
	if !discover && len(w.Export.Parameters.TypeFilters) == 0 {
		return client, nil, nil
	}
	h := s.hearings.of(w)
	if h.capability == nil && h.err == nil {
		if err := s.hear(ctx, client, w, &h); err != nil {
			return nil, nil, err
		}
	}
	if h.err != nil {
		return client, []Note{{"capability_unread", reasonOf(h.err)}}, nil
	}
	var notes []Note
	if found := h.capability.Dialect(); discover && found != "" {
		client = client.Speaking(found, h.capability.OperationName(bulkdata.Level(w.Export.Level), found))
		notes = append(notes, Note{"dialect", string(found)})
	}
	for _, warning := range h.capability.Warnings(RequestOf(w.Export.Intent)) {
		notes = append(notes, Note{"capability_warns", warning})
	}
	return client, notes, nil
}

// hear asks the server what it is, and keeps the answer.
func (s *Steps) hear(ctx context.Context, client *bulkdata.Client, w Work, h *heard) error {
	h.capability, h.err = client.Capability(ctx)
	later, wait := errors.AsType[*Later](h.err)
	if wait && later.Held == store.HeldByServer {
		if h.put++; h.put > putMost {
			wait = false
		}
	}
	kept := *h
	if wait || !saidSo(h.err) && h.put <= putMost {
		kept.err = nil // it is asked again
	}
	kept.at = time.Now()
	s.hearings.keep(w, kept)
	if wait {
		return later
	}
	return nil
}

// saidSo reports whether the server had its say, if of no use: what the
// network broke says nothing of the server.
func saidSo(err error) bool {
	_, status := errors.AsType[*bulkdata.StatusError](err)
	_, broken := errors.AsType[*bulkdata.ProtocolError](err)
	return err == nil || status || broken
}
