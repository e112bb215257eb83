// Package tape reads one JSON text, such as a line of NDJSON, in a single
// strict pass, and lays the wanted parts of it out as a flat, reusable array of
// nodes, or remembers single values in slots. What is not wanted is validated
// and skipped.
//
// A text is accepted when it is one JSON value by RFC 8259
// (https://www.rfc-editor.org/rfc/rfc8259), with white space around it at
// most, and further: it is valid UTF-8, its escapes hold no lone surrogates,
// no object names a member twice (compared after unescaping, in skipped
// objects too), and it nests at most [MaxDepth] deep. This is the I-JSON
// profile (RFC 7493) without its limits on numbers.
//
// What is wanted is said by a [Shape]. [Want.Member] asks for nodes, which
// keep the structure of the text; [Want.Slot] asks for the first value at a
// place and costs less, because nothing is laid out for it.
//
// A [Tape] that parses many texts with one shape learns what they have in
// common: the bytes between their scalars. Texts that are spelled as earlier
// ones were are then validated by comparing those bytes, with the same result
// at more than twice the speed. What it learns is bounded, belongs to the tape
// and does not outlive it; it holds names of members and no values of strings
// or numbers. Texts that have nothing in common are read as if there were no
// such thing.
//
// The package never changes a value: numbers keep their text, strings keep
// their span. It builds no document tree, allocates nothing per text once its
// buffers have grown, and never puts content into an error.
package tape
