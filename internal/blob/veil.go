package blob

import "context"

// Writable says what keeps files of the tenant from being written that no retry
// cures: a key that cannot be used. Where nothing is encrypted it is nil.
// Problems: those of atrest.Keys.
func (s *Scope) Writable(ctx context.Context) error {
	_, err := s.VeilHead(ctx)
	return err
}

// Veil gives words, such as ids of patients, as the ledger may hold them: by the
// tenant's key, in a form that can be compared and says nothing else. Where
// nothing is encrypted they stay as they are. Problems: those of atrest.Keys.
func (s *Scope) Veil(ctx context.Context, words []string) ([]string, error) {
	if !s.store.keys.On() {
		return words, nil
	}
	return s.store.keys.Veil(ctx, s.tenant, words)
}

// VeilHead gives what every word begins with that Veil gives now; empty where
// nothing is encrypted.
func (s *Scope) VeilHead(ctx context.Context) (string, error) {
	if !s.store.keys.On() {
		return "", nil
	}
	return s.store.keys.VeilHead(ctx, s.tenant)
}

// Unveil gives words as they were before Veil. Those that are not veiled stay as
// they are. Problems: those of atrest.Keys.
func (s *Scope) Unveil(ctx context.Context, words []string) ([]string, error) {
	return s.store.keys.Unveil(ctx, s.tenant, words)
}
