package export

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// denied names what 401 and 403 mean: that the practice does not let us, unless
// it was a file that wants no token. There a link has lapsed, or is wrong.
func denied(t *config.Tenant, w Work, status *bulkdata.StatusError) *problem.Problem {
	switch {
	case status.Op != bulkdata.OpFile || status.WithToken:
		return problem.Wrap(status, problem.AccessDenied, fmt.Sprintf("the server answered %d: it does not let us", status.Status),
			"Check with the practice that the app is still activated"+groupHint(w)+" and that the token's scopes cover the types.")
	case status.Status == http.StatusUnauthorized:
		return problem.Wrap(status, codeOf(w), "the server answered 401 where its manifest says that no token is needed",
			"Report it to the vendor: requiresAccessToken is wrong; or the link has lapsed, and a new export with bulkhead export "+t.ID+" brings others.")
	}
	return problem.Wrap(status, codeOf(w), fmt.Sprintf("the server answered %d to a link that opens without a token", status.Status),
		"The link has lapsed, or is not valid: start a new export with bulkhead export "+t.ID+"; if it happens again, ask the vendor how long its links last.")
}

func groupHint(w Work) string {
	if w.Export.Level != config.LevelGroup {
		return ""
	}
	return ", that group " + w.Export.Group + " is enabled for it,"
}

// refusesUs reports whether the server knows us and says no.
func refusesUs(err error) bool {
	status, ok := errors.AsType[*bulkdata.StatusError](err)
	return ok && (status.Status == http.StatusUnauthorized || status.Status == http.StatusForbidden)
}
