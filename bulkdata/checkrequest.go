package bulkdata

import (
	"fmt"
	"regexp"
	"slices"
	"time"
)

// A RequestError is a request that is not sent because the guide, or the
// dialect, does not allow it.
type RequestError struct {
	// Parameter is the name of the parameter, or "level" or "group id".
	Parameter string
	// Why says what is wrong, in our words and the caller's own value.
	Why string
}

// Error names the parameter and what is wrong with it.
func (e *RequestError) Error() string { return "plan export: " + e.Parameter + ": " + e.Why }

// Temporary reports false: the request has to change.
func (e *RequestError) Temporary() bool { return false }

var (
	typeName    = regexp.MustCompile(`^[A-Z][A-Za-z]{1,63}$`)
	instant     = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$`)
	rootElement = regexp.MustCompile(`^([A-Z][A-Za-z]{1,63}\.)?[a-z][A-Za-z0-9]{0,63}$`)
	patientID   = regexp.MustCompile(`^[A-Za-z0-9.-]{1,256}$`) // longer than FHIR allows: some servers do so
	dataCode    = regexp.MustCompile(`^(LatestProvenanceResources|RelevantProvenanceResources|_[A-Za-z0-9._-]{1,63})$`)
)

// dialectRank orders the releases.
var dialectRank = map[Dialect]int{STU1: 1, STU2: 2, STU3: 3, STU4: 4}

// checkRequest returns r with each type once, or a *RequestError.
func checkRequest(d Dialect, r Request) (Request, error) {
	r.Types = unique(r.Types)
	for _, check := range []func(Dialect, Request) *RequestError{
		checkDialect, checkTypes, checkTimes, checkElements, checkPatients, checkSizes,
	} {
		if err := check(d, r); err != nil {
			return r, err
		}
	}
	for _, filter := range r.TypeFilters {
		if err := checkTypeFilter(filter, r.Types); err != nil {
			return r, &RequestError{"_typeFilter", fmt.Sprintf("%q: %v", filter, err)}
		}
	}
	return r, nil
}

// checkDialect refuses what the release does not define.
func checkDialect(d Dialect, r Request) *RequestError {
	for _, p := range []struct {
		name  string
		used  bool
		since Dialect
	}{
		{"POST", r.Post, STU2},
		{"_elements", len(r.Elements) > 0, STU2},
		{"patient", len(r.Patients) > 0, STU2},
		{"includeAssociatedData", len(r.AssociatedData) > 0, STU2},
		{"_until", r.Until != "", STU3},
		{"organizeOutputBy", r.OrganizeOutputBy != "", STU3},
		{"allowPartialManifests", r.AllowPartialManifests, STU3},
		{separateExportStatus, r.SeparateExportStatus, STU3},
		{"_minimumFileSize", r.MinFileSize != 0, STU4},
		{"_maximumFileSize", r.MaxFileSize != 0, STU4},
	} {
		if p.used && dialectRank[d] < dialectRank[p.since] {
			return &RequestError{p.name, fmt.Sprintf("it is not defined before %s, and the server speaks %s", p.since, d)}
		}
	}
	return nil
}

func checkTypes(_ Dialect, r Request) *RequestError {
	for _, name := range r.Types {
		if !typeName.MatchString(name) {
			return &RequestError{"_type", fmt.Sprintf("%q is not a resource type", name)}
		}
	}
	if r.OrganizeOutputBy != "" && !typeName.MatchString(r.OrganizeOutputBy) {
		return &RequestError{"organizeOutputBy", fmt.Sprintf("%q is not a resource type", r.OrganizeOutputBy)}
	}
	return nil
}

func checkTimes(_ Dialect, r Request) *RequestError {
	for name, text := range map[string]string{"_since": r.Since, "_until": r.Until} {
		if text != "" && !IsInstant(text) {
			return &RequestError{name, fmt.Sprintf("%q is not a FHIR instant (date, time with seconds, zone)", text)}
		}
	}
	return nil
}

func checkElements(_ Dialect, r Request) *RequestError {
	for _, name := range r.Elements {
		if !rootElement.MatchString(name) {
			return &RequestError{"_elements", fmt.Sprintf("%q is not a root element, with or without its type", name)}
		}
	}
	for _, code := range r.AssociatedData {
		if !dataCode.MatchString(code) {
			return &RequestError{"includeAssociatedData", fmt.Sprintf("%q is neither a code of the guide nor one that begins with _", code)}
		}
	}
	return nil
}

func checkPatients(_ Dialect, r Request) *RequestError {
	if len(r.Patients) > 0 && r.Level == SystemLevel {
		return &RequestError{"patient", "it is not for system level"}
	}
	for _, id := range r.Patients {
		if !patientID.MatchString(id) {
			return &RequestError{"patient", "an id holds other characters than letters, digits, '-' and '.'"}
		}
	}
	return nil
}

func checkSizes(_ Dialect, r Request) *RequestError {
	switch {
	case r.MinFileSize < 0:
		return &RequestError{"_minimumFileSize", "it is not positive"}
	case r.MaxFileSize < 0:
		return &RequestError{"_maximumFileSize", "it is not positive"}
	case r.MaxFileSize != 0 && r.MaxFileSize <= r.MinFileSize:
		return &RequestError{"_maximumFileSize", "it is not greater than the minimum"}
	}
	return nil
}

// IsInstant reports whether text is a FHIR instant: a date, a time with
// seconds, and a zone.
func IsInstant(text string) bool {
	_, err := time.Parse(time.RFC3339Nano, text)
	return err == nil && instant.MatchString(text)
}

// unique drops repetitions and keeps the order.
func unique(list []string) []string {
	var kept []string
	for _, text := range list {
		if !slices.Contains(kept, text) {
			kept = append(kept, text)
		}
	}
	return kept
}
