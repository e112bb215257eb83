package smart_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/bulkhead-fhir/bulkhead/smart"
)

// A server is found by its FHIR base and gives a token for a signed assertion.
func Example() {
	mux := http.NewServeMux()
	srv := httptest.NewTLSServer(mux)
	defer srv.Close()
	mux.HandleFunc("GET /fhir/.well-known/smart-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"token_endpoint":"%s/token","grant_types_supported":["client_credentials"]}`, srv.URL)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"access_token":"secret","token_type":"bearer","expires_in":300,"scope":"system/Patient.rs"}`)
	})

	ctx := context.Background()
	server, err := smart.Discover(ctx, srv.Client(), srv.URL+"/fhir")
	if err != nil {
		log.Fatal(err)
	}
	key, err := smart.GenerateKey(smart.ES384)
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := smart.NewTokenSource(smart.Config{
		ClientID: "my-client", Key: key, TokenURL: server.TokenEndpoint,
		Scopes: []string{"system/Patient.rs", "system/Group.rs"}, HTTPClient: srv.Client(),
	})
	if err != nil {
		log.Fatal(err)
	}
	token, err := tokens.Token(ctx)
	if err != nil {
		log.Fatal(err)
	}
	granted, _ := smart.GrantedScopes(token)
	fmt.Println("not granted:", smart.Missing(tokens.Scopes(), granted))
	// Output: not granted: [system/Group.rs]
}

// The public parts of the present and the next key are published together.
func ExampleJWKS() {
	present, err := smart.GenerateKey(smart.ES384)
	if err != nil {
		log.Fatal(err)
	}
	next, err := smart.GenerateKey(smart.ES384)
	if err != nil {
		log.Fatal(err)
	}
	set, err := smart.JWKS(present, next)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(set) > 0)
	// Output: true
}

// A refusal names its causes; weather does not need a person.
func ExampleTokenError() {
	var err error = &smart.TokenError{
		Status: 400, Code: "invalid_scope", Endpoint: "https://auth.example/token",
		Scopes: []string{"system/Patient.read"},
	}
	if refused, ok := errors.AsType[*smart.TokenError](err); ok && !refused.Temporary() {
		fmt.Println(refused)
		fmt.Println(refused.Causes()[0])
	}
	// Output:
	// token request to https://auth.example/token: status 400: invalid_scope
	// one of these scopes is not granted to the client, and a single one is enough: system/Patient.read
}
