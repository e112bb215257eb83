package bulkdata

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// resultParameters shape a search's answer; the guide bars them from filters.
var resultParameters = []string{
	"_sort", "_count", "_include", "_revinclude", "_summary", "_total",
	"_elements", "_contained", "_containedType", "_score", "_graph", "_maxresults",
}

// checkTypeFilter refuses a filter that is not "Type?parameters" with a type
// of types, or that holds a result parameter.
func checkTypeFilter(filter string, types []string) error {
	name, query, found := strings.Cut(filter, "?")
	if !found || query == "" || !typeName.MatchString(name) {
		return errors.New("want one resource type, a question mark and search parameters")
	}
	if !slices.Contains(types, name) {
		return fmt.Errorf("%s must be among the types of the export too", name)
	}
	for pair := range strings.SplitSeq(query, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(key); err == nil {
			key = decoded
		}
		key, _, _ = strings.Cut(key, ":")
		if slices.Contains(resultParameters, key) {
			return fmt.Errorf("%s shapes a search result and selects nothing", key)
		}
	}
	return nil
}

// filterValues gives the values of the _typeFilter parameters. STU1 and STU2
// servers split a value at commas, so that a filter's own commas travel
// encoded; STU1 has one parameter only.
func filterValues(d Dialect, filters []string) []string {
	if d == STU3 || len(filters) == 0 {
		return filters
	}
	var values []string
	for _, filter := range filters {
		values = append(values, strings.ReplaceAll(filter, ",", "%2C"))
	}
	if d == STU1 {
		return []string{strings.Join(values, ",")}
	}
	return values
}
