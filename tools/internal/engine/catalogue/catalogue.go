// Package catalogue makes an image's SBOM with Syft, under the options of the grype command.
package catalogue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
	"sort"
	"strings"
	"time"

	"github.com/anchore/grype/cmd/grype/cli/options"
	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source/stereoscopesource"

	"github.com/pharos-security/pharos/tools/internal/engine/capture"
	"github.com/pharos-security/pharos/tools/internal/engine/failure"
	"github.com/pharos-security/pharos/tools/internal/engine/grypeoptions"
	"github.com/pharos-security/pharos/tools/internal/engine/layercache"
	"github.com/pharos-security/pharos/tools/internal/engine/ociimage"
	"github.com/pharos-security/pharos/tools/internal/engine/outfile"
)

// revision is part of the configuration's hash: it rises when this package changes what a catalogue holds.
const revision = 1

// Cataloguer catalogues one image after the other.
type Cataloguer struct {
	options      *options.Grype
	cache        *layercache.Cache
	limits       layercache.Limits
	sink         *capture.Sink
	syftVersion  string
	configuredAs string
	// licences is a context with Syft's licence scanner, which costs most of a second to make. Syft makes one an SBOM unless it is given one.
	licences chan licenceContext
}

type licenceContext struct {
	ctx context.Context
	err error
}

// New prepares a cataloguer. The licence scanner is made in the background.
func New(opts *options.Grype, cache *layercache.Cache, limits layercache.Limits, sink *capture.Sink, syftVersion string) (*Cataloguer, error) {
	configuredAs, err := hashConfiguration(opts, syftVersion)
	if err != nil {
		return nil, err
	}
	cataloguer := &Cataloguer{
		options: opts, cache: cache, limits: limits, sink: sink,
		syftVersion: syftVersion, configuredAs: configuredAs, licences: make(chan licenceContext, 1),
	}
	go func() {
		ctx, err := syft.SetContextLicenseScanner(context.Background(), cataloging.DefaultLicenseConfig())
		cataloguer.licences <- licenceContext{ctx, err}
	}()
	return cataloguer, nil
}

// Configuration is the hash of everything that decides what a catalogue of a given image holds.
func (c *Cataloguer) Configuration() string { return c.configuredAs }

// hashConfiguration covers every option that goes into cataloguing.
func hashConfiguration(opts *options.Grype, syftVersion string) (string, error) {
	config := grypeoptions.Cataloguing(opts)
	content, err := json.Marshal([]any{
		revision, syftVersion, config.Compliance, config.Search, config.Relationships, config.Unknowns, config.DataGeneration,
		config.Packages, config.Licenses, config.Files, config.Archive, config.CatalogerSelection,
	})
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:]), nil
}

// Unknown is a file that could not be read, or a cataloguer's error about it.
type Unknown struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Distro is the Linux distribution of an image.
type Distro struct {
	ID         string   `json:"id"`
	VersionID  string   `json:"versionId"`
	PrettyName string   `json:"prettyName"`
	IDLike     []string `json:"idLike"`
}

// Timings are wall times in milliseconds.
type Timings struct {
	UnpackMs    int64 `json:"unpackMs"`
	CatalogueMs int64 `json:"catalogueMs"`
	EncodeMs    int64 `json:"encodeMs"`
}

// Result is what an engine reports of a catalogue.
type Result struct {
	SBOM           *sbom.SBOM           `json:"-"`
	PackageCount   int                  `json:"packageCount"`
	Distro         *Distro              `json:"distro"`
	Unknowns       []Unknown            `json:"unknowns"`
	Warnings       []string             `json:"warnings"`
	SBOMBytes      int64                `json:"sbomBytes"`
	ManifestDigest string               `json:"manifestDigest"`
	ConfigDigest   string               `json:"configDigest"`
	Layers         []ociimage.LayerInfo `json:"layers"`
	Timings        Timings              `json:"timings"`
}

// Run catalogues an image and writes its SBOM as Syft's JSON. progress is told the phase that begins.
func (c *Cataloguer) Run(ctx context.Context, request ociimage.Request, sbomPath string, progress func(phase string)) (result *Result, err error) {
	ctx, err = c.withLicences(ctx)
	if err != nil {
		return nil, err
	}
	started := time.Now()
	progress("unpack")
	opened, err := ociimage.Open(ctx, c.cache, c.limits, request)
	if err != nil {
		return nil, err
	}
	// The packages hold no reference to the image: its files can go as soon as they are catalogued.
	defer func() {
		if closeErr := opened.Close(); closeErr != nil && err == nil {
			err = failure.Wrap(failure.Local, closeErr)
		}
	}()
	unpacked := time.Now()
	progress("catalogue")
	made, warnings, err := c.create(ctx, opened, request)
	if err != nil {
		return nil, err
	}
	catalogued := time.Now()
	progress("encode")
	sbomBytes, err := outfile.Write(sbomPath, func(w io.Writer) error { return syftjson.NewFormatEncoder().Encode(w, *made) })
	if err != nil {
		return nil, failure.Wrap(failure.CatalogueFailed, err)
	}
	return &Result{
		SBOM:           made,
		PackageCount:   made.Artifacts.Packages.PackageCount(),
		Distro:         distroOf(made),
		Unknowns:       unknownsOf(made),
		Warnings:       warnings,
		SBOMBytes:      sbomBytes,
		ManifestDigest: opened.ManifestDigest,
		ConfigDigest:   opened.ConfigDigest,
		Layers:         opened.Layers,
		Timings: Timings{
			UnpackMs:    unpacked.Sub(started).Milliseconds(),
			CatalogueMs: catalogued.Sub(unpacked).Milliseconds(),
			EncodeMs:    time.Since(catalogued).Milliseconds(),
		},
	}, nil
}

// create runs Syft. A panic of its own goroutine becomes an error; those of cataloguers Syft catches itself.
func (c *Cataloguer) create(ctx context.Context, opened *ociimage.Image, request ociimage.Request) (made *sbom.SBOM, warnings []string, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = failure.New(failure.CatalogueFailed, "panic: %v\n%s", panicked, debug.Stack())
		}
	}()
	c.sink.Start()
	config := grypeoptions.Cataloguing(c.options).WithTool("syft", strings.TrimPrefix(c.syftVersion, "v"))
	source := stereoscopesource.New(opened.Image, stereoscopesource.ImageConfig{Reference: request.Reference})
	made, err = syft.CreateSBOM(ctx, source, config)
	entries := c.sink.Stop()
	if ctxErr := ctx.Err(); ctxErr != nil {
		return nil, nil, failure.Wrap(failure.CatalogueFailed, ctxErr)
	}
	if err != nil {
		return nil, nil, failure.Wrap(failure.CatalogueFailed, err)
	}
	if made == nil {
		return nil, nil, failure.New(failure.CatalogueFailed, "Syft returned no SBOM")
	}
	warnings = []string{}
	for _, entry := range entries {
		warnings = append(warnings, describeEntry(entry))
	}
	keepWarnings(made, warnings)
	return made, warnings, nil
}

// keepWarnings writes down what Syft only logs beside the files that it could not read, as a matter of the image's root:
// whoever matches the kept SBOM again must know it too.
func keepWarnings(made *sbom.SBOM, warnings []string) {
	if len(warnings) == 0 {
		return
	}
	if made.Artifacts.Unknowns == nil {
		made.Artifacts.Unknowns = map[file.Coordinates][]string{}
	}
	root := file.NewCoordinates("/", "")
	made.Artifacts.Unknowns[root] = append(made.Artifacts.Unknowns[root], warnings...)
}

func (c *Cataloguer) withLicences(ctx context.Context) (context.Context, error) {
	select {
	case made := <-c.licences:
		c.licences <- made
		if made.err != nil {
			return nil, failure.Wrap(failure.CatalogueFailed, made.err)
		}
		return licenceValues{Context: ctx, licences: made.ctx}, nil
	case <-ctx.Done():
		return nil, failure.Wrap(failure.CatalogueFailed, ctx.Err())
	}
}

// licenceValues is a request's context that also has the values of the context with the licence scanner.
type licenceValues struct {
	context.Context
	licences context.Context
}

func (l licenceValues) Value(key any) any {
	if value := l.Context.Value(key); value != nil {
		return value
	}
	return l.licences.Value(key)
}

func describeEntry(entry capture.Entry) string {
	if len(entry.Fields) == 0 {
		return entry.Message
	}
	var fields []string
	for key, value := range entry.Fields {
		fields = append(fields, fmt.Sprintf("%s=%s", key, value))
	}
	sort.Strings(fields)
	return entry.Message + " (" + strings.Join(fields, ", ") + ")"
}

func distroOf(made *sbom.SBOM) *Distro {
	release := made.Artifacts.LinuxDistribution
	if release == nil {
		return nil
	}
	return &Distro{ID: release.ID, VersionID: release.VersionID, PrettyName: release.PrettyName, IDLike: append([]string{}, release.IDLike...)}
}

// unknownsOf lists what Syft could not read. Syft also lists there, by its labeler, executables and archives in which it looked and found no
// package; those are no failures.
func unknownsOf(made *sbom.SBOM) []Unknown {
	unknowns := []Unknown{}
	for coordinates, reasons := range made.Artifacts.Unknowns {
		for _, reason := range reasons {
			if reason == "archive not cataloged" || strings.HasPrefix(reason, "unknowns-labeler:") {
				continue
			}
			unknowns = append(unknowns, Unknown{Path: coordinates.RealPath, Reason: reason})
		}
	}
	sort.Slice(unknowns, func(i, j int) bool {
		if unknowns[i].Path != unknowns[j].Path {
			return unknowns[i].Path < unknowns[j].Path
		}
		return unknowns[i].Reason < unknowns[j].Reason
	})
	return unknowns
}
