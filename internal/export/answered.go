package export

import "net/http"

// An Answered is told of each request that left for a tenant's server and of
// the status of its answer; 0 says that none came. It is called concurrently.
type Answered func(tenant string, status int)

// Tell makes f be told of requests. It is called before the first one.
func (c *Connections) Tell(f Answered) { c.answered = f }

// Around puts something around every request to tenants' servers, tokens
// included, where it leaves. It is called before the first one.
func (c *Connections) Around(wrap func(next http.RoundTripper) http.RoundTripper) { c.around = wrap }

// told tells of the requests of one tenant.
type told struct {
	next   http.RoundTripper
	tenant string
	tell   Answered
}

// RoundTrip sends the request and tells of it.
func (t *told) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.next.RoundTrip(r)
	status := 0
	if err == nil {
		status = answer.StatusCode
	}
	t.tell(t.tenant, status)
	return answer, err
}
