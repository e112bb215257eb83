// Package trace tells a collector, by OpenTelemetry, what exports did and how
// long it took: one trace of each export, in it a span of each step, in that a
// span of each request. It is off unless a collector is configured.
//
// Ids follow from the export's own, so that the steps of several processes, and
// the span of the whole export that is sent when it ends, are one tree. A span
// holds ids of ours, counts, codes, methods and the kind of what was asked for:
// no address, no path, no query, no header, nothing of a patient. What cannot
// be sent is dropped; exports never wait for it.
//
// OTLP: https://opentelemetry.io/docs/specs/otlp/
// Names of attributes: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
package trace
