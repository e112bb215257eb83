package web

import "github.com/bulkhead-fhir/bulkhead/internal/access"

// pageRoutes are the pages about practices and their exports, and what can be
// done on them.
func (s *Server) pageRoutes() []route {
	return []route{
		{Method: "GET", Path: "/{$}", Act: access.See, serve: s.overviewPage},
		{Method: "GET", Path: "/practices/{tenant}", Act: access.See, serve: s.practicePage},
		{Method: "GET", Path: "/practices/{tenant}/quality", Act: access.See, serve: s.qualityPage},
		{Method: "GET", Path: "/practices/{tenant}/roster", Act: access.See, serve: s.rosterPage},
		{Method: "GET", Path: "/practices/{tenant}/requests", Act: access.See, serve: s.requestsPage},
		{Method: "GET", Path: "/practices/{tenant}/quarantine", Act: access.See, serve: s.quarantinePage},
		{Method: "GET", Path: "/practices/{tenant}/exports/{export}", Act: access.See, serve: s.exportPage},
		{Method: "GET", Path: "/practices/{tenant}/exports/{export}/files", Act: access.See, serve: s.filesPage},
		{Method: "GET", Path: "/practices/{tenant}/exports/{export}/quarantine", Act: access.See, serve: s.linesPage},
		{Method: "POST", Path: "/practices/{tenant}/exports", Act: access.Operate, serve: s.startExport},
		{Method: "POST", Path: "/practices/{tenant}/exports/{export}/resume", Act: access.Operate, serve: s.resumeExport},
		{Method: "POST", Path: "/practices/{tenant}/exports/{export}/cancel", Act: access.Operate, serve: s.cancelExport},
		{Method: "POST", Path: "/practices/{tenant}/exports/{export}/replay", Act: access.Operate, serve: s.replay},
		{Method: "POST", Path: "/practices/{tenant}/pause", Act: access.Operate, serve: s.pausePractice},
		{Method: "POST", Path: "/practices/{tenant}/unpause", Act: access.Operate, serve: s.unpausePractice},
		{Method: "POST", Path: "/practices/{tenant}/alerts/{alert}/acknowledge", Act: access.Operate, serve: s.ackAlert},
		{Method: "GET", Path: "/alerts", Act: access.See, serve: s.alertsPage},
		{Method: "POST", Path: "/alerts/{alert}/acknowledge", Act: access.Operate, House: true, serve: s.ackAlert},
		{Method: "GET", Path: "/queue", Act: access.See, serve: s.queuePage},
		{Method: "POST", Path: "/queue/pause", Act: access.Operate, House: true, serve: s.pauseMany},
		{Method: "POST", Path: "/queue/unpause", Act: access.Operate, House: true, serve: s.unpauseMany},
		{Method: "GET", Path: "/requests", Act: access.See, serve: s.requestsPage},
		{Method: "GET", Path: "/quarantine", Act: access.See, serve: s.refusedPage},
		{Method: "GET", Path: "/quality", Act: access.See, serve: s.qualitiesPage},
		{Method: "GET", Path: "/deadlines", Act: access.See, serve: s.deadlinesPage},
		{Method: "GET", Path: "/audit", Act: access.Examine, serve: s.trailPage},
		{Method: "POST", Path: "/audit/verify", Act: access.Examine, serve: s.verifyTrail},
		{Method: "POST", Path: "/audit/review", Act: access.Examine, serve: s.reviewTrail},
		{Method: "POST", Path: "/audit/export", Act: access.Examine, serve: s.exportTrail},
	}
}
