package web

import (
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/door"
)

// routes are all pages and forms: those of the door too.
func (s *Server) routes() []door.Route {
	return slices.Concat(s.pageRoutes(), s.glassRoutes(), s.door.Routes(), []door.Route{
		{Method: "POST", Path: "/hooks/{hook}", Act: door.Anybody, Raw: true, Serve: s.hook},
	})
}

// pageRoutes are the pages about practices and their exports, and what can be
// done on them.
func (s *Server) pageRoutes() []door.Route {
	return []door.Route{
		{Method: "GET", Path: "/{$}", Act: access.See, Serve: s.overviewPage},
		{Method: "GET", Path: "/practices/{tenant}", Act: access.See, Serve: s.practicePage},
		{Method: "GET", Path: "/practices/{tenant}/quality", Act: access.See, Serve: s.qualityPage},
		{Method: "GET", Path: "/practices/{tenant}/roster", Act: access.See, Serve: s.rosterPage},
		{Method: "GET", Path: "/practices/{tenant}/requests", Act: access.See, Serve: s.requestsPage},
		{Method: "GET", Path: "/practices/{tenant}/quarantine", Act: access.See, Serve: s.quarantinePage},
		{Method: "GET", Path: "/practices/{tenant}/exports/{export}", Act: access.See, Serve: s.exportPage},
		{Method: "GET", Path: "/practices/{tenant}/exports/{export}/files", Act: access.See, Serve: s.filesPage},
		{Method: "GET", Path: "/practices/{tenant}/exports/{export}/quarantine", Act: access.See, Serve: s.linesPage},
		{Method: "POST", Path: "/practices/{tenant}/exports", Act: access.Operate, Serve: s.startExport},
		{Method: "POST", Path: "/practices/{tenant}/exports/{export}/resume", Act: access.Operate, Serve: s.resumeExport},
		{Method: "POST", Path: "/practices/{tenant}/exports/{export}/cancel", Act: access.Operate, Serve: s.cancelExport},
		{Method: "POST", Path: "/practices/{tenant}/exports/{export}/replay", Act: access.Operate, Serve: s.replay},
		{Method: "POST", Path: "/practices/{tenant}/pause", Act: access.Operate, Serve: s.pausePractice},
		{Method: "POST", Path: "/practices/{tenant}/unpause", Act: access.Operate, Serve: s.unpausePractice},
		{Method: "POST", Path: "/practices/{tenant}/alerts/{alert}/acknowledge", Act: access.Operate, Serve: s.ackAlert},
		{Method: "GET", Path: "/alerts", Act: access.See, Serve: s.alertsPage},
		{Method: "POST", Path: "/alerts/{alert}/acknowledge", Act: access.Operate, House: true, Serve: s.ackAlert},
		{Method: "GET", Path: "/queue", Act: access.See, Serve: s.queuePage},
		{Method: "POST", Path: "/queue/pause", Act: access.Operate, House: true, Serve: s.pauseMany},
		{Method: "POST", Path: "/queue/unpause", Act: access.Operate, House: true, Serve: s.unpauseMany},
		{Method: "GET", Path: "/requests", Act: access.See, Serve: s.requestsPage},
		{Method: "GET", Path: "/quarantine", Act: access.See, Serve: s.refusedPage},
		{Method: "GET", Path: "/quality", Act: access.See, Serve: s.qualitiesPage},
		{Method: "GET", Path: "/deadlines", Act: access.See, Serve: s.deadlinesPage},
		{Method: "GET", Path: "/audit", Act: access.Examine, Serve: s.trailPage},
		{Method: "POST", Path: "/audit/verify", Act: access.Examine, Serve: s.verifyTrail},
		{Method: "POST", Path: "/audit/review", Act: access.Examine, Serve: s.reviewTrail},
		{Method: "POST", Path: "/audit/export", Act: access.Examine, Serve: s.exportTrail},
	}
}

// glassRoutes are the pages behind the glass.
func (s *Server) glassRoutes() []door.Route {
	return []door.Route{
		{Method: "GET", Path: "/practices/{tenant}/exports/{export}/quarantine/{file}/{line}/reveal", Act: access.Reveal, Person: true, Serve: s.revealPage},
		{Method: "POST", Path: "/practices/{tenant}/exports/{export}/quarantine/{file}/{line}/reveal", Act: access.Reveal, Person: true, Serve: s.reveal},
		{Method: "GET", Path: "/practices/{tenant}/exports/{export}/patients", Act: access.Reveal, Person: true, Serve: s.patientsPage},
		{Method: "POST", Path: "/practices/{tenant}/exports/{export}/patients", Act: access.Reveal, Person: true, Serve: s.patients},
	}
}
