package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// kubernetes reads each object of a file into the type of its kind: a field
// that the type does not have, or has twice, is a mistake.
func kubernetes(path string) error {
	kinds := runtime.NewScheme()
	if err := errors.Join(apps.AddToScheme(kinds), core.AddToScheme(kinds), networking.AddToScheme(kinds)); err != nil {
		return err
	}
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, kinds, kinds, json.SerializerOptions{Yaml: true, Strict: true})
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	var all []error
	objects := yaml.NewYAMLReader(bufio.NewReader(file))
	for n := 1; ; n++ {
		text, err := objects.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			_, _, err = strict.Decode(text, nil, nil)
		}
		if err != nil {
			all = append(all, fmt.Errorf("%s: object %d: %w", path, n, err))
		}
	}
	return errors.Join(append(all, file.Close())...)
}
