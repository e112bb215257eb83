// Package tape reads one JSON text, such as a line of NDJSON, in a single
// strict pass and lays the wanted parts of it out as a flat, reusable array of
// nodes. What is not wanted is validated and skipped.
//
// A text is accepted when it is one JSON value by RFC 8259
// (https://www.rfc-editor.org/rfc/rfc8259), with white space around it at
// most, and further: it is valid UTF-8, its escapes hold no lone surrogates,
// no object names a member twice (compared after unescaping, in skipped
// objects too), and it nests at most [MaxDepth] deep. This is the I-JSON
// profile (RFC 7493) without its limits on numbers.
//
// The package never changes a value: numbers keep their text, strings keep
// their span. It builds no document tree, allocates nothing per text once its
// buffers have grown, and never puts content into an error.
package tape
