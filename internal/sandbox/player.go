package sandbox

import (
	"net/http"
	"net/http/httptest"
)

// A Player answers requests in the servers' place, for what no knob plays. It
// returns false, having written nothing, where the usual answer is to be
// given. usual makes that answer and gives it instead of sending it; faults
// happen to it as ever. A Player is called by many goroutines.
type Player func(q Request, w http.ResponseWriter, r *http.Request, usual func() *httptest.ResponseRecorder) bool

// Play lets player answer from the next request on; nil ends that.
func (s *Server) Play(player Player) { s.player.Store(&player) }

// played lets the player answer, if there is one that wants to.
func (s *Server) played(a *answer, r *http.Request, log *Request, serve func(*Request)) bool {
	player := s.player.Load()
	if player == nil || *player == nil {
		return false
	}
	return (*player)(*log, a, r, func() *httptest.ResponseRecorder {
		wire, kept := a.ResponseWriter, httptest.NewRecorder()
		a.ResponseWriter = kept
		serve(log)
		a.ResponseWriter, a.status, a.sent = wire, 0, 0
		return kept
	})
}
