// Command pharos-fleet makes up a fleet of images and the vulnerability databases that judge it, to measure with.
//
//	pharos-fleet databases --out DIR [--base FACTS] [--generations 1,2,3] [world options]
//	pharos-fleet images --out DIR --images N [world options]
//	pharos-fleet sbom --image N[,N...] --out DIR [world options]
//	pharos-fleet summary --images N [world options]
//
// World options are --seed, --records, --projects and --touched-projects: the same values give the same images and databases. Each subcommand prints one
// JSON object a line of what it made.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	_ "github.com/glebarez/sqlite"

	"github.com/pharos-security/pharos/tools/internal/facts"
	"github.com/pharos-security/pharos/tools/internal/fleet"
)

const usage = `usage: pharos-fleet databases|images|sbom|summary [options]

  databases  vulnerability databases in Grype's format, each in a folder of its generation: N/vulnerability-db_*.tar.zst and N/latest.json
  images     images.jsonl.gz, packages.jsonl, documents/*.json and fleet.json
  sbom       SBOMs of images, as Syft would write them: N.json for each
  summary    counts of the fleet, without making it

options
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pharos-fleet:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("pharos-fleet", flag.ContinueOnError)
	out := flags.String("out", "", "the directory to write to")
	base := flags.String("base", "", "databases: a facts file whose records each database holds as well")
	generations := flags.String("generations", "1,2,3", "databases: which to build")
	images := flags.Int("images", 10_000, "number of images")
	image := flags.String("image", "0", "sbom: numbers of the images, from 0, separated by commas")
	seed := flags.Uint64("seed", 1, "what everything is made of")
	records := flags.Int("records", 100_000, "about how many vulnerability records a database holds")
	projects := flags.Int("projects", 0, "the first so many projects of each ecosystem, for small databases; 0 for all")
	touched := flags.Int("touched-projects", 5, "how many projects differ between the second and the third database")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	if len(args) == 0 {
		flags.Usage()
		return fmt.Errorf("name a subcommand")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *out == "" && args[0] != "summary" {
		return fmt.Errorf("--out is needed")
	}
	world := fleet.NewWorld(fleet.WorldOptions{Seed: *seed, Records: *records, Projects: *projects, TouchedProjects: *touched})
	print := json.NewEncoder(os.Stdout)
	switch args[0] {
	case "databases":
		return writeDatabases(world, *base, *generations, *out, print)
	case "images":
		summary, err := world.WriteImages(*images, *out)
		if err != nil {
			return err
		}
		return print.Encode(summary)
	case "sbom":
		return writeSBOMs(world, *image, *out)
	case "summary":
		return print.Encode(world.Summarize(*images))
	default:
		flags.Usage()
		return fmt.Errorf("unknown subcommand %q", args[0])
	}
}

func writeDatabases(world *fleet.World, basePath, generations, out string, print *json.Encoder) error {
	var base *facts.Facts
	if basePath != "" {
		loaded, err := facts.Load(basePath)
		if err != nil {
			return err
		}
		base = loaded
	}
	for _, text := range strings.Split(generations, ",") {
		number, err := strconv.Atoi(text)
		if err != nil || number < 1 || number > 3 {
			return fmt.Errorf("--generations: %q is not 1, 2 or 3", text)
		}
		result, err := world.Generation(number).WriteDatabase(base, filepath.Join(out, text))
		if err != nil {
			return err
		}
		if err := print.Encode(result); err != nil {
			return err
		}
	}
	return nil
}

func writeSBOMs(world *fleet.World, numbers, out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	composer := fleet.NewComposer(world)
	for _, text := range strings.Split(numbers, ",") {
		number, err := strconv.Atoi(text)
		if err != nil || number < 0 {
			return fmt.Errorf("--image: %q is no number of an image", text)
		}
		if err := composer.Image(number).WriteSBOM(filepath.Join(out, text+".json")); err != nil {
			return err
		}
	}
	return nil
}
