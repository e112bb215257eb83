package bulkdata

import (
	"net/http"
	"net/url"
)

// Cookies serve gateways that need to meet the same client again. Each goes
// only to the host that set it, whatever its Domain says, and only hosts that
// may have the token take part: a file store never sees one.

func (c *Client) addCookies(req *http.Request) {
	if c.jar == nil || !c.origins[originOf(req.URL)] {
		return
	}
	for _, cookie := range c.jar.Cookies(req.URL) {
		req.AddCookie(cookie)
	}
}

func (c *Client) keepCookies(from *url.URL, resp *http.Response) {
	if c.jar == nil || !c.origins[originOf(from)] {
		return
	}
	cookies := resp.Cookies()
	for _, cookie := range cookies {
		cookie.Domain = ""
	}
	if len(cookies) > 0 {
		c.jar.SetCookies(from, cookies)
	}
}
