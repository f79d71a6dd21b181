// Package match finds the vulnerabilities of an SBOM's packages with Grype, and writes the report of `grype -o json`.
package match

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/anchore/clio"
	"github.com/anchore/grype/cmd/grype/cli/options"
	"github.com/anchore/grype/grype"
	"github.com/anchore/grype/grype/grypeerr"
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/presenter/models"
	"github.com/anchore/grype/grype/vex"
	"github.com/anchore/grype/grype/vulnerability"
	"github.com/anchore/syft/syft/sbom"

	"github.com/pharos-security/pharos/tools/internal/engine/capture"
	"github.com/pharos-security/pharos/tools/internal/engine/database"
	"github.com/pharos-security/pharos/tools/internal/engine/failure"
	"github.com/pharos-security/pharos/tools/internal/engine/grypeoptions"
	"github.com/pharos-security/pharos/tools/internal/engine/outfile"
	"github.com/pharos-security/pharos/tools/internal/engine/units"
)

// Matcher matches one SBOM after the other. Its matchers are made once.
type Matcher struct {
	options      *options.Grype
	grypeVersion string
	matchers     []match.Matcher
	ignoreRules  []match.IgnoreRule
	provider     pkg.ProviderConfig
	sink         *capture.Sink
}

// New prepares a matcher.
func New(opts *options.Grype, grypeVersion string, sink *capture.Sink) *Matcher {
	return &Matcher{
		options:      opts,
		grypeVersion: grypeVersion,
		matchers:     grypeoptions.Matchers(opts),
		ignoreRules:  grypeoptions.IgnoreRules(opts),
		provider:     grypeoptions.Provider(opts),
		sink:         sink,
	}
}

// Warning is an error of one matcher, or of one package, after which Grype went on.
type Warning struct {
	Package string `json:"package,omitempty"`
	Matcher string `json:"matcher,omitempty"`
	Message string `json:"message"`
}

// Timings are wall times in milliseconds.
type Timings struct {
	MatchMs  int64 `json:"matchMs"`
	EncodeMs int64 `json:"encodeMs"`
}

// Database names the database that a report was made with.
type Database struct {
	SchemaVersion string    `json:"schemaVersion"`
	BuiltAt       time.Time `json:"builtAt"`
	Checksum      string    `json:"checksum"`
	IsSample      bool      `json:"isSample"`
}

// Result is what an engine reports of a match.
type Result struct {
	MatchCount   int `json:"matchCount"`
	IgnoredCount int `json:"ignoredCount"`
	// UnitCount is the number of match units written; 0 when none were asked for.
	UnitCount   int       `json:"unitCount,omitempty"`
	Warnings    []Warning `json:"warnings"`
	ReportBytes int64     `json:"reportBytes"`
	Timings     Timings   `json:"timings"`
	Database    Database  `json:"database"`
}

// Packages are what a report is made for.
type Packages struct {
	list    []pkg.Package
	context pkg.Context
	// dropped are the ids of packages that Grype leaves to the distribution's feed.
	dropped []string
}

// FromSBOM takes the packages of an SBOM in memory.
func (m *Matcher) FromSBOM(made *sbom.SBOM) Packages {
	list, context := packagesOf(made, m.provider)
	return Packages{list, context, droppedOf(made, list)}
}

// droppedOf are the SBOM's packages that are not on the list.
func droppedOf(made *sbom.SBOM, list []pkg.Package) []string {
	if made.Artifacts.Packages.PackageCount() == len(list) {
		return nil
	}
	kept := make(map[string]bool, len(list))
	for i := range list {
		kept[string(list[i].ID)] = true
	}
	var dropped []string
	for p := range made.Artifacts.Packages.Enumerate() {
		if id := string(p.ID()); !kept[id] {
			dropped = append(dropped, id)
		}
	}
	slices.Sort(dropped)
	return dropped
}

// FromDocument takes the packages of an SBOM document in any format that Grype reads.
func (m *Matcher) FromDocument(content []byte) (packages Packages, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = failure.New(failure.SBOMInvalid, "panic: %v\n%s", panicked, debug.Stack())
		}
	}()
	list, context, made, err := pkg.ProvideFromReader(bytes.NewReader(content), m.provider)
	if err != nil {
		return Packages{}, failure.Wrap(failure.SBOMInvalid, err)
	}
	return Packages{list, context, droppedOf(made, list)}, nil
}

// WriteUnits writes the match unit of every package, dropped ones too, and returns how many there are: a line each,
// {"artifactId": text, "key": 32 hex digits, "input": the unit's canonical form as a text}.
func (p Packages) WriteUnits(path string, fields *units.Fields) (count int, err error) {
	_, err = outfile.Write(path, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		return fields.Make(p.list, p.dropped, func(made units.Made) error {
			count++
			return encoder.Encode(struct {
				ArtifactID string `json:"artifactId"`
				Key        string `json:"key"`
				Input      string `json:"input"`
			}{made.ArtifactID, made.Key, string(made.Canonical)})
		})
	})
	return count, failure.Wrap(failure.MatchFailed, err)
}

// Run matches packages against a database and writes the report.
func (m *Matcher) Run(ctx context.Context, open *database.Database, packages Packages, reportPath string, progress func(phase string)) (*Result, error) {
	started := time.Now()
	progress("match")
	document, warnings, err := m.document(ctx, open, packages)
	if err != nil {
		return nil, err
	}
	matched := time.Now()
	progress("encode")
	reportBytes, err := outfile.Write(reportPath, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(document)
	})
	if err != nil {
		return nil, failure.Wrap(failure.MatchFailed, err)
	}
	return &Result{
		MatchCount:   len(document.Matches),
		IgnoredCount: len(document.IgnoredMatches),
		Warnings:     warnings,
		ReportBytes:  reportBytes,
		Timings:      Timings{MatchMs: matched.Sub(started).Milliseconds(), EncodeMs: time.Since(matched).Milliseconds()},
		Database:     DatabaseOf(open.Info),
	}, nil
}

// DatabaseOf names an open database.
func DatabaseOf(info database.Info) Database {
	return Database{SchemaVersion: info.SchemaVersion, BuiltAt: info.BuiltAt, Checksum: info.Checksum, IsSample: info.IsSample}
}

// document follows runGrype of the grype command from the matcher on.
func (m *Matcher) document(ctx context.Context, open *database.Database, packages Packages) (document *models.Document, warnings []Warning, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = failure.New(failure.MatchFailed, "panic: %v\n%s", panicked, debug.Stack())
		}
	}()
	processor, err := vex.NewProcessor(vex.ProcessorOptions{Documents: m.options.VexDocuments, IgnoreRules: m.ignoreRules})
	if err != nil {
		return nil, nil, failure.Wrap(failure.MatchFailed, err)
	}
	matcher := grype.VulnerabilityMatcher{
		VulnerabilityProvider:      open.Provider,
		IgnoreRules:                m.ignoreRules,
		NormalizeByCVE:             m.options.ByCVE,
		FailSeverity:               m.options.FailOnSeverity(),
		Matchers:                   m.matchers,
		VexProcessor:               processor,
		Alerts:                     grype.AlertsConfig{EnableEOLDistroWarnings: m.options.Alerts.EnableEOLDistroWarnings},
		IncludeMatcherSuppressions: m.options.IncludeMatcherSuppressions,
	}
	m.sink.Start()
	remaining, ignored, err := matcher.FindMatchesContext(ctx, packages.list, packages.context)
	warnings = WarningsOf(m.sink.Stop())
	if ctxErr := ctx.Err(); ctxErr != nil {
		return nil, nil, failure.Wrap(failure.MatchFailed, ctxErr)
	}
	if err != nil && !errors.Is(err, grypeerr.ErrAboveSeverityThreshold) {
		return nil, nil, failure.Wrap(failure.MatchFailed, err)
	}
	var alerts *models.DistroAlertData
	if m.options.Alerts.EnableEOLDistroWarnings {
		alerts = &models.DistroAlertData{EOLDistroPackages: matcher.EOLDistroPackages()}
	}
	made, err := models.NewDocument(
		clio.Identification{Name: "grype", Version: m.grypeVersion}, packages.list, packages.context, *remaining, ignored, open.Provider,
		m.options, databaseInfo(open), models.SortStrategy(m.options.SortBy.Criteria), m.options.Timestamp, alerts,
	)
	if err != nil {
		return nil, nil, failure.Wrap(failure.MatchFailed, err)
	}
	return &made, warnings, nil
}

// databaseInfo follows dbInfo of the grype command.
func databaseInfo(open *database.Database) any {
	providers := map[string]vulnerability.DataProvenance{}
	if store, ok := open.Provider.(vulnerability.StoreMetadataProvider); ok {
		if found, err := store.DataProvenance(); err == nil {
			providers = found
		}
	}
	return struct {
		Status    *vulnerability.ProviderStatus           `json:"status"`
		Providers map[string]vulnerability.DataProvenance `json:"providers"`
	}{open.Status, providers}
}

// harmless begins the messages of warnings that take nothing from the matches: these tell that an advisory's score could not be read.
const harmless = "unable to parse CVSS vector"

// WarningsOf sorts out what a library logged while it matched.
func WarningsOf(entries []capture.Entry) []Warning {
	warnings := []Warning{}
	for _, entry := range entries {
		warning := Warning{Package: entry.Fields["package"], Matcher: entry.Fields["matcher"], Message: entry.Message}
		if cause := entry.Fields["error"]; cause != "" {
			warning.Message += ": " + cause
		}
		// A version that cannot be compared is told once for each advisory.
		if !strings.HasPrefix(entry.Message, harmless) && !slices.Contains(warnings, warning) {
			warnings = append(warnings, warning)
		}
	}
	return warnings
}
