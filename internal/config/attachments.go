package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Attachments say whether the documents that resources carry or point to are
// stored too, and within which bounds.
type Attachments struct {
	// Fetch stores attachments beside the raw files: those that stand in the
	// resources, and those at the addresses that resources name. The agreement
	// must permit it with `attachments: true`. Default: false.
	Fetch bool `yaml:"fetch"`
	// ContentTypes are the media types to store; text/* means all of text,
	// */* all there are. Default: application/pdf and text/*.
	ContentTypes []string `yaml:"content_types"`
	// MaxBytes is the size of the largest attachment to store. Default: 20MiB.
	MaxBytes Size `yaml:"max_bytes"`
	// BudgetBytes is how much one export may download for attachments; what
	// goes beyond it is noted and left to the next full export. Default: 10GiB.
	BudgetBytes Size `yaml:"budget_bytes"`
	// BudgetRequests is how many requests one export may spend on attachments,
	// repeated ones included. Default: 10000.
	BudgetRequests int `yaml:"budget_requests"`
}

func (a *Attachments) fill() {
	if len(a.ContentTypes) == 0 {
		a.ContentTypes = []string{"application/pdf", "text/*"}
	}
	for i, name := range a.ContentTypes {
		a.ContentTypes[i] = strings.ToLower(name)
	}
	a.MaxBytes = or(a.MaxBytes, 20<<20)
	a.BudgetBytes = or(a.BudgetBytes, 10<<30)
	a.BudgetRequests = or(a.BudgetRequests, 10_000)
}

var mediaRange = regexp.MustCompile(`^(\*/\*|[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/(\*|[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*))$`)

func (r *reader) checkAttachments(at place, a *Attachments) {
	for i, name := range a.ContentTypes {
		if !mediaRange.MatchString(name) {
			r.miss(at.at("content_types").index(i), "must be a media type such as application/pdf, or a range such as text/*")
		}
	}
	r.notNegative(at.at("budget_requests"), a.BudgetRequests)
}

// A Size is a number of bytes, written for people: "500kB", "20MiB", "2GB", or
// a plain number.
type Size int64

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}

// UnmarshalText reads a size. It must be a whole number of its unit and above zero.
func (s *Size) UnmarshalText(text []byte) error {
	for _, unit := range sizeUnits {
		number, found := strings.CutSuffix(string(text), unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n <= 0 || n > math.MaxInt64/unit.bytes {
			break
		}
		*s = Size(n * unit.bytes)
		return nil
	}
	return errors.New("must be a size such as 20MiB, 500kB or a number of bytes")
}

// MarshalText writes a size as it can be read back, in the largest binary unit
// of which it is a whole number.
func (s Size) MarshalText() ([]byte, error) {
	n, unit := int64(s), ""
	for _, larger := range []string{"KiB", "MiB", "GiB"} {
		if n == 0 || n%1024 != 0 {
			break
		}
		n, unit = n/1024, larger
	}
	return fmt.Appendf(nil, "%d%s", n, unit), nil
}
