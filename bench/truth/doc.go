// Package truth holds what is claimed of lines as tests on many of them: that
// the scanner and an independent reader of strict JSON accept the same texts,
// that every value extracted is the one that stands in the text, and that one
// bad line among many is the only one refused, where it stands.
//
// It has no code but tests. TRUTH_LINES sets how many lines they take; `make
// differential` takes a million.
//
// Strict JSON is RFC 8259 (https://www.rfc-editor.org/rfc/rfc8259) as narrowed
// by RFC 7493 (https://www.rfc-editor.org/rfc/rfc7493): UTF-8, no lone
// surrogates, no member named twice.
package truth
