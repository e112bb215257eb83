package export

import "net/http"

// Elsewhere gives the way to addresses that the configuration names and that
// are no practice's servers, such as those of call-backs: here says that they
// are on this machine. The same addresses are refused as for practices' servers
// (this machine's link, where clouds tell secrets), at the moment of
// connecting; nothing is counted, nothing is added and no redirect followed.
func (c *Connections) Elsewhere(here bool) http.RoundTripper {
	if here {
		return guarded{guard{here: true}, c.here}
	}
	return guarded{guard{}, c.base}
}
