//go:build cgo

package duckdbsink

// JudgeInChunks makes s judge so few resources at a time that small deliveries
// take the way of large ones.
func (s *Sink) JudgeInChunks(rows int64) { s.chunk = rows }

// Waiting tells how many publications wait for their turn.
func (s *Sink) Waiting() int {
	s.turn.mu.Lock()
	defer s.turn.mu.Unlock()
	return len(s.turn.waiting)
}
