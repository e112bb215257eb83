package bulkdata

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The severities of an issue (R4 value set issue-severity) that callers ask for.
const (
	SeverityFatal       = "fatal"
	SeverityError       = "error"
	SeverityWarning     = "warning"
	SeverityInformation = "information"
	SeveritySuccess     = "success" // STU4, in countSeverity
)

var outcomeSeverities = []string{SeverityFatal, SeverityError, SeverityWarning, SeverityInformation, SeveritySuccess}

const (
	maxIssues     = 100
	maxIssueText  = 500 // runes of one text of an issue
	maxUnsafeText = 2000
)

// transientCodes are issue-type "transient" and the codes below it in R4.
var transientCodes = []string{"transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled"}

// An OperationOutcome is what a server says about a request. All methods work
// on nil, which is an outcome that says nothing.
type OperationOutcome struct {
	// Issues are the first 100 issues, in the server's order.
	Issues []Issue
	// Omitted is the number of further issues.
	Omitted int
}

// An Issue is one statement of an OperationOutcome. Severity and Code are
// codes ("other" where the server sent no code); Details and Diagnostics are
// the server's own words, cut at 500 characters, which may hold data of patients.
type Issue struct {
	Severity    string
	Code        string
	Details     string
	Diagnostics string
}

// String gives severity and code only.
func (i Issue) String() string { return i.Severity + "/" + i.Code }

// GoString gives severity and code only.
func (i Issue) GoString() string { return i.String() }

type wireOutcome struct {
	ResourceType string      `json:"resourceType"`
	Issue        []wireIssue `json:"issue"`
}

type wireIssue struct {
	Severity    string `json:"severity"`
	Code        string `json:"code"`
	Diagnostics string `json:"diagnostics"`
	Details     struct {
		Text   string `json:"text"`
		Coding []struct {
			Display string `json:"display"`
		} `json:"coding"`
	} `json:"details"`
}

// errNotOutcome is for JSON that is another resource, or none.
var errNotOutcome = errors.New("not an OperationOutcome")

// ParseOperationOutcome reads one OperationOutcome. It forgives repeated
// member names and invalid UTF-8, because it reads bad news.
func ParseOperationOutcome(text []byte) (*OperationOutcome, error) {
	var w wireOutcome
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	err := json.Unmarshal(text, &w, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if w.ResourceType != "OperationOutcome" {
		return nil, errNotOutcome
	}
	if err != nil {
		return nil, errors.New("the OperationOutcome is not valid")
	}
	o := &OperationOutcome{Omitted: max(0, len(w.Issue)-maxIssues)}
	for _, i := range w.Issue[:len(w.Issue)-o.Omitted] {
		details := i.Details.Text
		if details == "" && len(i.Details.Coding) > 0 {
			details = i.Details.Coding[0].Display
		}
		o.Issues = append(o.Issues, Issue{
			Severity:    codeText(i.Severity),
			Code:        codeText(i.Code),
			Details:     plainText(details, maxIssueText),
			Diagnostics: plainText(i.Diagnostics, maxIssueText),
		})
	}
	return o, nil
}

// HasCode reports whether an issue has the code.
func (o *OperationOutcome) HasCode(code string) bool {
	return o != nil && slices.ContainsFunc(o.Issues, func(i Issue) bool { return i.Code == code })
}

// Transient reports whether the outcome says that only this request failed: at
// least one issue of severity error or fatal, and all of those with the code
// transient or one below it.
func (o *OperationOutcome) Transient() bool {
	if o == nil || o.Worst() != SeverityError {
		return false
	}
	return !slices.ContainsFunc(o.Issues, func(i Issue) bool {
		return isError(i) && !slices.Contains(transientCodes, i.Code)
	})
}

// Worst returns SeverityError when an issue is an error or fatal, else
// SeverityWarning when one is a warning, else SeverityInformation, and "" for
// no issue at all.
func (o *OperationOutcome) Worst() string {
	switch {
	case o == nil || len(o.Issues) == 0:
		return ""
	case slices.ContainsFunc(o.Issues, isError):
		return SeverityError
	case slices.ContainsFunc(o.Issues, func(i Issue) bool { return i.Severity == SeverityWarning }):
		return SeverityWarning
	}
	return SeverityInformation
}

func isError(i Issue) bool { return i.Severity == SeverityError || i.Severity == SeverityFatal }

// String lists "severity/code" of the first issues; it is safe to log.
func (o *OperationOutcome) String() string {
	if o == nil || len(o.Issues) == 0 {
		return ""
	}
	var words []string
	for _, i := range o.Issues[:min(5, len(o.Issues))] {
		words = append(words, i.String())
	}
	if len(o.Issues) > 5 {
		words = append(words, "...")
	}
	return strings.Join(words, ", ")
}

// GoString is String, so that no way of printing shows the texts.
func (o *OperationOutcome) GoString() string { return o.String() }

func (o *OperationOutcome) inParentheses() string {
	if text := o.String(); text != "" {
		return " (" + text + ")"
	}
	return ""
}

// UnsafeText returns the server's words of all issues, shortened. They may
// hold anything, also data of patients: show them to an operator of that
// tenant, never log them.
func (o *OperationOutcome) UnsafeText() string {
	if o == nil {
		return ""
	}
	var parts []string
	for _, i := range o.Issues {
		for _, text := range []string{i.Details, i.Diagnostics} {
			if text != "" && !slices.Contains(parts, text) {
				parts = append(parts, text)
			}
		}
	}
	return plainText(strings.Join(parts, "; "), maxUnsafeText)
}

// codeText lets a code through and nothing else.
func codeText(text string) string {
	plain := func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') }
	if text == "" || len(text) > 40 || strings.ContainsFunc(text, plain) {
		return "other"
	}
	return text
}

// plainText cuts text at limit runes and replaces what is not printable, so
// that it cannot forge lines or colours where it is shown.
func plainText(text string, limit int) string {
	if len(text) > 4*limit {
		text = text[:4*limit]
	}
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	text = strings.TrimSpace(text)
	if utf8.RuneCountInString(text) > limit {
		text = string([]rune(text)[:limit]) + "..."
	}
	return text
}
