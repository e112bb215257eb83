package sink

// A Holding is what a destination has of one tenant, as somebody sees who only
// looks.
type Holding struct {
	Receipts map[string]Receipt // by export
	Lost     []string           // tables that it should have and that are not there

	// The following are known only after a look in depth.

	Resources map[string]int64 // by resource type, as the destination itself keeps count
	Foreign   int64            // rows of another tenant where only this one's may be
	Loose     int64            // rows of resources that the destination does not know
}

// Expected gives, by type, how many resources there must be by the receipts:
// each publication says what it added and what it took away.
func (h Holding) Expected() map[string]int64 {
	sum := map[string]int64{}
	for _, r := range h.Receipts {
		for _, t := range r.Types {
			sum[t.ResourceType] += t.New - t.Deleted
		}
	}
	return sum
}
