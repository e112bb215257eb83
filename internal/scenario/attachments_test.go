package scenario_test

import (
	"crypto/sha1"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// withDocuments gives a world whose practice has documents, which are wanted.
func withDocuments(knobs func(*sandbox.Knobs)) scenario.Spec {
	spec := with(knobs)
	spec.Types = []string{"DiagnosticReport", "DocumentReference", "Patient"}
	spec.Tenant.Config = "attachments: {fetch: true}\nagreement: {attachments: true}"
	return spec
}

// documents counts the rows of the table of documents by outcome.
func documents(w *scenario.World) map[string]int {
	n := map[string]int{}
	for _, row := range w.Rows("attachment") {
		n[row["outcome"]]++
	}
	return n
}

// attached sums up what the ledger says of an export's documents.
func attached(w *scenario.World, x *scenario.Export) (found, kept int64) {
	files, err := w.Store.In(w.Tenant().ID).Attached(w.T().Context(), x.ID)
	if err != nil {
		w.T().Fatal(err)
	}
	for _, f := range files {
		found += f.Found
		kept += f.Kept
	}
	return found, kept
}

func TestDocumentsArriveFromWhereverTheServerPutsThem(t *testing.T) {
	t.Attr("shows", "N8 BD-151 BD-152 BD-153 BD-154")
	for _, c := range []struct {
		name    string
		knobs   func(*sandbox.Knobs)
		outcome string
		fetched bool
	}{
		{"inline", func(k *sandbox.Knobs) { k.Attach = sandbox.AttachInline }, "inline", false},
		{"url", func(k *sandbox.Knobs) { k.Attach = sandbox.AttachURL }, "stored", true},
		{"signed url", func(k *sandbox.Knobs) { k.Attach, k.Access = sandbox.AttachURL, sandbox.AccessPresigned }, "stored", true},
		{"relative", func(k *sandbox.Knobs) { k.Attach = sandbox.AttachRelative }, "stored", true},
		{"none", func(k *sandbox.Knobs) { k.Attach = sandbox.AttachNone }, "absent", false},
		{"missing", func(k *sandbox.Knobs) { k.Attach = sandbox.AttachMissing }, "not_found", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			scenario.Run(t, withDocuments(func(k *sandbox.Knobs) { c.knobs(k); k.AttachSize = 700 }), func(w *scenario.World) {
				x := w.Want(w.Export(), life.Completed)
				got, references := documents(w), len(w.Rows("document_reference"))
				if len(got) != 1 || got[c.outcome] < references || references == 0 {
					t.Errorf("outcomes %v of %d document references, want all %s", got, references, c.outcome)
				}
				if asked := w.Count(sandbox.KindAttachment) > 0; asked != c.fetched {
					t.Errorf("documents were asked for: %v", asked)
				}
				whole(w)
				if found, kept := attached(w, x); found != int64(got[c.outcome]) || (kept == found) != (c.outcome == "stored" || c.outcome == "inline") {
					t.Errorf("the ledger says %d of %d", kept, found)
				}
			})
		})
	}
}

// whole checks that each document in storage is what its resource says of it,
// and that each row belongs to a resource.
func whole(w *scenario.World) {
	t := w.T()
	t.Helper()
	keys := map[string]bool{}
	for _, table := range []string{"document_reference", "diagnostic_report"} {
		for _, row := range w.Rows(table) {
			keys[row["resource_key"]] = true
		}
	}
	for _, row := range w.Rows("attachment") {
		if !keys[row["resource_key"]] {
			t.Errorf("a document of %s, which is not there", row["resource_key"])
		}
		if row["outcome"] != "stored" && row["outcome"] != "inline" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(w.State(), "files", row["location"]))
		if err != nil {
			w.T().Fatal(err)
		}
		content := string(text)
		sum := sha1.Sum(text)
		if !strings.HasPrefix(content, "Attachment ") || hex.EncodeToString(sum[:]) != row["declared_sha1"] || row["sha1_matches"] != "true" {
			t.Errorf("%.40q is not the document of %v", content, row)
		}
	}
}

func TestBinariesThatTheExportBringsAreNotAskedFor(t *testing.T) {
	t.Attr("shows", "BD-151 N8")
	spec := withDocuments(nil)
	spec.Types = []string{"Binary", "DocumentReference", "Patient"}
	scenario.Run(t, spec, func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		got, binaries := documents(w), len(w.Rows("binary"))
		if len(got) != 2 || got["stored"] == 0 || got["stored"] > binaries || got["inline"] < binaries || binaries == 0 {
			t.Errorf("outcomes %v with %d Binaries", got, binaries)
		}
		for _, row := range w.Rows("attachment") {
			if row["resource_type"] == "DocumentReference" && row["sha1_matches"] != "true" {
				t.Errorf("not the document that was meant: %v", row)
			}
		}
		if n := w.Count(sandbox.KindAttachment); n > 0 {
			t.Errorf("%d requests for what was here", n)
		}
	})
}

func TestNoDocumentIsAskedForWithoutTheAgreement(t *testing.T) {
	spec := withDocuments(func(k *sandbox.Knobs) { k.Attach = sandbox.AttachURL })
	spec.Tenant.Config = "attachments: {fetch: true}"
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		if got := documents(w); len(got) != 1 || got["not_permitted"] == 0 || w.Count(sandbox.KindAttachment) > 0 {
			t.Errorf("outcomes %v after %d requests", got, w.Count(sandbox.KindAttachment))
		}
		if found, kept := attached(w, x); found == 0 || kept != 0 {
			t.Errorf("%d of %d documents are in storage", kept, found)
		}
	})
}

func TestAServerThatFailsAtDocumentsFailsNoExport(t *testing.T) {
	t.Attr("fault", "server: documents are answered 503 for a moment or for good -> complete, what failed is told")
	t.Attr("shows", "BD-154 N8")
	broken := sandbox.Fault{On: sandbox.KindAttachment, Do: sandbox.ActionStatus, Status: 503}
	for name, c := range map[string]struct {
		times   int
		outcome string
	}{"for a moment": {3, "stored"}, "for good": {0, "failed"}} {
		t.Run(name, func(t *testing.T) {
			scenario.Run(t, withDocuments(func(k *sandbox.Knobs) {
				k.Attach = sandbox.AttachURL
				fault := broken
				fault.Times = c.times
				k.Faults = []sandbox.Fault{fault}
			}), func(w *scenario.World) {
				w.Want(w.Export(), life.Completed)
				if got := documents(w); len(got) != 1 || got[c.outcome] == 0 {
					t.Errorf("outcomes %v, want all %s", got, c.outcome)
				}
				w.Change(func(k *sandbox.Knobs) { k.Faults = nil })
				w.Want(w.Full(), life.Completed)
				if got := documents(w); len(got) != 1 || got["stored"] == 0 {
					t.Errorf("outcomes of the next full export %v, want all stored", got)
				}
				whole(w)
			})
		})
	}
}

func TestDocumentsGoOnWhereTheProcessEnded(t *testing.T) {
	t.Attr("shows", "N8")
	spec := withDocuments(func(k *sandbox.Knobs) { k.Attach = sandbox.AttachURL })
	spec.Tenant.Config += "\nrequests_per_minute: 10"
	spec.Patients = 12
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Await(w.Request(w.Tenant().ID, export.Wish{By: "test"}), life.Ingesting)
		var between []int
		for range 3 {
			w.Pass(70 * time.Second)
			between = append(between, w.Count(sandbox.KindAttachment))
			w.Restart()
		}
		w.Want(w.Settle(x), life.Completed)
		n := len(w.Rows("attachment"))
		if got := documents(w); got["stored"] != n || n < 20 {
			w.T().Fatalf("outcomes %v: the test would show nothing", got)
		}
		places := map[string]bool{}
		for _, row := range w.Rows("attachment") {
			places[row["location"]] = true
		}
		if asked := w.Count(sandbox.KindAttachment); asked != len(places) {
			t.Errorf("%d requests for %d documents", asked, len(places))
		}
		if between[0] >= len(places) || between[1] == 0 {
			t.Errorf("no process ended in the middle: after %d of %d requests", between, len(places))
		}
		whole(w)
	})
}

func TestDocumentsFollowTheirResources(t *testing.T) {
	scenario.Run(t, withDocuments(func(k *sandbox.Knobs) { k.Attach = sandbox.AttachURL }), func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		first := w.Count(sandbox.KindAttachment)
		w.Pass(60 * 24 * time.Hour)
		x := w.Want(w.Export(), life.Completed)
		if x.Mode != "incremental" {
			w.T().Fatalf("the second export is %s", x.Mode)
		}
		whole(w)
		before := maps.Clone(documents(w))
		asked := w.Count(sandbox.KindAttachment)
		if found, _ := attached(w, x); int64(asked-first) > found {
			t.Errorf("%d documents were asked for, %d came", asked-first, found)
		}
		w.Want(w.Full(), life.Completed)
		whole(w)
		if got := w.Count(sandbox.KindAttachment); got != asked {
			t.Errorf("a full export of what is known asked for %d documents", got-asked)
		}
		if got := documents(w); got["stored"] < before["stored"]*9/10 {
			t.Errorf("%v documents, before %v", got, before)
		}
	})
}

func TestDocumentsOnAHostThatIsGoneDoNotHoldUpTheExport(t *testing.T) {
	t.Attr("fault", "network: the host of an export's documents is gone for good -> each is recorded as failed, the export completes within the hour")
	spec := withDocuments(func(k *sandbox.Knobs) {
		k.Attach, k.Access, k.AttachSize = sandbox.AttachURL, sandbox.AccessPresigned, 700
	})
	spec.Tenant.Config += "\nrequests_per_minute: 15"
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Await(w.Request(w.Tenant().ID, export.Wish{By: "test"}), life.Ingesting)
		w.Pass(time.Second) // the rest waits for the next minute
		w.Net.Down("storage.ehr.test", true)
		w.Net.Break("storage.ehr.test")
		began := time.Now()
		w.Want(w.Settle(x), life.Completed)
		got := documents(w)
		if took := time.Since(began); took > time.Hour || got["failed"] == 0 {
			t.Errorf("after %v: %v", took, got)
		}
	})
}
