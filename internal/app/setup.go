package app

import (
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/duckdbsink"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/parquetsink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink/merge"
	"github.com/bulkhead-fhir/bulkhead/internal/telemetry"
)

// steps makes the steps of a configuration: what it decides, and what a is.
func (a *App) steps(c *config.Config, connections *export.Connections) (engine.Steps, error) {
	guides, err := Guides(c)
	if err != nil {
		return nil, err
	}
	sinks, err := a.sinks.of(c, a.options.Point)
	if err != nil {
		return nil, err
	}
	a.opened = sinks
	steps := a.Metrics.Around(&export.Steps{
		Guides: guides, Plans: a.plans, Config: c, Store: a.Store, Files: a.Files, Views: a.Views, Sinks: sinks,
		Connect: connections.Client, Meter: a.Meter, Grant: connections.Grant, Point: a.options.Point,
	})
	steps = telemetry.Traced(a.tracer, steps)
	if a.options.Around != nil {
		steps = a.options.Around(steps)
	}
	return steps, nil
}

// A sinkSet opens sinks, each once however often it is configured again. Its
// zero value has none open.
type sinkSet struct {
	gate merge.Gate
	open map[config.Sink]sink.Sink
}

// of gives the configured sinks by name.
func (s *sinkSet) of(c *config.Config, point func(string) error) (map[string]sink.Sink, error) {
	if s.open == nil {
		s.gate = merge.NewGate(1) // one publication at a time bounds memory
		s.open = map[config.Sink]sink.Sink{}
	}
	sinks := make(map[string]sink.Sink, len(c.Sinks))
	for name, configured := range c.Sinks {
		place := config.Sink{Kind: configured.Kind, File: configured.File, Folder: configured.Folder}
		opened, ok := s.open[place]
		if !ok {
			var err error
			switch place.Kind {
			case config.DuckDB:
				opened, err = duckdbsink.Open(duckdbsink.Options{Path: place.File, Gate: s.gate, Point: point})
			case config.Parquet:
				opened, err = parquetsink.Open(parquetsink.Options{Folder: place.Folder, Gate: s.gate, Point: point})
			}
			if err != nil {
				return nil, err
			}
			s.open[place] = opened
		}
		sinks[name] = opened
	}
	return sinks, nil
}

// Sinks makes the configured sinks by name.
func Sinks(c *config.Config) (map[string]sink.Sink, error) {
	var set sinkSet
	return set.of(c, nil)
}
