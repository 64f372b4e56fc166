// Checks files with the parsers of the programs that read them: Prometheus' rules, Docker Compose's file.
//
//	parsers rules FILE
//	parsers compose FILE
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	kind, file := os.Args[1], os.Args[2]
	switch kind {
	case "rules":
		_, errs := rulefmt.ParseFile(file, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.Default())
		for _, err := range errs {
			fmt.Fprintln(os.Stderr, err)
		}
		if len(errs) > 0 {
			os.Exit(1)
		}
	case "compose":
		options, err := cli.NewProjectOptions([]string{file}, cli.WithOsEnv)
		if err != nil {
			fail(err)
		}
		project, err := options.LoadProject(context.Background())
		if err != nil {
			fail(err)
		}
		text, err := project.MarshalYAML()
		if err != nil {
			fail(err)
		}
		os.Stdout.Write(text)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
