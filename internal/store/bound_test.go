package store_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ofTheFleet are the queries of tenants' rows that are not bound to one tenant,
// each because what it is for is not one tenant's.
var ofTheFleet = map[string][]string{
	"admission, leases and schedules see who waits beside whom": {
		"Candidates", "SlotHolders", "NextWaiting", "CountCandidates", "DueSchedules", "AllSchedules", "BeatSteps", "RunningSteps",
		"StaleSteps", "StepsOpen", "AllOpenSteps", "FreeRegistrationSteps", "FreeAllSteps", "FreezeTenants", "ListTenants", "TouchTenants",
		"RegistryInForce", "UnwrittenLogs", "UnmadeQuality", "TenantsWithKeys",
	},
	"the keeper of alerts looks at all and says of whom each row is": {
		"LastExports", "LastFinished", "Unfinished", "RateWindows", "UnwatchTenants", "UnwatchAhead", "WatchedSince", "OpenAlerts", "AlertsSince", "SetAlertTold", "UntoldNews",
		"PruneNews", "ClosedNotices", "LatestEndings", "RefusedRequests", "UntakenRequests",
	},
	"pages of a person who may see all, or whose tenants the query takes": {
		"RefusedByTenant", "LastQualities", "AuditOfAll", "AuditOfSome", "AuditRowAt", "AuditEnds", "LastReviews",
		"RequestsBelow", "RequestsBelowIn",
	},
	"a person's grants are of several tenants":                       {"ListGrants", "DropGrants", "CountAdmins"},
	"the record of all is verified, anchored and asked who saw what": {"AuditChains", "AuditWatched", "MovedAuditHeads", "Sights", "Emergencies"},
	"metrics count": {"ExportStates", "StepStates", "AlertCounts"},
	"call-backs and requests of programs wait in one row": {
		"NewRequests", "ListSettled", "DueCallbacks", "NextCallback", "UnsentCallbacks", "PutOffCallbacks", "GiveUpCallbacks",
		"BringForwardCallbacks", "UndeliveredCallbacks", "PruneCallbacks", "PruneRequests",
	},
}

// I7: every query of tenants' rows is bound to one tenant, but those of which
// somebody decided otherwise.
func TestEveryQueryOfTenantsRowsIsBoundToOne(t *testing.T) {
	free := map[string]bool{}
	for _, names := range ofTheFleet {
		for _, name := range names {
			free[name] = true
		}
	}
	tenants := tablesOfTenants(t)
	bound := regexp.MustCompile(`(?s)tenant_id = (\?|sqlc\.arg\(\w+\))|INSERT (OR \w+ )?INTO \w+ \([^)]*\btenant_id\b`)
	tables := regexp.MustCompile(`(?i)\b(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)`)
	queries := 0
	for name, text := range queriesOf(t) {
		queries++
		ofTenants := slices.ContainsFunc(tables.FindAllStringSubmatch(text, -1), func(m []string) bool { return tenants[m[1]] })
		switch {
		case !ofTenants || bound.MatchString(text):
			if free[name] {
				t.Errorf("query %s need not be in the list of those that are bound to no tenant", name)
			}
		case !free[name]:
			t.Errorf("query %s is of tenants' rows and bound to no tenant", name)
		}
		delete(free, name)
	}
	for name := range free {
		t.Errorf("there is no query %s", name)
	}
	if queries < 200 {
		t.Errorf("only %d queries found", queries)
	}
}

// tablesOfTenants gives the ledger's tables whose rows are a tenant's.
func tablesOfTenants(t *testing.T) map[string]bool {
	t.Helper()
	s, _ := openLedger(t)
	rows, err := s.DB().QueryContext(t.Context(), `SELECT m.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type IN ('table', 'view') AND c.name = 'tenant_id'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names[name] = true
	}
	if err := rows.Err(); err != nil || len(names) < 20 {
		t.Fatalf("%v: %v", slices.Sorted(maps.Keys(names)), err)
	}
	return names
}

// queriesOf gives the text of each query that code is generated from.
func queriesOf(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("sqlite/queries/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, file := range files {
		all, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range strings.Split(string(all), "-- name: ")[1:] {
			name, text, _ := strings.Cut(q, " ")
			texts[name] = text
		}
	}
	return texts
}
