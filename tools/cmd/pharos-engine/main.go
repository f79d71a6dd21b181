// Command pharos-engine catalogues images and matches them against a vulnerability database, with the Syft and Grype libraries, in one process
// that lives for many images. It reads requests from stdin and answers on stdout, one JSON object a line; see internal/engine/server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	_ "github.com/glebarez/sqlite"

	"github.com/pharos-security/pharos/tools/internal/engine"
	"github.com/pharos-security/pharos/tools/internal/engine/layercache"
	"github.com/pharos-security/pharos/tools/internal/engine/server"
)

// version is set by the build.
var version = "0.0.0"

// gcPercent trades memory for time: a catalogue makes 500 MB of garbage around 60 MB that live, and collecting at every doubling costs a sixth
// of its time. The memory limit stays above it.
const gcPercent = 200

const (
	exitFailed    = 1
	exitUsage     = 2
	exitAbandoned = 3
)

type flags struct {
	layerCache       string
	layerCacheBytes  int64
	temp             string
	memoryLimitBytes int64
	limits           layercache.Limits
}

func main() {
	os.Exit(run())
}

func run() int {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	options, err := parseFlags(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		log.Error("engine refused", "error", err.Error())
		return exitUsage
	}
	if _, isSet := os.LookupEnv("GOGC"); !isSet {
		debug.SetGCPercent(gcPercent)
	}
	if options.memoryLimitBytes > 0 {
		debug.SetMemoryLimit(options.memoryLimitBytes)
	}
	code, err := serve(options)
	if err != nil {
		log.Error("engine failed", "error", err.Error())
	}
	return code
}

func parseFlags(args []string) (flags, error) {
	var options flags
	set := flag.NewFlagSet("pharos-engine", flag.ContinueOnError)
	set.StringVar(&options.layerCache, "layer-cache", "", "directory of unpacked layers, shared by all engines of a machine")
	set.Int64Var(&options.layerCacheBytes, "layer-cache-bytes", 4<<30, "bytes of disk that the layer cache may keep")
	set.StringVar(&options.temp, "temp", "", "directory for temporary files; the system's by default")
	set.Int64Var(&options.memoryLimitBytes, "memory-limit-bytes", 0, "bytes of memory past which the garbage collector works harder; 0 means no limit")
	set.Int64Var(&options.limits.LayerBytes, "max-layer-bytes", 8<<30, "bytes that one layer may unpack to")
	set.Int64Var(&options.limits.ImageBytes, "max-image-bytes", 16<<30, "bytes that one image may unpack to")
	set.Int64Var(&options.limits.Files, "max-files", 2_000_000, "entries that the layers of one image may have")
	if err := set.Parse(args); err != nil {
		return flags{}, err
	}
	if set.NArg() > 0 {
		return flags{}, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	if options.layerCache == "" {
		return flags{}, errors.New("--layer-cache is needed")
	}
	if options.layerCacheBytes < 0 || options.memoryLimitBytes < 0 || options.limits.LayerBytes <= 0 || options.limits.ImageBytes <= 0 || options.limits.Files <= 0 {
		return flags{}, errors.New("limits must be positive")
	}
	return options, nil
}

func serve(options flags) (code int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if options.temp != "" {
		if err := os.MkdirAll(options.temp, 0o700); err != nil {
			return exitFailed, err
		}
		// Syft and Stereoscope take the directory for their files from here alone.
		if err := os.Setenv("TMPDIR", options.temp); err != nil {
			return exitFailed, err
		}
	}
	cache, err := layercache.Open(options.layerCache, options.layerCacheBytes)
	if err != nil {
		return exitFailed, err
	}
	defer func() { err = errors.Join(err, cache.Close()) }()
	made, err := engine.New(engine.Config{Version: version, LayerCache: cache, Limits: options.limits})
	if err != nil {
		return exitFailed, err
	}
	defer func() { err = errors.Join(err, made.Close()) }()

	err = server.New(made.Operations(), os.Stdout).Serve(ctx, os.Stdin)
	switch {
	case errors.Is(err, server.ErrAbandoned):
		return exitAbandoned, err
	case err != nil:
		return exitFailed, err
	default:
		return 0, nil
	}
}
