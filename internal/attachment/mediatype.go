package attachment

import (
	"mime"
	"slices"
	"strings"
)

// mediaType gives a content type in lower case and without parameters.
func mediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	if parsed, _, err := mime.ParseMediaType(contentType); err == nil {
		media = parsed
	}
	return strings.ToLower(strings.TrimSpace(media))
}

// allows reports whether a media type is among those wanted. One that is not
// known is wanted only by those who want all.
func (r Rules) allows(media string) bool {
	kind, _, whole := strings.Cut(media, "/")
	return slices.ContainsFunc(r.ContentTypes, func(want string) bool {
		return want == "*/*" || want == media && media != "" || whole && want == kind+"/*"
	})
}

// isGeneric reports whether a media type says nothing about the content.
func isGeneric(media string) bool {
	return media == "" || media == "application/octet-stream" || media == "binary/octet-stream"
}

func isJSON(media string) bool {
	return media == "application/json" || media == "text/json" || media == "application/json+fhir" || strings.HasSuffix(media, "+json")
}

// acceptOf is the Accept header for a document of a declared media type. A FHIR
// server answers a read of a Binary with the content itself unless a FHIR type
// is asked for; one that has no other way sends the resource.
// https://hl7.org/fhir/R4/binary.html#rest
func acceptOf(declared string) string {
	if declared == "" {
		return "*/*"
	}
	return declared + ", */*;q=0.1"
}
