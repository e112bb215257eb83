//go:build cgo

package parquetsink

// JudgeInChunks makes s judge so few resources at a time that small deliveries
// take the way of large ones.
func (s *Sink) JudgeInChunks(rows int64) { s.chunk = rows }
