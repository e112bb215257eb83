package bulkdata

import (
	"errors"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strings"
)

// A garbledError is an answer that is no HTTP. It does not repeat the answer,
// as the errors of net/http do.
type garbledError struct{ err error }

// Error says no more than that.
func (e garbledError) Error() string { return "the answer is not valid HTTP" }

// Unwrap returns the cause.
func (e garbledError) Unwrap() error { return e.err }

// quotesAnswer reports whether an error of net/http may repeat what it could
// not read.
func quotesAnswer(err error) bool {
	_, network := errors.AsType[net.Error](err)
	if err == nil || network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	_, header := errors.AsType[textproto.ProtocolError](err)
	text := err.Error()
	return header || strings.Contains(text, "connection broken") || strings.Contains(text, "malformed") || strings.Contains(text, "GOAWAY")
}

// Names of headers' values that are told to a person as they came.
var (
	toldMediaTypes = []string{
		"application/fhir+json", "application/fhir+xml", "application/gzip", "application/json", "application/octet-stream", "application/pdf",
		"application/x-gzip", "application/xml", "application/zip", "text/csv", "text/html", "text/plain", "text/xml",
	}
	toldCodings = []string{"br", "compress", "deflate", "gzip", "identity", "x-gzip", "zstd"}
)

// toldMedia names a media type without its parameters, if it is a common one:
// a header's value may say anything.
func toldMedia(media string) string {
	if slices.Contains(toldMediaTypes, media) {
		return media
	}
	return "it is none that is known here"
}

// toldCoding names the codings of a body, if they are common ones.
func toldCoding(header string) string {
	for name := range strings.SplitSeq(header, ",") {
		if !slices.Contains(toldCodings, strings.ToLower(strings.TrimSpace(name))) {
			return "it is none that is known here"
		}
	}
	return header
}
