package sandbox

import (
	"errors"
	"slices"
	"time"
)

// PollKnobs is how a practice's server runs an export and answers its status
// URL.
type PollKnobs struct {
	Takes    time.Duration `yaml:"takes" does:"how long an export runs"`
	Progress []string      `yaml:"progress" quirk:"P5" values:"list of texts" does:"X-Progress while it runs, one after the other; a number becomes N% Completed, an empty text is no header"`

	// RetryAfter is told with 202 unless RetryText says otherwise; less than
	// half a scaled second shows as 0.
	RetryAfter time.Duration `yaml:"-"`
	// RetryText is the word or text that stands for Retry-After. A duration in
	// a file of knobs goes to RetryAfter instead.
	RetryText string `yaml:"retryAfter" quirk:"P1 P2 P3" values:"duration|none|date|epoch|epochms|text" does:"Retry-After with 202: seconds, left out, an HTTP date, the time of the next poll in Unix seconds or milliseconds, or this very text (18000, -5, abc)"`
	NoRetry   bool   `yaml:"noRetry" quirk:"P1" does:"the same as retryAfter: none"`

	MinPoll    time.Duration `yaml:"minPoll" quirk:"P4" does:"a poll sooner after the one before is answered 429"`
	Poll404    int           `yaml:"poll404First" quirk:"K7" does:"the first N polls of an export are answered 404"`
	Transient  int           `yaml:"transient" quirk:"P6" does:"N polls of an export are answered 503 with issue code transient"`
	HTML       int           `yaml:"html" quirk:"P13" does:"N polls of an export are answered by a proxy's 502 page in HTML"`
	Fail       Fail          `yaml:"fail" quirk:"P7" values:"500|400|html" does:"exports end as failed, told in this way"`
	Stuck      bool          `yaml:"stuck" quirk:"P9" does:"exports never finish"`
	Gone       Gone          `yaml:"gone" quirk:"P8" values:"404|410|202forever" does:"how a cancelled export answers; 202forever comes with X-Progress: CANCELLED"`
	Expiry     time.Duration `yaml:"expiry" does:"a finished export is forgotten after this; 0 means never"`
	Expires    Expires       `yaml:"expires" values:"http|go|0|missing" does:"how a finished export's Expires is written"`
	BindClient bool          `yaml:"bindClient" quirk:"P10" does:"an export is only there for the client that started it"`
	LowerCase  bool          `yaml:"lowerCase" quirk:"K6" does:"content-location, retry-after and x-progress in lower case on the wire"`
}

// Expires is how the header Expires is written.
type Expires string

// The forms of Expires.
const (
	ExpiresHTTP    Expires = ""
	ExpiresGo      Expires = "go" // in Go's own format of times, as BCDA has it
	ExpiresZero    Expires = "0"
	ExpiresMissing Expires = "missing"
)

// Fail is how an export that failed answers.
type Fail string

// The answers of a failed export.
const (
	FailNever Fail = ""
	Fail500   Fail = "500"
	Fail400   Fail = "400"
	FailHTML  Fail = "html" // 500 with a page instead of an OperationOutcome
)

// Gone is how the status URL of a cancelled export answers.
type Gone string

// The answers for a cancelled export.
const (
	Gone404       Gone = ""
	Gone410       Gone = "410"
	GoneCancelled Gone = "202" // 202 with X-Progress: CANCELLED, for ever
)

func (k PollKnobs) clone() PollKnobs {
	k.Progress = slices.Clone(k.Progress)
	return k
}

func (k PollKnobs) check() error {
	if min(k.Takes, k.RetryAfter, k.Expiry, k.MinPoll) < 0 || min(k.Poll404, k.Transient, k.HTML) < 0 {
		return errors.New("a duration or a number of polling is negative")
	}
	return errors.Join(
		oneOf("gone", k.Gone, Gone404, Gone410, GoneCancelled),
		oneOf("expires", k.Expires, ExpiresHTTP, ExpiresGo, ExpiresZero, ExpiresMissing),
		oneOf("fail", k.Fail, FailNever, Fail500, Fail400, FailHTML),
	)
}

// settle moves a Retry-After that is a duration to where durations are, and
// replaces the names of defaults by the defaults.
func (k *PollKnobs) settle() {
	unname(&k.Expires, "http", ExpiresHTTP)
	unname(&k.Gone, "404", Gone404)
	unname(&k.Gone, "202forever", GoneCancelled)
	if d, err := time.ParseDuration(k.RetryText); err == nil && d >= 0 {
		k.RetryAfter, k.RetryText = d, ""
	}
}
