// Command packaging holds the files of the packages against judges of others:
// a Dockerfile against the rules of the builder that builds it, a compose file
// against the specification's own loader, objects of Kubernetes against its own
// types. Nothing is built, and no registry is asked.
//
//	go run . DOCKERFILE COMPOSE KUBERNETES
//
// https://docs.docker.com/reference/build-checks/
// https://github.com/compose-spec/compose-spec/blob/main/spec.md
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: packaging DOCKERFILE COMPOSE KUBERNETES")
		os.Exit(2)
	}
	ctx := context.Background()
	if err := errors.Join(dockerfile(ctx, os.Args[1]), compose(ctx, os.Args[2]), kubernetes(os.Args[3])); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// compose gives what the specification's schema and loader say of a file.
func compose(ctx context.Context, path string) error {
	project, err := cli.NewProjectOptions([]string{path})
	if err != nil {
		return err
	}
	if _, err := project.LoadProject(ctx); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
