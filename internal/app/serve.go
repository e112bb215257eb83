package app

import (
	"context"
	"crypto/rand"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/web"
)

// beginServing publishes the public keys, and serves pages and API, where the
// configuration says.
func (a *App) beginServing(ctx context.Context) (err error) {
	w := a.Config.Web
	if a.keys, err = a.serveKeys(ctx); err != nil {
		return err
	}
	logKeys(ctx, a.Config, a.log)
	if a.numbers, err = a.serveMetrics(ctx); err != nil {
		return err
	}
	if w.Listen == "" {
		return nil
	}
	people, err := a.Store.People(ctx)
	if err != nil {
		return err
	}
	if len(people) == 0 {
		a.code = rand.Text()[:10]
	}
	pages, err := web.New(web.Options{
		Config: a.InForce, Store: a.Store, Files: a.Files, Anchors: store.AnchorsOf(Ledger(a.Config)), Work: a.Engine, Triggers: a.Triggers, Log: a.log, TLS: w.TLSCert != "", Code: a.code,
	})
	if err != nil {
		return err
	}
	a.pages, err = listen(ctx, listening{
		Section: "web", What: "pages and API", Address: w.Listen, Cert: w.TLSCert, Key: w.TLSKey, Handler: pages, Log: a.log,
	})
	return err
}

// Pages gives the address at which pages and API are served, and the code with
// which the first person is made there; both empty when they are not.
func (a *App) Pages() (address, code string) {
	if a.pages == nil {
		return "", ""
	}
	scheme := "http://"
	if a.Config.Web.TLSCert != "" {
		scheme = "https://"
	}
	return scheme + a.Config.Web.Listen, a.code
}
