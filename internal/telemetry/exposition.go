package telemetry

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// The text format of Prometheus, as far as it is needed here.
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
const contentType = "text/plain; version=0.0.4; charset=utf-8"

// A desc names a metric and its labels, and says what it tells.
type desc struct {
	name, kind, help string
	labels           []string
}

// A sample is one line: a value under the values of the labels.
type sample struct {
	suffix string // of a histogram's lines
	values []string
	le     string // a bucket's bound; empty for other lines
	value  float64
}

// A page gathers samples until they are written.
type page struct{ families map[string]*family }

type family struct {
	desc
	samples []sample
}

func newPage() *page { return &page{map[string]*family{}} }

func (p *page) family(d desc) *family {
	f, ok := p.families[d.name]
	if !ok {
		f = &family{desc: d}
		p.families[d.name] = f
	}
	return f
}

// gauge adds a value. There are as many values as d has labels.
func (p *page) gauge(d desc, value float64, values ...string) {
	f := p.family(d)
	f.samples = append(f.samples, sample{values: values, value: value})
}

// write writes the families by name, and their samples by labels.
func (p *page) write(w io.Writer) error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p.families)) {
		f := p.families[name]
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", f.name, escaped(f.help, false), f.name, f.kind)
		lines := make([]string, len(f.samples))
		for i, s := range f.samples {
			lines[i] = f.line(s)
		}
		if f.kind != "histogram" { // whose buckets are in order
			slices.Sort(lines)
		}
		for _, l := range lines {
			b.WriteString(l)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (f *family) line(s sample) string {
	pairs := make([]string, 0, len(f.labels)+1)
	for i, label := range f.labels {
		pairs = append(pairs, label+`="`+escaped(s.values[i], true)+`"`)
	}
	slices.Sort(pairs)
	if s.le != "" {
		pairs = append(pairs, `le="`+s.le+`"`)
	}
	labels := ""
	if len(pairs) > 0 {
		labels = "{" + strings.Join(pairs, ",") + "}"
	}
	return f.name + s.suffix + labels + " " + number(s.value) + "\n"
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// escaped writes a text as the format wants it, in quotes or not.
func escaped(text string, quoted bool) string {
	text = strings.ReplaceAll(strings.ReplaceAll(strings.ToValidUTF8(text, "�"), `\`, `\\`), "\n", `\n`)
	if quoted {
		text = strings.ReplaceAll(text, `"`, `\"`)
	}
	return text
}

// A counter counts by labels. It may be used concurrently.
type counter struct {
	desc
	mu     sync.Mutex
	values map[string]float64 // by the labels' values
}

// between joins the values of labels, none of which holds it.
const between = "\xff"

func newCounter(name, help string, labels ...string) *counter {
	return &counter{desc: desc{name, "counter", help, labels}, values: map[string]float64{}}
}

func (c *counter) add(n float64, values ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values[strings.Join(values, between)] += n
}

func (c *counter) collect(p *page) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := p.family(c.desc)
	for key, v := range c.values {
		f.samples = append(f.samples, sample{values: strings.Split(key, between), value: v})
	}
}

// A histogram counts how long things took, by one label. It may be used
// concurrently.
type histogram struct {
	desc
	bounds []float64 // seconds, ascending
	mu     sync.Mutex
	of     map[string]*observed
}

type observed struct {
	buckets []uint64 // as many as bounds; each counts what the ones before count too
	count   uint64
	sum     float64
}

func newHistogram(name, help, label string, bounds ...float64) *histogram {
	return &histogram{desc: desc{name, "histogram", help, []string{label}}, bounds: bounds, of: map[string]*observed{}}
}

func (h *histogram) observe(seconds float64, value string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o, ok := h.of[value]
	if !ok {
		o = &observed{buckets: make([]uint64, len(h.bounds))}
		h.of[value] = o
	}
	o.count++
	o.sum += seconds
	for i, bound := range h.bounds {
		if seconds <= bound {
			o.buckets[i]++
		}
	}
}

func (h *histogram) collect(p *page) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := p.family(h.desc)
	for _, value := range slices.Sorted(maps.Keys(h.of)) {
		o, values := h.of[value], []string{value}
		for i, bound := range h.bounds {
			f.samples = append(f.samples, sample{suffix: "_bucket", values: values, le: number(bound), value: float64(o.buckets[i])})
		}
		f.samples = append(f.samples,
			sample{suffix: "_bucket", values: values, le: "+Inf", value: float64(o.count)},
			sample{suffix: "_sum", values: values, value: o.sum}, sample{suffix: "_count", values: values, value: float64(o.count)})
	}
}
