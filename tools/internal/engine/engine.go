// Package engine joins the parts of the scan engine to the operations of its protocol.
package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/anchore/grype/cmd/grype/cli/options"
	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/syft/syft/sbom"

	"github.com/pharos-security/pharos/tools/internal/engine/capture"
	"github.com/pharos-security/pharos/tools/internal/engine/catalogue"
	"github.com/pharos-security/pharos/tools/internal/engine/database"
	"github.com/pharos-security/pharos/tools/internal/engine/failure"
	"github.com/pharos-security/pharos/tools/internal/engine/grypeoptions"
	"github.com/pharos-security/pharos/tools/internal/engine/layercache"
	"github.com/pharos-security/pharos/tools/internal/engine/lookup"
	"github.com/pharos-security/pharos/tools/internal/engine/match"
	"github.com/pharos-security/pharos/tools/internal/engine/ociimage"
	"github.com/pharos-security/pharos/tools/internal/engine/server"
	"github.com/pharos-security/pharos/tools/internal/engine/unitmatch"
)

// Config is what an engine is started with.
type Config struct {
	// Version is the engine program's own.
	Version    string
	LayerCache *layercache.Cache
	Limits     layercache.Limits
}

// Engine is the state of one engine process: the open database and the last SBOM.
type Engine struct {
	config       Config
	syftVersion  string
	grypeVersion string
	options      *options.Grype
	cataloguer   *catalogue.Cataloguer
	matcher      *match.Matcher
	units        *unitmatch.Matcher
	open         *database.Database
	// prepared is open for many searches; nil until it is needed.
	prepared    *lookup.Lookup
	differences differences
	// kept is the last catalogued SBOM: a match follows its catalogue, so one is enough.
	kept     *sbom.SBOM
	keptID   string
	sequence int
}

// New prepares an engine.
func New(config Config) (*Engine, error) {
	engine := &Engine{config: config, syftVersion: moduleVersion("github.com/anchore/syft"), grypeVersion: moduleVersion("github.com/anchore/grype")}
	sink := capture.Install()
	opts := grypeoptions.Default(engine.grypeVersion)
	engine.options = opts
	cataloguer, err := catalogue.New(opts, config.LayerCache, config.Limits, sink, engine.syftVersion)
	if err != nil {
		return nil, err
	}
	engine.cataloguer = cataloguer
	engine.matcher = match.New(opts, engine.grypeVersion, sink)
	engine.units = unitmatch.New(opts, sink)
	return engine, nil
}

// Close closes the database.
func (e *Engine) Close() error {
	if e.open == nil {
		return nil
	}
	return e.open.Close()
}

// Operations are the engine's part of the protocol.
func (e *Engine) Operations() map[string]server.Operation {
	operations := map[string]server.Operation{
		"hello":        e.hello,
		"openDatabase": e.openDatabase,
		"catalogue":    e.catalogue,
		"match":        e.match,
		"convert":      e.convert,
	}
	maps.Copy(operations, e.rematchOperations())
	return operations
}

func (e *Engine) hello(context.Context, func(any) error, func(string)) (any, error) {
	return map[string]any{
		"protocol":         server.ProtocolVersion,
		"engineVersion":    e.config.Version,
		"syftVersion":      e.syftVersion,
		"grypeVersion":     e.grypeVersion,
		"databaseSchema":   fmt.Sprintf("v%d.%d.%d", v6.ModelVersion, v6.Revision, v6.Addition),
		"cataloguerConfig": e.cataloguer.Configuration(),
		"goVersion":        runtime.Version(),
		"pid":              os.Getpid(),
	}, nil
}

func (e *Engine) openDatabase(_ context.Context, fields func(any) error, _ func(string)) (any, error) {
	var request struct {
		Directory string `json:"directory"`
	}
	if err := fields(&request); err != nil {
		return nil, err
	}
	if err := required("directory", request.Directory); err != nil {
		return nil, err
	}
	opened, err := database.Open(e.options, request.Directory)
	if err != nil {
		return nil, err
	}
	former := e.open
	e.open, e.prepared = opened, nil
	if former != nil {
		if err := former.Close(); err != nil {
			return nil, failure.Wrap(failure.Local, err)
		}
	}
	return opened.Info, nil
}

// catalogueResult adds what the engine itself knows to a catalogue's result.
type catalogueResult struct {
	SBOMID string `json:"sbomId"`
	*catalogue.Result
}

func (e *Engine) catalogue(ctx context.Context, fields func(any) error, progress func(string)) (any, error) {
	var request struct {
		Layout         string `json:"layout"`
		ManifestDigest string `json:"manifestDigest"`
		Platform       string `json:"platform"`
		Reference      string `json:"reference"`
		SBOMPath       string `json:"sbomPath"`
	}
	if err := fields(&request); err != nil {
		return nil, err
	}
	if err := errors.Join(required("layout", request.Layout), required("manifestDigest", request.ManifestDigest), required("sbomPath", request.SBOMPath)); err != nil {
		return nil, failure.Wrap(failure.BadRequest, err)
	}
	// The former SBOM goes before the new one grows.
	e.kept, e.keptID = nil, ""
	result, err := e.cataloguer.Run(ctx, ociimage.Request{
		Layout: request.Layout, ManifestDigest: request.ManifestDigest, Platform: request.Platform, Reference: request.Reference,
	}, request.SBOMPath, progress)
	if err != nil {
		return nil, err
	}
	e.sequence++
	e.kept, e.keptID = result.SBOM, fmt.Sprintf("%d-%d", os.Getpid(), e.sequence)
	return catalogueResult{e.keptID, result}, nil
}

func (e *Engine) match(ctx context.Context, fields func(any) error, progress func(string)) (any, error) {
	var request struct {
		SBOMID     string `json:"sbomId"`
		SBOMPath   string `json:"sbomPath"`
		ReportPath string `json:"reportPath"`
		UnitsPath  string `json:"unitsPath"`
	}
	if err := fields(&request); err != nil {
		return nil, err
	}
	if err := required("reportPath", request.ReportPath); err != nil {
		return nil, err
	}
	if e.open == nil {
		return nil, failure.New(failure.DatabaseMissing, "no database is open")
	}
	packages, err := e.packages(request.SBOMID, request.SBOMPath)
	if err != nil {
		return nil, err
	}
	result, err := e.matcher.Run(ctx, e.open, packages, request.ReportPath, progress)
	if err != nil || request.UnitsPath == "" {
		return result, err
	}
	if result.UnitCount, err = packages.WriteUnits(request.UnitsPath, e.units.Fields()); err != nil {
		return nil, err
	}
	return result, nil
}

// packages prefers the SBOM in memory and falls back to the file.
func (e *Engine) packages(sbomID, sbomPath string) (match.Packages, error) {
	if sbomID != "" && sbomID == e.keptID {
		return e.matcher.FromSBOM(e.kept), nil
	}
	if sbomPath == "" {
		return match.Packages{}, failure.New(failure.SBOMInvalid, "the SBOM %q is no longer in memory, and no sbomPath is given", sbomID)
	}
	content, err := catalogue.ReadSBOM(sbomPath)
	if err != nil {
		return match.Packages{}, err
	}
	return e.matcher.FromDocument(content)
}

func (e *Engine) convert(_ context.Context, fields func(any) error, _ func(string)) (any, error) {
	var request struct {
		SBOMPath   string `json:"sbomPath"`
		Format     string `json:"format"`
		OutputPath string `json:"outputPath"`
	}
	if err := fields(&request); err != nil {
		return nil, err
	}
	if err := errors.Join(required("sbomPath", request.SBOMPath), required("outputPath", request.OutputPath)); err != nil {
		return nil, failure.Wrap(failure.BadRequest, err)
	}
	size, err := catalogue.Convert(request.SBOMPath, request.Format, request.OutputPath)
	if err != nil {
		return nil, err
	}
	return map[string]int64{"bytes": size}, nil
}

func required(name, value string) error {
	if value == "" {
		return failure.New(failure.BadRequest, "%s is missing", name)
	}
	return nil
}

// moduleVersion is the version of a module that is linked in, without its v.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range info.Deps {
		if module.Path == path {
			return strings.TrimPrefix(module.Version, "v")
		}
	}
	return ""
}
