package bulkdata_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
)

// ehr is an EHR that needs one more look before an export is complete, and
// gives its manifest in two pages.
func ehr() *httptest.Server {
	mux := http.NewServeMux()
	srv := httptest.NewTLSServer(mux)
	mux.HandleFunc("GET /fhir/Group/g1/$export", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Location", srv.URL+"/fhir/status/1")
		w.WriteHeader(http.StatusAccepted)
	})
	looks := 0
	mux.HandleFunc("GET /fhir/status/1", func(w http.ResponseWriter, _ *http.Request) {
		if looks++; looks == 1 {
			w.Header().Set("X-Progress", "50%")
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusAccepted)
			return
		}
		fmt.Fprintf(w, `{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":false,
			"output":[{"type":"Patient","url":"%s/files/1","count":2}],"error":[],
			"link":[{"relation":"next","url":"%[1]s/fhir/status/1/2"}]}`, srv.URL)
	})
	mux.HandleFunc("GET /fhir/status/1/2", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":false,
			"output":[{"type":"Observation","url":"%s/files/2","count":1}],"error":[]}`, srv.URL)
	})
	mux.HandleFunc("GET /files/1", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+ndjson")
		fmt.Fprintln(w, `{"resourceType":"Patient","id":"1"}`)
		fmt.Fprintln(w, `{"resourceType":"Patient","id":"2"}`)
	})
	mux.HandleFunc("GET /files/2", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+ndjson")
		fmt.Fprintln(w, `{"resourceType":"Observation","id":"3"}`)
	})
	mux.HandleFunc("DELETE /fhir/status/1", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
	})
	return srv
}

// An export from its kick-off to its end: the caller keeps the status URL,
// polls, follows the pages, reads the files, and lets the server clean up.
func Example() {
	srv := ehr()
	defer srv.Close()
	ctx := context.Background()
	client, err := bulkdata.New(bulkdata.Config{BaseURL: srv.URL + "/fhir", HTTPClient: srv.Client(), Dialect: bulkdata.STU3})
	if err != nil {
		log.Fatal(err)
	}
	kickoff, err := client.Kickoff(ctx, bulkdata.Request{
		Level: bulkdata.GroupLevel, GroupID: "g1", Types: []string{"Patient", "Observation"},
		AllowPartialManifests: true, SeparateExportStatus: true,
	})
	if err != nil {
		log.Fatal(err) // but see MayHaveStarted
	}
	ask := bulkdata.StatusRequest{URL: kickoff.StatusURL, Separate: kickoff.SeparateStatus}
	pages, pace := bulkdata.Pages{}, bulkdata.Pace{Least: time.Millisecond}
	for asked := 0; !pages.Complete; {
		status, err := client.Page(ctx, ask) // the status URL is the first page
		if err != nil {
			log.Fatal(err) // but see Temporary
		}
		files, _, err := pages.Add(ask.URL, status)
		if err != nil {
			log.Fatal(err)
		}
		for _, f := range files {
			if err := printFile(ctx, client, f); err != nil {
				log.Fatal(err)
			}
		}
		if status.State == bulkdata.InProgress {
			fmt.Println("in progress:", status.Progress)
			<-time.After(pace.Wait(asked, 0, status.RetryAfter))
			asked++
		}
		if pages.Next != "" {
			ask.URL = pages.Next
		}
	}
	fmt.Println("next _since:", pages.TransactionTime)
	if err := client.Cancel(ctx, kickoff.StatusURL); err != nil {
		log.Print(err) // the files go away by themselves some day
	}
	// Output:
	// in progress: 50%
	// page 0 output 0: {"resourceType":"Patient","id":"1"}
	// page 0 output 0: {"resourceType":"Patient","id":"2"}
	// page 1 output 0: {"resourceType":"Observation","id":"3"}
	// next _since: 2026-01-02T03:04:05Z
}

func printFile(ctx context.Context, client *bulkdata.Client, f bulkdata.PageFile) error {
	body, err := client.Open(ctx, f.File, bulkdata.OpenOptions{})
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		fmt.Printf("page %d %s %d: %s\n", f.Page, f.File.Section, f.File.Index, lines.Text())
	}
	return lines.Err()
}

// A server that knows POST only gets a Parameters resource.
func ExampleClient_Plan_parameters() {
	client, err := bulkdata.New(bulkdata.Config{BaseURL: "https://fhir.example/r4", Dialect: bulkdata.STU4})
	if err != nil {
		log.Fatal(err)
	}
	planned, err := client.Plan(bulkdata.Request{Level: bulkdata.PatientLevel, Types: []string{"Patient"}, Patients: []string{"p-1"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(planned.Method, planned.URL)
	fmt.Println(string(planned.Body))
	// Output:
	// POST https://fhir.example/r4/Patient/$export
	// {"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"Patient"},{"name":"patient","valueReference":{"reference":"Patient/p-1"}}]}
}

// A pace grows while the server says nothing, and never undercuts its word.
func ExamplePace() {
	pace := bulkdata.Pace{First: 10 * time.Second, Longest: time.Minute, Jitter: -1}
	for asked := range 5 {
		fmt.Print(pace.Wait(asked, 0, bulkdata.RetryAfter{}), " ")
	}
	fmt.Println(pace.Wait(0, 0, bulkdata.RetryAfter{Given: true, Wait: 2 * time.Minute}))
	// Output: 10s 20s 40s 1m0s 1m0s 2m0s
}

// An attachment is read with the token that its manifest asks for.
func ExampleClient_OpenAttachment() {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "discharged from ", r.URL.Path)
	}))
	defer srv.Close()
	client, err := bulkdata.New(bulkdata.Config{BaseURL: srv.URL + "/fhir", HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	body, err := client.OpenAttachment(context.Background(), bulkdata.Attachment{URL: "Binary/7", Access: bulkdata.TokenRequired}, bulkdata.OpenOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s\n", body.ContentType, text)
	// Output: text/plain: discharged from /fhir/Binary/7
}

// The request is known before it is sent.
func ExampleClient_Plan() {
	client, err := bulkdata.New(bulkdata.Config{BaseURL: "https://fhir.example/r4/abcdef/"})
	if err != nil {
		log.Fatal(err)
	}
	planned, err := client.Plan(bulkdata.Request{
		Level: bulkdata.GroupLevel, GroupID: "g1",
		Types: []string{"Patient", "Observation"}, Since: "2026-01-02T03:04:05+01:00",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(planned.Method, planned.URL)
	// Output: GET https://fhir.example/r4/abcdef/Group/g1/$export?_type=Patient%2CObservation&_since=2026-01-02T03%3A04%3A05%2B01%3A00
}

// A failed kick-off may be repeated only when it cannot have started anything.
func ExampleMayHaveStarted() {
	for _, err := range []error{
		&bulkdata.NotSentError{Op: bulkdata.OpKickoff, Err: errors.New("connection refused")},
		&bulkdata.UnansweredError{Op: bulkdata.OpKickoff, Err: errors.New("connection reset")},
		&bulkdata.BusyError{Status: 429},
	} {
		fmt.Println(bulkdata.MayHaveStarted(err), err)
	}
	// Output:
	// false kick off: not sent: connection refused
	// true kick off: no answer: connection reset
	// false kick off: server is busy with another export: status 429
}
