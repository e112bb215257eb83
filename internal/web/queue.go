package web

import (
	"net/http"
	"time"
)

func (s *Server) queuePage(w http.ResponseWriter, r *http.Request) error {
	q, err := s.look.Queue(r.Context(), time.Now())
	if err != nil {
		return err
	}
	return s.pages.Show(w, r, http.StatusOK, "queue", q)
}
