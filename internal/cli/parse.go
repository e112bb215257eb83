package cli

import (
	"fmt"
	"io"
	"reflect"

	"github.com/alecthomas/kong"
)

// Parses reports why a command line is none of bulkhead's: an unknown verb or
// flag, a missing argument, a value of the wrong kind. Nothing runs, and the
// files that it names need not exist.
func Parses(args ...string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, help := r.(exited); !help { // --help ends by itself, and is right
				panic(r)
			}
		}
	}()
	var c command
	anything := kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		for first := true; first || target.Kind() == reflect.Slice && ctx.Scan.Peek().IsValue(); first = false {
			var text string
			if err := ctx.Scan.PopValueInto("file", &text); err != nil {
				return err
			}
			if target.Kind() == reflect.Slice {
				target.Set(reflect.Append(target, reflect.ValueOf(text)))
			} else {
				target.SetString(text)
			}
		}
		return nil
	})
	parser, err := kong.New(&c, kong.Name("bulkhead"), kong.Writers(io.Discard, io.Discard), kong.Exit(func(code int) { panic(exited(code)) }),
		kong.NamedMapper("existingfile", anything), kong.NamedMapper("existingdir", anything), kong.NamedMapper("path", anything))
	if err != nil {
		return fmt.Errorf("build the command line: %w", err)
	}
	_, err = parser.Parse(args)
	return err
}
