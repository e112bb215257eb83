package sandbox

import (
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestKnobsGoByTheNamesOfTheQuirkTable(t *testing.T) {
	for text, change := range map[string]func(*Knobs){
		"omit: error":                        func(k *Knobs) { k.Omit = Names{"error"} },
		"omit: [error, request]":             func(k *Knobs) { k.Omit = Names{"error", "request"} },
		"count: none":                        func(k *Knobs) { k.Count = CountNone },
		"count: wrong":                       func(k *Knobs) { k.Count = CountWrong },
		"count: false":                       func(k *Knobs) { k.Count = CountNone },
		"count: true":                        func(k *Knobs) { k.Count = CountRight },
		"rat: true":                          func(k *Knobs) { k.RAT = RATTrue },
		"rat: false":                         func(k *Knobs) { k.RAT = RATFalse },
		`rat: "true"`:                        func(k *Knobs) { k.RAT = RATText },
		"rat: missing":                       func(k *Knobs) { k.RAT = RATMissing },
		"txTime: start":                      func(k *Knobs) { k.TxTime = TxStart },
		"txTime: noZone":                     func(k *Knobs) { k.TxTime = TxNoZone },
		"error: mixed":                       func(k *Knobs) { k.Outcomes = OutcomesMixed },
		"error: none":                        func(k *Knobs) { k.Outcomes = OutcomesNone },
		"extras: [jobId, checksum]":          func(k *Knobs) { k.Extras = Names{ExtraJobID, ExtraChecksum} },
		"pages: 3\nfilesPerType: 9":          func(k *Knobs) { k.Pages, k.FilesPerType = 3, 9 },
		"access: redirect":                   func(k *Knobs) { k.Access = AccessRedirect },
		"file: redirect":                     func(k *Knobs) { k.Access = AccessRedirect },
		"file: 307presigned":                 func(k *Knobs) { k.Access = AccessRedirect },
		"file: bearer":                       func(k *Knobs) { k.Access = AccessBearer },
		"file: bearerScoped":                 func(k *Knobs) { k.Access = AccessScoped },
		"linkLife: 30m":                      func(k *Knobs) { k.LinkLife = 30 * time.Minute },
		"linkTTL: 30m":                       func(k *Knobs) { k.LinkLife = 30 * time.Minute },
		"enc: gzNoHeader\ncutAt: 7":          func(k *Knobs) { k.Enc, k.CutAt = EncGzNoHeader, 7 },
		"delete: 404\nmaxDownloads: 6":       func(k *Knobs) { k.Delete, k.MaxDownloads = 404, 6 },
		"eol: crlf\nbom: true\ndup: 20":      func(k *Knobs) { k.EOL, k.BOM, k.Dup = EOLCRLF, true, 20 },
		"newMembers: include\njoins: 10":     func(k *Knobs) { k.NewMembers, k.Joins = NewMembersInclude, 10 },
		"badBytes: nul":                      func(k *Knobs) { k.BadBytes = Names{BadNUL} },
		"attach: missing\nrefs: dangling":    func(k *Knobs) { k.Attach, k.Refs = AttachMissing, RefsDangling },
		"faults: [{do: stall, pace: 2s}]":    func(k *Knobs) { k.Faults = []Fault{{Do: ActionStall, Pace: 2 * time.Second}} },
		"faults: [{do: hang, for: 90s}]":     func(k *Knobs) { k.Faults = []Fault{{Do: ActionHang, For: 90 * time.Second}} },
		"faults: [{do: gone, p: 0.5}]":       func(k *Knobs) { k.Faults = []Fault{{Do: ActionGone, P: 0.5}} },
		"faults: [{do: html, status: 200}]":  func(k *Knobs) { k.Faults = []Fault{{Do: ActionHTML, Status: 200}} },
		"faults: [{do: reset, fileNo: 2}]":   func(k *Knobs) { k.Faults = []Fault{{Do: ActionReset, FileNo: 2}} },
		"faults: [{do: lost, clock: start}]": func(k *Knobs) { k.Faults = []Fault{{Do: ActionLost, Clock: FromStart}} },
	} {
		practices := []Practice{openPractice(nil)}
		var indented strings.Builder
		indented.WriteString("open:")
		for line := range splitLines(text) {
			indented.WriteString("\n  " + line)
		}
		if err := ApplyKnobs([]byte(indented.String()), practices); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		want := Standard()
		change(&want)
		if diff := cmp.Diff(&want, practices[0].Knobs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestValuesOfKnobsThatMeanNothingAreErrors(t *testing.T) {
	for _, text := range []string{
		"count: many", "rat: maybe", "txTime: noon", "error: fatal", "extras: all", "urls: none", "pages: -1", "omit: [{a: 1}]",
		"file: fax", "enc: zstd", "fileError: pdf", "delete: 99", "cutAt: -1", "linkTTL: -1s",
		"eol: cr", "refs: none", "attach: fax", "newMembers: maybe", "badBytes: [odd]", "dup: 101", "noMeta: -1", "joins: 60\nleaves: 60", "bigLine: -1",
		"faults: [{do: hang, p: 2}]", "faults: [{do: hang, from: -1s}]", "faults: [{do: hang, clock: now}]",
		"faults: [{do: status, status: 200}]", "faults: [{do: html, status: 99}]", "faults: [{do: hang, every: -1}]",
	} {
		var indented strings.Builder
		indented.WriteString("open:")
		for line := range splitLines(text) {
			indented.WriteString("\n  " + line)
		}
		if ApplyKnobs([]byte(indented.String()), []Practice{openPractice(nil)}) == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

func splitLines(text string) iter.Seq[string] { return strings.SplitSeq(text, "\n") }
