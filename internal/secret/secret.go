// Package secret holds values that must never be printed.
package secret

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[secret]"

// A String is a secret text. Every way of printing or encoding it gives
// "[secret]"; only Reveal gives the text. The zero value is the empty secret.
type String struct{ text string }

// New makes text a secret.
func New(text string) String { return String{text} }

// Reveal returns the text. Call it only where the text leaves for the party
// that is meant to have it.
func (s String) Reveal() string { return s.text }

// IsZero reports whether there is no text.
func (s String) IsZero() bool { return s.text == "" }

// String hides the text where a fmt.Stringer is asked for.
func (s String) String() string { return redacted }

// Format hides the text from every verb of fmt, also from those that are not
// meant for strings and would print the fields.
func (s String) Format(f fmt.State, _ rune) {
	io.WriteString(f, redacted) //nolint:errcheck // fmt has no way to tell of it
}

// LogValue hides the text from slog.
func (s String) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON hides the text from JSON.
func (s String) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// MarshalText hides the text from YAML and other encodings.
func (s String) MarshalText() ([]byte, error) { return []byte(redacted), nil }
