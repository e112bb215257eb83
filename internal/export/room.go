package export

import (
	"fmt"
	"io"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// lookAgainAfter is how many bytes are received between two looks at the disk.
const lookAgainAfter = 64 << 20

// A spared reader ends before the disk is full: what one practice's server
// sends must leave room for what the others' need to be finished.
type spared struct {
	r      io.Reader
	room   func() error
	unseen int64 // bytes since the last look
}

func (s *Steps) spare(r io.Reader) *spared {
	return &spared{r: r, room: s.room, unseen: lookAgainAfter}
}

// Read gives what comes while there is room.
func (s *spared) Read(p []byte) (int, error) {
	if s.unseen >= lookAgainAfter {
		s.unseen = 0
		if err := s.room(); err != nil {
			return 0, err
		}
	}
	n, err := s.r.Read(p)
	s.unseen += int64(n)
	return n, err
}

// room refuses to take more from a server when the disk is nearly full.
func (s *Steps) room() error {
	free, err := blob.Free(s.Config.Folder)
	if err != nil {
		return err
	}
	if free < int64(s.Config.Limits.FreeBytes) {
		return problem.New(problem.StorageFull, fmt.Sprintf("only %d MiB are free where the state folder is", free>>20),
			"Free space, or lower limits.free_bytes; then resume. Nothing is lost.")
	}
	return nil
}
