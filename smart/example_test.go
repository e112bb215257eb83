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
		fmt.Fprintf(w, `{"token_endpoint":"%s/token","capabilities":["permission-v2"]}`, srv.URL)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"access_token":"secret","token_type":"bearer","expires_in":300,"scope":"system/Patient.rs"}`)
	})

	key, err := smart.GenerateKey(smart.ES384)
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := smart.NewTokenSource(smart.Config{
		ClientID: "my-client", Key: key, FHIRBase: srv.URL + "/fhir", HTTPClient: srv.Client(),
		Spell: func(style smart.Style) []string {
			return smart.ExportScopes(style, smart.Access{Types: []string{"Patient"}, Group: true})
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	token, err := tokens.Token(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	grant := smart.ReviewGrant(token, tokens.Scopes())
	fmt.Println("asked for:", tokens.Scopes())
	fmt.Println("missing:", grant.Missing)
	fmt.Println("may read patients:", grant.Covers("Patient"))
	// Output:
	// asked for: [system/Patient.rs system/Group.rs]
	// missing: [system/Group.rs]
	// may read patients: true
}

// A server's document says where tokens are asked for, and what speaks against
// asking there.
func ExampleParseConfiguration() {
	c, err := smart.ParseConfiguration([]byte(`{
		"token_endpoint": "auth/token",
		"grant_types_supported": ["authorization_code"],
		"capabilities": ["permission-v1"]
	}`), "https://ehr.example/fhir/")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.TokenEndpoint, c.ScopeStyle())
	for _, warning := range c.Warnings() {
		fmt.Println(warning)
	}
	// Output:
	// https://ehr.example/fhir/auth/token v1
	// grant_types_supported does not list client_credentials
	// token_endpoint is a relative URL
}

// Scopes of both syntaxes count alike.
func ExampleMissing() {
	granted := []string{"system/Patient.r", "system/*.s"}
	fmt.Println(smart.Missing([]string{"system/Patient.read", "system/Observation.rs"}, granted))
	// Output: [system/Observation.rs]
}

// Fewer scopes make shorter tokens.
func ExampleFactorScopes() {
	fmt.Println(smart.FactorScopes([]string{"system/Patient.r", "system/Patient.s", "system/Patient.rs", "system/Group.rs"}))
	// Output: [system/Patient.rs system/Group.rs]
}

// Of several keys, the server's list decides.
func ExampleSelectKey() {
	key, err := smart.GenerateKey(smart.ES384)
	if err != nil {
		log.Fatal(err)
	}
	chosen, err := smart.SelectKey([]string{"RS384", "ES384"}, key)
	fmt.Println(chosen.Algorithm(), err)
	_, err = smart.SelectKey([]string{"RS384"}, key)
	fmt.Println(err)
	// Output:
	// ES384 <nil>
	// select key: the server takes RS384, and the keys are for ES384
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
	// token request to https://auth.example: status 400: invalid_scope
	// one of these scopes is not granted to the client, and a single one is enough: system/Patient.read
}
