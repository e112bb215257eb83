package bulkdata

import (
	"errors"
	"testing"
)

// separateOf asks a script for a status in separate mode.
func separateOf(t *testing.T, answers ...said) (*Client, *script, StatusRequest) {
	t.Helper()
	c, s := scriptOf(t, in(STU3), answers...)
	return c, s, StatusRequest{URL: s.url + "/fhir/status/1", Separate: true}
}

func TestASeparateStatusIsReadFromItsHeader(t *testing.T) {
	t.Attr("shows", "BD-075 BD-076")
	for header, want := range map[string]State{
		"202 Accepted": InProgress, "202": InProgress, " 202\t": InProgress, "202Accepted": InProgress,
		"200 OK": Complete, "200": Complete,
	} {
		c, _, r := separateOf(t, said{200, manifestAtBase, []string{"X-Export-Status", header}})
		s, err := c.StatusOf(t.Context(), r)
		if err != nil || s.State != want || len(s.Deviations) != 0 {
			t.Errorf("%q: %+v, %v", header, s, err)
		}
	}
	for header, status := range map[string]int{"500 Internal Server Error": 500, "404": 404, "429": 429, "400 Bad Request": 400} {
		c, _, r := separateOf(t, said{200, outcomeOf("timeout"), []string{"X-Export-Status", header}})
		_, err := c.StatusOf(t.Context(), r)
		e, ok := errors.AsType[*StatusError](err)
		if !ok || e.Status != status || !e.Export || !e.ExportEnded() || Temporary(err) || !e.Outcome.HasCode("timeout") {
			t.Errorf("%q: %v", header, err)
		}
	}
}

func TestThreePollsThenTheFiles(t *testing.T) {
	t.Attr("shows", "BD-035 BD-075")
	progress := said{200, "", []string{"X-Export-Status", "202 Accepted", "X-Progress", "50%"}}
	c, s := scriptOf(t, in(STU3),
		said{202, "", []string{"Content-Location", "BASE/fhir/status/1", "Preference-Applied", "respond-async", "Preference-Applied", "separate-export-status"}},
		progress, progress, said{200, manifestAtBase, []string{"X-Export-Status", "200 OK"}}, said{200, ndjson, []string{"Content-Type", ndjsonType}})
	k, err := c.Kickoff(t.Context(), Request{Level: SystemLevel, SeparateExportStatus: true})
	if err != nil {
		t.Fatal(err)
	}
	polls := 0
	for {
		polls++
		status, err := c.StatusOf(t.Context(), StatusRequest{URL: k.StatusURL, Separate: k.SeparateStatus})
		if err != nil {
			t.Fatal(err)
		}
		if status.State != Complete {
			continue
		}
		b, err := c.Open(t.Context(), status.Manifest.Output[0], OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		mustRead(t, b, ndjson)
		break
	}
	if polls != 3 || len(s.uris()) != 5 {
		t.Errorf("%d polls: %v", polls, s.uris())
	}
}

func TestTheHTTPStatusSaysNothingAboutASeparateExport(t *testing.T) {
	t.Attr("shows", "BD-077 BD-080")
	for _, status := range []int{400, 404, 408, 410, 429, 500, 501, 503} {
		c, _, r := separateOf(t, said{status, outcomeOf("processing"), nil}, said{status, outcomeOf("processing"), nil},
			said{200, manifestAtBase, []string{"X-Export-Status", "200 OK"}})
		for range 2 {
			_, err := c.StatusOf(t.Context(), r)
			e, ok := errors.AsType[*StatusError](err)
			if !ok || e.Status != status || !e.Separate || !Temporary(err) || e.ExportEnded() || e.Gone() {
				t.Fatalf("%d: %v", status, err)
			}
		}
		if s, err := c.StatusOf(t.Context(), r); err != nil || s.State != Complete {
			t.Errorf("after %d: %+v, %v", status, s, err)
		}
		if status == 408 || status == 429 || status == 503 {
			continue
		}
		classic, srv := scriptOf(t, nil, said{status, outcomeOf("processing"), nil})
		_, err := classic.Status(t.Context(), srv.url+"/fhir/status/1")
		if e, ok := errors.AsType[*StatusError](err); !ok || Temporary(err) || !e.ExportEnded() {
			t.Errorf("%d where nothing is separated: %v", status, err)
		}
	}
	for _, status := range []int{401, 403} {
		c, _, r := separateOf(t, said{status, "", nil})
		_, err := c.StatusOf(t.Context(), r)
		if e, ok := errors.AsType[*StatusError](err); !ok || Temporary(err) || e.ExportEnded() {
			t.Errorf("%d is for a person and no end of the export: %v", status, err)
		}
	}
}

func TestAMissingExportStatusIsNeverCompletion(t *testing.T) {
	t.Attr("shows", "BD-078")
	for _, lines := range [][]string{nil, {"X-Export-Status", ""}, {"X-Export-Status", "done"}, {"X-Export-Status", "20"}, {"X-Export-Status", "2000"}, {"X-Export-Status", "100 Continue"}} {
		c, _, r := separateOf(t, said{200, manifestAtBase, lines}, said{200, manifestAtBase, []string{"X-Export-Status", "200 OK"}})
		_, err := c.StatusOf(t.Context(), r)
		p, ok := errors.AsType[*ProtocolError](err)
		if !ok || p.Reason != ExportStatusMissing || !Temporary(err) {
			t.Errorf("%v: %v", lines, err)
		}
		if s, err := c.StatusOf(t.Context(), r); err != nil || s.State != Complete {
			t.Errorf("%v, asked again: %+v, %v", lines, s, err)
		}
	}
	c, _, r := separateOf(t, said{202, "", nil})
	if s, err := c.StatusOf(t.Context(), r); err != nil || s.State != InProgress || len(s.Deviations) != 1 {
		t.Errorf("HTTP 202 = %+v, %v", s, err)
	}
	c, _, r = separateOf(t, said{200, "", []string{"X-Export-Status", "302 Found"}})
	_, err := c.StatusOf(t.Context(), r)
	if p, ok := errors.AsType[*ProtocolError](err); !ok || p.Reason != UnexpectedStatus {
		t.Errorf("an export that is found elsewhere = %v", err)
	}
}

func TestAnExportStatusNobodyAskedForIsBelieved(t *testing.T) {
	t.Attr("shows", "BD-079")
	c, s := scriptOf(t, nil, said{200, manifestAtBase, []string{"X-Export-Status", "202 Accepted"}},
		said{200, manifestAtBase, []string{"X-Export-Status", "500"}}, said{200, manifestAtBase, []string{"X-Export-Status", "soon"}})
	status, err := c.Status(t.Context(), s.url+"/fhir/status/1")
	if err != nil || status.State != InProgress || status.Deviations[0] != UnrequestedExportStatus {
		t.Errorf("Status = %+v, %v", status, err)
	}
	_, err = c.Status(t.Context(), s.url+"/fhir/status/1")
	if e, ok := errors.AsType[*StatusError](err); !ok || !e.Export || !e.ExportEnded() {
		t.Errorf("Status = %v", err)
	}
	if status, err = c.Status(t.Context(), s.url+"/fhir/status/1"); err != nil || status.State != Complete {
		t.Errorf("Status = %+v, %v", status, err)
	}
}
