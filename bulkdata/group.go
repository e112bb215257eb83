package bulkdata

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxGroupPages bounds how far a server's list of groups is followed.
const maxGroupPages = 50

// A Group is a FHIR Group that the client can see.
type Group struct {
	// ID is the resource's id.
	ID string
	// Identifiers are the values of its identifiers. eClinicalWorks wants one
	// of these, not ID, in an export's path.
	Identifiers []string
	// Name is the practice's own word for it, shortened; it may be empty.
	Name string
	// Quantity is the number of members that the server claims, nil for none.
	Quantity *int64
}

type wireBundle struct {
	ResourceType string     `json:"resourceType"`
	Link         []wireLink `json:"link"`
	Entry        []struct {
		Resource jsontext.Value `json:"resource"`
	} `json:"entry"`
}

type wireGroup struct {
	ResourceType string `json:"resourceType"`
	ID           string `json:"id"`
	Name         string `json:"name"`
	Quantity     *int64 `json:"quantity"`
	Identifier   []struct {
		Value string `json:"value"`
	} `json:"identifier"`
}

// Groups searches [base]/Group and follows the pages. What is no Group, such
// as an outcome with a remark, is passed over.
func (c *Client) Groups(ctx context.Context) ([]Group, error) {
	var found []Group
	target := c.base.JoinPath("Group")
	for pages := 1; ; pages++ {
		a, err := c.answerOf(ctx, exchange{
			op: OpQuery, method: http.MethodGet, target: target, authorize: true, redirects: true,
			header: http.Header{"Accept": {"application/fhir+json"}},
		}, min(c.limits.ManifestBytes, maxResource))
		if err != nil {
			return nil, err
		}
		var page wireBundle
		if err := a.resource(&page); err != nil {
			return nil, err
		}
		if page.ResourceType != "Bundle" {
			return nil, a.protocolError(OpQuery, NotExpectedResource)
		}
		found = append(found, page.groups()...)
		next := page.next()
		if next == "" {
			return found, nil
		}
		u, err := a.url.Parse(next)
		if pages == maxGroupPages {
			return nil, a.protocolError(OpQuery, PagesTooMany)
		}
		if err != nil {
			return nil, a.protocolError(OpQuery, NotExpectedResource)
		}
		if target, err = c.checkStatusURL(OpQuery, u.String()); err != nil {
			return nil, err
		}
	}
}

func (b *wireBundle) next() string {
	for _, l := range b.Link {
		if l.Relation == "next" {
			return l.URL
		}
	}
	return ""
}

func (b *wireBundle) groups() []Group {
	var list []Group
	for _, entry := range b.Entry {
		var w wireGroup
		if json.Unmarshal(entry.Resource, &w) != nil || w.ResourceType != "Group" {
			continue
		}
		g := Group{ID: w.ID, Name: plainText(w.Name, 200), Quantity: w.Quantity}
		for _, i := range w.Identifier {
			if i.Value != "" {
				g.Identifiers = append(g.Identifiers, i.Value)
			}
		}
		list = append(list, g)
	}
	return list
}
