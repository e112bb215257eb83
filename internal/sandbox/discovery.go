package sandbox

import (
	"net/http"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
)

// otherCode stands in a CapabilityStatement of eClinicalWorks where this
// practice's code ought to: nothing in it says whose server it is.
const otherCode = "ZZTEST"

// noPractice answers what is under no practice's base URL.
func (s *Server) noPractice(w http.ResponseWriter, r *http.Request) {
	kind, status := KindOther, http.StatusNotFound
	switch r.URL.Path {
	case "/metadata", "/fhir/r4/metadata":
		kind, status = KindMetadata, http.StatusBadRequest
	case "/.well-known/smart-configuration", "/fhir/r4/.well-known/smart-configuration":
		kind, status = KindSMART, http.StatusBadRequest
	}
	a := &answer{ResponseWriter: w, ctx: r.Context()}
	s.handle(a, r, Request{Kind: kind, Stray: true}, func(*Request) {
		writeOutcome(a, status, "invalid", "The URL names no practice.")
	})
}

// unknown answers what a practice's server does not do.
func (p *PracticeServer) unknown(x *exchange) {
	if x.r.Method != http.MethodGet && x.r.Method != http.MethodHead {
		x.refuse(http.StatusMethodNotAllowed, "not-supported", "This server does not take %s here.", x.r.Method)
		return
	}
	x.refuse(http.StatusNotFound, "not-found", "This server does not know this URL.")
}

// smartConfiguration serves the practice's SMART configuration.
// https://hl7.org/fhir/smart-app-launch/STU2/conformance.html
func (p *PracticeServer) smartConfiguration(x *exchange) {
	if p.cfg.Open {
		x.refuse(http.StatusNotFound, "not-found", "This server is open.")
		return
	}
	conf := map[string]any{
		"token_endpoint":                        p.tokenURL(x.k),
		"grant_types_supported":                 []string{"client_credentials"},
		"token_endpoint_auth_methods_supported": []string{"private_key_jwt"},
		"scopes_supported":                      p.scopes(x.k),
		"capabilities":                          []string{"client-confidential-asymmetric", "permission-v1", "permission-v2"},
	}
	token := x.k.Token
	if !x.k.OwnToken {
		p.s.tokens.mu.Lock()
		token = p.s.tokens.knobs
		p.s.tokens.mu.Unlock()
	}
	if token.Advertise {
		conf["token_endpoint_auth_signing_alg_values_supported"] = token.Algorithms
	}
	writeJSON(x, http.StatusOK, "application/json", conf)
}

// metadata serves the practice's CapabilityStatement.
func (p *PracticeServer) metadata(x *exchange) {
	ecw := p.cfg.Profile == ProfileECW
	rest := map[string]any{"mode": "server", "resource": p.capabilities(x.k)}
	if !p.cfg.Open {
		rest["security"] = p.security(x.k)
	}
	statement := map[string]any{
		"resourceType": "CapabilityStatement",
		"status":       "active",
		"date":         fhir.FormatInstant(p.s.clock.started),
		"kind":         "instance",
		"fhirVersion":  "4.0.1",
		"format":       []string{"application/fhir+json"},
		"rest":         []any{rest},
	}
	if ecw {
		statement["software"] = map[string]any{"name": "eCW FHIR Facade", "version": "1.6"}
		statement["url"] = p.s.fhirURL + "/fhir/r4/" + otherCode + "/metadata"
		statement["implementation"] = map[string]any{"description": "sandbox", "url": p.s.fhirURL + "/fhir/r4"}
		rest["operation"] = []any{exportOperation(p.s.fhirURL+"/fhir/r4/"+otherCode, "Global-i-export")}
	} else {
		statement["software"] = map[string]any{"name": "Bulkhead sandbox"}
		statement["instantiates"] = []string{"http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"}
		statement["implementation"] = map[string]any{"description": p.cfg.Name, "url": p.base}
		rest["operation"] = exportOperations(x.k, "export")
	}
	writeJSON(x, http.StatusOK, "application/fhir+json", statement)
}

const bulkDefinition = "http://hl7.org/fhir/uv/bulkdata"

func exportOperation(base, id string) map[string]any {
	return map[string]any{"name": "export", "definition": base + "/OperationDefinition/" + id}
}

// releases are the versions that a server's definitions carry.
var releases = map[Dialect]string{STU1: "1.0.1", STU2: "2.0.0", STU3: "3.0.0", STU4: "4.0.0"}

// exportOperations lists the operations that start an export of one level, each
// with its release: a server may offer two of them side by side.
func exportOperations(k Knobs, id string) []any {
	var operations []any
	for _, name := range k.Operations {
		release := releases[k.Dialect]
		if name == "export-v4" {
			release = releases[STU4]
		}
		operations = append(operations, map[string]any{
			"name": name, "definition": bulkDefinition + "/OperationDefinition/" + id + "|" + release,
		})
	}
	return operations
}

// capabilities lists what is offered, type by type.
func (p *PracticeServer) capabilities(k Knobs) []any {
	var resources []any
	for _, t := range p.offered(k) {
		entry := map[string]any{"type": t}
		switch {
		case t == "Group" && p.cfg.Profile == ProfileECW:
			base := p.s.fhirURL + "/fhir/r4/" + otherCode
			entry["interaction"] = []any{map[string]string{"code": "search-type"}}
			entry["operation"] = []any{exportOperation(base, "Group-i-export"), exportOperation(base, "Group--export")}
		case t == "Group":
			entry["interaction"] = []any{map[string]string{"code": "search-type"}, map[string]string{"code": "read"}}
			entry["operation"] = exportOperations(k, "group-export")
		case t == "Patient" && p.cfg.Profile == ProfileStandard:
			entry["operation"] = exportOperations(k, "patient-export")
		}
		resources = append(resources, entry)
	}
	return resources
}

// The extensions that name the token endpoint: eClinicalWorks uses an address
// that is not HL7's.
const (
	ecwOAuthURIs = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
	hl7OAuthURIs = "http://hl7.org/fhir/smart-app-launch/StructureDefinition/oauth-uris"
)

func (p *PracticeServer) security(k Knobs) map[string]any {
	extension := hl7OAuthURIs
	if p.cfg.Profile == ProfileECW {
		extension = ecwOAuthURIs
	}
	return map[string]any{
		"cors": true,
		"extension": []any{map[string]any{
			"url":       extension,
			"extension": []any{map[string]any{"url": "token", "valueUri": p.tokenURL(k)}},
		}},
	}
}
