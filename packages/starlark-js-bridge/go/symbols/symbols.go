// Package symbols holds the packages of Go's standard library that scripts may import. Its tables are made by cmd/symbols when the bridge
// is built; each is filled when a program imports it, because all of them together take longer than most programs.
package symbols

import (
	"fmt"
	"io"
	"log"
	"maps"
	"reflect"
	"slices"

	"github.com/traefik/yaegi/interp"
)

type table map[string]reflect.Value

// loaders make the table of each package, by import path. The generated files add themselves.
var loaders = map[string]func() (key string, symbols table){}

// Packages whose generic functions the interpreter brings as source: it compiles them all as soon as it sees a table `fmt/fmt`.
var fromSource = []string{"cmp", "maps", "slices", "sync", "sync/atomic"}

// Has says whether scripts may import a package.
func Has(path string) bool {
	return loaders[path] != nil || slices.Contains(fromSource, path)
}

// Paths lists the packages that scripts may import.
func Paths() []string {
	paths := slices.Collect(maps.Keys(loaders))
	for _, path := range fromSource {
		if !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// For gathers the tables of packages. What fmt and log print goes to output.
func For(paths []string, output io.Writer) interp.Exports {
	exports := interp.Exports{}
	types := typesOfArguments()
	needsSource := false
	for _, path := range paths {
		needsSource = needsSource || slices.Contains(fromSource, path)
		if loaders[path] == nil {
			continue
		}
		key, symbols := loaders[path]()
		switch path {
		case "fmt":
			printTo(symbols, types, output)
		case "log":
			logTo(symbols, types, output)
		}
		exports[key] = symbols
	}
	if needsSource {
		if exports["fmt/fmt"] == nil {
			exports["fmt/fmt"] = table{}
		}
	} else if exports["fmt/fmt"] != nil {
		// The same path to the interpreter, but not the name that makes it compile all generic sources.
		exports["fmt//fmt"] = exports["fmt/fmt"]
		delete(exports, "fmt/fmt")
	}
	exports["."] = table{"MapTypes": reflect.ValueOf(types)}
	return exports
}

func printTo(symbols table, types map[reflect.Value][]reflect.Type, output io.Writer) {
	for name, function := range map[string]any{
		"Print":   func(values ...any) (int, error) { return fmt.Fprint(output, values...) },
		"Printf":  func(format string, values ...any) (int, error) { return fmt.Fprintf(output, format, values...) },
		"Println": func(values ...any) (int, error) { return fmt.Fprintln(output, values...) },
	} {
		symbols[name] = reflect.ValueOf(function)
		types[symbols[name]] = printed
	}
}

func logTo(symbols table, types map[reflect.Value][]reflect.Type, output io.Writer) {
	logger := log.New(output, "", 0)
	for name, function := range map[string]any{
		"Print": logger.Print, "Printf": logger.Printf, "Println": logger.Println,
		"Panic": logger.Panic, "Panicf": logger.Panicf, "Panicln": logger.Panicln,
		// The real ones end the process.
		"Fatal": logger.Panic, "Fatalf": logger.Panicf, "Fatalln": logger.Panicln,
		"Flags": logger.Flags, "Output": logger.Output, "Prefix": logger.Prefix, "SetFlags": logger.SetFlags,
		"SetOutput": logger.SetOutput, "SetPrefix": logger.SetPrefix, "Writer": logger.Writer,
	} {
		symbols[name] = reflect.ValueOf(function)
		types[symbols[name]] = printed
	}
}
