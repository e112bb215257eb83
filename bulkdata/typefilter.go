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
	for _, param := range searchParams(query) {
		if slices.Contains(resultParameters, param) {
			return fmt.Errorf("%s shapes a search result and selects nothing", param)
		}
	}
	return nil
}

// searchParams gives the names of the parameters of a search, without what
// follows in a modifier or a chain.
func searchParams(query string) []string {
	var names []string
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(name); err == nil {
			name = decoded
		}
		name, _, _ = strings.Cut(name, ":")
		name, _, _ = strings.Cut(name, ".")
		names = append(names, name)
	}
	return names
}

// filterValues gives the values of the _typeFilter parameters, one per filter:
// in STU3 and STU4 because they have to be, in STU2 because the text gives no
// way to write a comma otherwise. STU1 has one parameter only. STU1 and STU2
// servers split a value at commas, so that a filter's own commas travel encoded
// and come out as search syntax once the server has decoded the filter.
func filterValues(d Dialect, filters []string) []string {
	if d == STU3 || d == STU4 || len(filters) == 0 {
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
