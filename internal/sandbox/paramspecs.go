package sandbox

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
)

// A parameterSpec is what the standard says of one kick-off parameter.
// https://build.fhir.org/ig/HL7/bulk-data/export.html#query-parameters
type parameterSpec struct {
	first Dialect // the release that has it first
	once  bool    // 0..1 in every release
	value string  // value[x] in a Parameters resource
	old   string  // value[x] before STU4, where it was another
	read  func(x *exchange, e *export, values []string) *refusal
}

func (s parameterSpec) valueIn(d Dialect) string {
	if s.old != "" && d != STU4 {
		return s.old
	}
	return s.value
}

var parameterSpecs = map[string]parameterSpec{
	"_outputFormat":         {first: STU1, once: true, value: "valueString", read: readFormat},
	"_since":                {first: STU1, once: true, value: "valueInstant", read: readSince},
	"_until":                {first: STU3, once: true, value: "valueInstant", read: readUntil},
	"_type":                 {first: STU1, value: "valueString", read: readTypes},
	"_elements":             {first: STU2, value: "valueString", read: readElements},
	"patient":               {first: STU2, value: "valueReference", read: readPatients},
	"includeAssociatedData": {first: STU2, value: "valueCoding", old: "valueCode", read: readAssociated},
	"_typeFilter":           {first: STU1, value: "valueString", read: readFilters},
	"organizeOutputBy":      {first: STU3, once: true, value: "valueString", read: readOrganizeBy},
	"allowPartialManifests": {first: STU3, once: true, value: "valueBoolean", read: readPartial},
	"_minimumFileSize":      {first: STU4, once: true, value: "valuePositiveInt", read: readMinSize},
	"_maximumFileSize":      {first: STU4, once: true, value: "valuePositiveInt", read: readMaxSize},
}

// listed takes apart the values of a parameter that may be a list with commas:
// before STU4 they may, in STU4 each value is its own.
func listed(e *export, name string, values []string) ([]string, *refusal) {
	var all []string
	for _, v := range values {
		if e.wish.dialect == STU4 {
			if strings.Contains(v, ",") {
				return nil, badParam("In this release each value of %s is a parameter of its own.", name)
			}
			all = append(all, v)
			continue
		}
		all = append(all, strings.Split(v, ",")...)
	}
	if slices.Contains(all, "") {
		return nil, badParam("A value of %s is empty.", name)
	}
	return all, nil
}

func readFormat(_ *exchange, _ *export, values []string) *refusal {
	if !slices.Contains([]string{"application/fhir+ndjson", "application/ndjson", "ndjson"}, values[0]) {
		return &refusal{400, "not-supported", "This output format is not supported."}
	}
	return nil
}

func readSince(x *exchange, e *export, values []string) *refusal {
	var err error
	if e.since, err = parseSince(values[0], x.k.DateSince); err != nil {
		return badParam("_since cannot be read: %v.", err)
	}
	return nil
}

func readUntil(x *exchange, e *export, values []string) *refusal {
	var err error
	if e.wish.until, err = parseSince(values[0], x.k.DateSince); err != nil {
		return badParam("_until cannot be read: %v.", err)
	}
	return nil
}

// parseSince reads an instant, or, where dates are taken, the first moment of
// a day in UTC.
func parseSince(s string, dates bool) (time.Time, error) {
	if dates {
		if t, err := time.Parse(time.DateOnly, s); err == nil {
			return t, nil
		}
	}
	return fhir.ParseInstant(s)
}

func readTypes(_ *exchange, e *export, values []string) (refused *refusal) {
	e.types, refused = listed(e, "_type", values)
	return refused
}

var rootElement = regexp.MustCompile(`^([A-Z][A-Za-z]*\.)?[a-z][A-Za-z0-9]*$`)

func readElements(_ *exchange, e *export, values []string) (refused *refusal) {
	if e.wish.elements, refused = listed(e, "_elements", values); refused != nil {
		return refused
	}
	for _, name := range e.wish.elements {
		if !rootElement.MatchString(name) {
			return badParam("_elements takes elements of a resource's root only.")
		}
	}
	return nil
}

func readAssociated(x *exchange, e *export, values []string) (refused *refusal) {
	if e.wish.associated, refused = listed(e, "includeAssociatedData", values); refused != nil {
		return refused
	}
	for _, v := range e.wish.associated {
		if v != "LatestProvenanceResources" && v != "RelevantProvenanceResources" {
			return unknownParam(x, e, "includeAssociatedData")
		}
	}
	return nil
}

// readFilters reads _typeFilter: until STU2 a comma separates filters, unless
// it is quoted; from STU3 on each filter is a parameter of its own.
func readFilters(x *exchange, e *export, values []string) *refusal {
	var texts []string
	for _, v := range values {
		if e.wish.dialect.before(STU3) {
			texts = append(texts, splitFilters(v, x.k.TypeFilterCommas)...)
		} else {
			texts = append(texts, v)
		}
	}
	for _, text := range texts {
		f, err := readFilter(text)
		if err != nil {
			refused := unknownParam(x, e, "_typeFilter")
			if refused != nil {
				refused.status = cmp.Or(x.k.BadTypeFilter, refused.status)
				refused.text = "_typeFilter cannot be read: " + err.Error() + "."
			}
			return refused
		}
		e.wish.filters = append(e.wish.filters, f)
	}
	return nil
}

func readOrganizeBy(x *exchange, e *export, values []string) *refusal {
	if !slices.Contains(e.p.offered(x.k), values[0]) {
		return badParam("organizeOutputBy names no type of this server.")
	}
	e.wish.organizeBy = values[0]
	return nil
}

func readPartial(_ *exchange, e *export, values []string) *refusal {
	b, err := strconv.ParseBool(values[0])
	if err != nil || (values[0] != "true" && values[0] != "false") {
		return badParam("allowPartialManifests is true or false.")
	}
	e.wish.partial = b
	return nil
}

func readMinSize(_ *exchange, e *export, values []string) *refusal {
	return readSize(&e.wish.minSize, values[0])
}

func readMaxSize(_ *exchange, e *export, values []string) *refusal {
	return readSize(&e.wish.maxSize, values[0])
}

func readSize(to *int64, value string) *refusal {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n <= 0 {
		return badParam("A size of files is a positive number of bytes.")
	}
	*to = n
	return nil
}

// readPatients limits the cohort to the patients named, which must all belong
// to it.
func readPatients(x *exchange, e *export, values []string) *refusal {
	switch {
	case x.r.Method != "POST":
		return badParam("The parameter \"patient\" needs a POST.")
	case e.level == LevelSystem:
		return badParam("The parameter \"patient\" is not for the system level.")
	}
	for _, ref := range values {
		id, ok := strings.CutPrefix(ref, "Patient/")
		if !ok || id == "" {
			return badParam("A patient is named like Patient/id.")
		}
		e.wish.patients = append(e.wish.patients, id)
	}
	missing := slices.Clone(e.wish.patients)
	q := Query{Type: "Patient", Until: e.p.s.clock.now()}
	for line, err := range e.p.cfg.Source.Open(x.r.Context(), q) {
		if err != nil {
			return &refusal{500, "exception", "The patients cannot be read."}
		}
		if id := patientOf("Patient", line); e.cohort.Member == nil || e.cohort.Member(id) {
			missing = slices.DeleteFunc(missing, func(m string) bool { return m == id })
		}
	}
	if len(missing) > 0 {
		return badParam("%d of the patients named are unknown here or not in the group.", len(missing))
	}
	e.cohort.Member = func(id string) bool { return slices.Contains(e.wish.patients, id) }
	return nil
}
