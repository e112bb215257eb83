package web

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// problemKind is the media type of a problem: https://www.rfc-editor.org/rfc/rfc9457
const problemKind = "application/problem+json"

// describeProblems says in the description of the API how it says that something
// did not work. The library describes problems of its own, and we answer with
// ours (asOurs); it also knows nothing of what is asked before an operation is.
func describeProblems(api *huma.OpenAPI) {
	schemas := api.Components.Schemas
	problem := schemas.Schema(reflect.TypeFor[apiProblem](), true, "Problem")
	for path, item := range api.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post} {
			if op == nil {
				continue
			}
			for status := range op.Responses {
				if code, err := strconv.Atoi(status); err != nil || code >= http.StatusBadRequest {
					delete(op.Responses, status)
				}
			}
			for _, code := range problemsOf(path, op) {
				op.Responses[strconv.Itoa(code)] = problemAnswer(http.StatusText(code), problem)
			}
			op.Responses["default"] = problemAnswer("Anything else that did not work, such as a fault of bulkhead (500) or a busy ledger (503: ask again)", problem)
		}
	}
	delete(schemas.Map(), "ErrorModel")
	delete(schemas.Map(), "ErrorDetail")
}

func problemAnswer(says string, schema *huma.Schema) *huma.Response {
	return &huma.Response{Description: says, Content: map[string]*huma.MediaType{problemKind: {Schema: schema}}}
}

// problemsOf gives the statuses with which an operation says that it did not
// work as it was asked.
func problemsOf(path string, op *huma.Operation) []int {
	list := []int{http.StatusUnauthorized, http.StatusForbidden}
	if strings.Contains(path, "{tenant}") {
		list = append(list, http.StatusNotFound)
	}
	if slices.Contains(op.Errors, http.StatusConflict) {
		list = append(list, http.StatusConflict)
	}
	asks := slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.Name != "tenant" }) // an id that is none is not found
	if asks || op.RequestBody != nil {
		list = append(list, http.StatusUnprocessableEntity)
	}
	if op.RequestBody != nil {
		list = append(list, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	return list
}
