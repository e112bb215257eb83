package tape

import "fmt"

// The reasons of a [SyntaxError].
const (
	ReasonEmpty        = "empty"          // nothing but white space
	ReasonTruncated    = "truncated"      // the text ends inside a value
	ReasonTrailing     = "trailing_bytes" // bytes after the value
	ReasonSyntax       = "syntax"         // a byte that cannot stand where it stands
	ReasonNumber       = "number"         // a number that breaks the grammar
	ReasonControl      = "control_char"   // a raw control character in a string
	ReasonEscape       = "escape"         // an unknown or broken escape sequence
	ReasonSurrogate    = "lone_surrogate" // half of a surrogate pair
	ReasonUTF8         = "invalid_utf8"   // bytes that are not UTF-8
	ReasonDuplicateKey = "duplicate_key"  // an object names a member twice
	ReasonDepth        = "too_deep"       // nested deeper than MaxDepth
	ReasonTooLong      = "too_long"       // longer than MaxLen
)

// A SyntaxError says why a text was refused. It holds nothing of its content.
type SyntaxError struct {
	Offset int    // where in the text, in bytes from 0
	Reason string // one of the Reason constants
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid JSON at byte %d: %s", e.Offset, e.Reason)
}
