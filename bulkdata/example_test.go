package bulkdata_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
)

// ehr is an EHR that has finished every export before it is asked.
func ehr() *httptest.Server {
	mux := http.NewServeMux()
	srv := httptest.NewTLSServer(mux)
	mux.HandleFunc("GET /fhir/Group/g1/$export", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Location", srv.URL+"/fhir/status/1")
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("GET /fhir/status/1", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":false,
			"output":[{"type":"Patient","url":"%s/files/1","count":2}],"error":[]}`, srv.URL)
	})
	mux.HandleFunc("GET /files/1", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+ndjson")
		fmt.Fprintln(w, `{"resourceType":"Patient","id":"1"}`)
		fmt.Fprintln(w, `{"resourceType":"Patient","id":"2"}`)
	})
	mux.HandleFunc("DELETE /fhir/status/1", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
	})
	return srv
}

// An export from its kick-off to the lines of its files.
func Example() {
	srv := ehr()
	defer srv.Close()
	ctx := context.Background()
	client, err := bulkdata.New(bulkdata.Config{BaseURL: srv.URL + "/fhir", HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	kickoff, err := client.Kickoff(ctx, bulkdata.Request{Level: bulkdata.GroupLevel, GroupID: "g1", Types: []string{"Patient"}})
	if err != nil {
		log.Fatal(err)
	}
	status, err := client.Status(ctx, kickoff.StatusURL) // again after status.RetryAfter while in progress
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.State, status.Manifest.TransactionTime)
	for file := range status.Manifest.Files() {
		body, err := client.Open(ctx, file, bulkdata.OpenOptions{})
		if err != nil {
			log.Fatal(err)
		}
		for lines := bufio.NewScanner(body); lines.Scan(); {
			fmt.Println(file.Section, file.Index, lines.Text())
		}
		if err := body.Close(); err != nil {
			log.Fatal(err)
		}
	}
	if err := client.Cancel(ctx, kickoff.StatusURL); err != nil {
		log.Fatal(err)
	}
	// Output:
	// complete 2026-01-02T03:04:05Z
	// output 0 {"resourceType":"Patient","id":"1"}
	// output 0 {"resourceType":"Patient","id":"2"}
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
