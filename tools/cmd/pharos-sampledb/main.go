// Command pharos-sampledb writes sample vulnerability databases in the scanners' official formats.
//
//	pharos-sampledb grype --facts FILE --out DIR [--archive tar.zst|tar.gz] [--built-at TIME]
//	pharos-sampledb trivy --facts FILE --out DIR [--built-at TIME]
//
// It prints one JSON object that names what it wrote.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	_ "github.com/glebarez/sqlite"

	"github.com/pharos-security/pharos/tools/internal/facts"
	"github.com/pharos-security/pharos/tools/internal/sampledb"
)

const usage = `usage: pharos-sampledb grype|trivy --facts FILE --out DIR [options]

  grype   an archive and its latest.json, for 'grype db import FILE' and, served below /v6/, for 'grype db update'
  trivy   a cache directory with db/trivy.db and db/metadata.json, for 'trivy --cache-dir DIR --skip-db-update'

options
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pharos-sampledb:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("pharos-sampledb", flag.ContinueOnError)
	factsPath := flags.String("facts", "", "the facts file, or an overlay that extends one")
	out := flags.String("out", "", "the directory to write to")
	archive := flags.String("archive", "tar.zst", "grype: the archive's format, tar.zst or tar.gz")
	builtAtText := flags.String("built-at", "", "the build moment to state (RFC 3339); now by default")
	scale := flags.Int("scale", 0, "grype: add this many made-up vulnerabilities of made-up Debian 12 packages, to measure with")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	if len(args) == 0 || (args[0] != "grype" && args[0] != "trivy") {
		flags.Usage()
		return fmt.Errorf("name the scanner: grype or trivy")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *factsPath == "" || *out == "" {
		return fmt.Errorf("--facts and --out are needed")
	}
	if *scale < 0 {
		return fmt.Errorf("--scale is negative")
	}
	var builtAt time.Time
	if *builtAtText != "" {
		parsed, err := time.Parse(time.RFC3339, *builtAtText)
		if err != nil {
			return fmt.Errorf("--built-at: %w", err)
		}
		builtAt = parsed.UTC()
	}
	loaded, err := facts.Load(*factsPath)
	if err != nil {
		return err
	}
	loaded.Scale(*scale)

	var result any
	switch args[0] {
	case "grype":
		result, err = sampledb.WriteGrype(loaded, sampledb.GrypeOptions{OutputDirectory: *out, ArchiveExtension: *archive, BuiltAt: builtAt})
	case "trivy":
		result, err = sampledb.WriteTrivy(loaded, sampledb.TrivyOptions{OutputDirectory: *out, BuiltAt: builtAt})
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
