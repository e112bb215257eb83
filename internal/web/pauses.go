package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// pausePractice holds back everything of one practice.
func (s *Server) pausePractice(w http.ResponseWriter, r *http.Request) error {
	tenant := r.PathValue("tenant")
	if err := s.pause(r.Context(), store.PauseTenant, tenant, r.FormValue("reason"), r.FormValue("for")); err != nil {
		return err
	}
	http.Redirect(w, r, "/practices/"+tenant, http.StatusSeeOther)
	return nil
}

func (s *Server) unpausePractice(w http.ResponseWriter, r *http.Request) error {
	tenant := r.PathValue("tenant")
	if err := s.unpause(r.Context(), store.PauseTenant, tenant, r.FormValue("reason")); err != nil {
		return err
	}
	http.Redirect(w, r, "/practices/"+tenant, http.StatusSeeOther)
	return nil
}

// pauseMany holds back the practices of a registration, or all.
func (s *Server) pauseMany(w http.ResponseWriter, r *http.Request) error {
	scope, object := scopeOf(r.FormValue("registration"))
	if err := s.pause(r.Context(), scope, object, r.FormValue("reason"), r.FormValue("for")); err != nil {
		return err
	}
	http.Redirect(w, r, "/queue", http.StatusSeeOther)
	return nil
}

func (s *Server) unpauseMany(w http.ResponseWriter, r *http.Request) error {
	scope, object := scopeOf(r.FormValue("registration"))
	if err := s.unpause(r.Context(), scope, object, r.FormValue("reason")); err != nil {
		return err
	}
	http.Redirect(w, r, "/queue", http.StatusSeeOther)
	return nil
}

// scopeOf gives what a pause is of: a registration, or with an empty name all.
func scopeOf(registration string) (scope, object string) {
	if registration == "" {
		return store.PauseAll, ""
	}
	return store.PauseRegistration, registration
}

// reasonAtMost is how long a reason may be, in bytes.
const reasonAtMost = 300

func reasonOf(text string) (string, error) {
	text = strings.TrimSpace(text)
	if len(text) > reasonAtMost || text != audit.Line(text) {
		return "", problem.Asked("the reason is longer than 300 characters, or not one line", "Say it in one short line that names no patient.")
	}
	return text, nil
}

// pause holds something back for a time such as 12h, or with an empty one until
// somebody ends it.
func (s *Server) pause(ctx context.Context, scope, object, reason, long string) error {
	p := store.Pause{Scope: scope, Object: object}
	var err error
	if p.Reason, err = reasonOf(reason); err != nil {
		return err
	}
	if long != "" {
		var d config.Duration
		if d.UnmarshalText([]byte(long)) != nil || d.Std() <= 0 {
			return problem.Asked("how long the pause lasts cannot be read", "Give a time such as 12h or 3d, or none.")
		}
		p.Until = time.Now().Add(d.Std())
	}
	if _, err = s.opts.Work.Pause(ctx, p); err == nil {
		s.opts.Log.InfoContext(ctx, "paused", "scope", scope, "object", object, "by", access.ActorOf(ctx).ID)
	}
	return err
}

func (s *Server) unpause(ctx context.Context, scope, object, reason string) error {
	reason, err := reasonOf(reason)
	if err != nil {
		return err
	}
	ok, err := s.opts.Work.Unpause(ctx, scope, object, reason)
	if err == nil && !ok {
		return problem.Asked("there is no such pause now", "Look at the page again: somebody may have ended it, or its time may be over.")
	}
	if err == nil {
		s.opts.Log.InfoContext(ctx, "pause ended", "scope", scope, "object", object, "by", access.ActorOf(ctx).ID)
	}
	return err
}
