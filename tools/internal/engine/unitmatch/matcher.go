// Package unitmatch matches units of many images with Grype, each by itself, and tells what a database says of vulnerabilities.
package unitmatch

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"

	"github.com/anchore/clio"
	"github.com/anchore/grype/cmd/grype/cli/options"
	grypeMatch "github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/presenter/models"
	"github.com/anchore/grype/grype/vulnerability"
	syftPkg "github.com/anchore/syft/syft/pkg"

	"github.com/pharos-security/pharos/tools/internal/engine/capture"
	"github.com/pharos-security/pharos/tools/internal/engine/grypeoptions"
	"github.com/pharos-security/pharos/tools/internal/engine/lookup"
	"github.com/pharos-security/pharos/tools/internal/engine/units"
)

// Matcher matches units under the options, matchers and rules that whole images are matched with. It follows grype.VulnerabilityMatcher
// (Copyright Anchore, Inc., Apache-2.0), which is made for one image: it would prepare its rules anew for each unit.
type Matcher struct {
	options     *options.Grype
	byType      map[syftPkg.Type][]grypeMatch.Matcher
	stock       grypeMatch.Matcher
	ignoreRules []grypeMatch.IgnoreRule
	fields      *units.Fields
	sink        *capture.Sink
}

// New prepares a matcher.
func New(opts *options.Grype, sink *capture.Sink) *Matcher {
	matchers := grypeoptions.Matchers(opts)
	made := &Matcher{
		options: opts, byType: map[syftPkg.Type][]grypeMatch.Matcher{}, ignoreRules: grypeoptions.IgnoreRules(opts),
		fields: units.NewFields(opts, matchers), sink: sink,
	}
	for _, matcher := range matchers {
		if matcher.Type() == grypeMatch.StockMatcher {
			made.stock = matcher
			continue
		}
		for _, packageType := range matcher.PackageTypes() {
			made.byType[packageType] = append(made.byType[packageType], matcher)
		}
	}
	return made
}

// Fields tells what the matchers read: whoever makes units needs it.
func (m *Matcher) Fields() *units.Fields { return m.fields }

func (m *Matcher) matchersOf(packageType syftPkg.Type) []grypeMatch.Matcher {
	if matchers, ok := m.byType[packageType]; ok {
		return matchers
	}
	return []grypeMatch.Matcher{m.stock}
}

// found is one match of a unit, as `grype -o json` writes it, and the other names of its vulnerability.
type found struct {
	match   models.Match
	related []vulnerability.Reference
}

// worker matches one batch of units at a time.
type worker struct {
	matcher *Matcher
	session *lookup.Session
}

// batch holds the matches of several units until the rules that look at each match alone are applied to all at once.
type batch struct {
	packages []pkg.Package
	matches  []grypeMatch.Match
}

// add finds a unit's own matches and returns the id of its package in the batch, empty when there are none. An error says that the matches
// may not be all; nothing is added then.
func (w *worker) add(ctx context.Context, to *batch, unit *units.Unit) (id pkg.ID, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
		}
	}()
	packages, err := unit.Packages(w.matcher.fields, strconv.Itoa(len(to.packages))+"/")
	if err != nil || len(packages) == 0 {
		return "", err
	}
	_ = w.session.TakeError()
	matches, err := w.find(ctx, packages, len(unit.Owners))
	if err := errors.Join(err, w.session.TakeError()); err != nil {
		return "", err
	}
	if len(matches) == 0 {
		return "", nil
	}
	to.packages = append(to.packages, packages[0])
	to.matches = append(to.matches, matches...)
	return packages[0].ID, nil
}

// find follows searchDBForMatches: what the matchers of the unit's own package find, less what the filters remove that they, those of its owners
// and of its siblings return.
func (w *worker) find(ctx context.Context, packages []pkg.Package, ownerCount int) ([]grypeMatch.Match, error) {
	var matches []grypeMatch.Match
	filters := filterIndex{byID: map[string][]grypeMatch.IgnoreFilter{}}
	for i, p := range packages {
		if i == 1 && len(matches) == 0 {
			break
		}
		isOwner := 1 <= i && i <= ownerCount
		for _, matcher := range w.matcher.matchersOf(p.Type) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			matched, returned, err := matcher.Match(w.session, p)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", matcher.Type(), err)
			}
			if i == 0 {
				merged := grypeMatch.NewMatches(matched...)
				matches = append(matches, merged.Sorted()...)
			}
			filters.add(returned, isOwner)
		}
	}
	if filters.isEmpty() || len(matches) == 0 {
		return matches, nil
	}
	kept, _ := grypeMatch.ApplyIgnoreFilters(matches, filters)
	return kept, nil
}

// finish applies the rules that look at one match alone, Grype's own corrections and the user's, and renders what is left by package.
func (w *worker) finish(of *batch) (map[pkg.ID][]found, error) {
	if len(of.matches) == 0 {
		return nil, nil
	}
	remaining, _ := grypeMatch.ApplyExplicitIgnoreRules(nil, grypeMatch.NewMatches(of.matches...))
	remaining, _ = grypeMatch.ApplyIgnoreRules(remaining, w.matcher.ignoreRules)
	list := remaining.Sorted()
	related := make(map[string][]vulnerability.Reference, len(list))
	for i := range list {
		known := &list[i].Vulnerability
		if known.Metadata == nil {
			metadata, err := w.session.Provider.VulnerabilityMetadata(known.Reference) //nolint:staticcheck // as models.NewDocument does
			if err != nil {
				return nil, err
			}
			known.Metadata = metadata
		}
		// What a search found is shared by all workers, and a score is computed in place.
		metadata := *known.Metadata
		known.Metadata = &metadata
		related[relatedKey(list[i].Package.ID, metadata.Namespace, known.ID)] = known.RelatedVulnerabilities
	}
	document, err := models.NewDocument(
		clio.Identification{}, of.packages, pkg.Context{}, grypeMatch.NewMatches(list...), nil, withoutRelated{}, nil, nil,
		models.SortStrategy(w.matcher.options.SortBy.Criteria), false, nil,
	)
	if err != nil {
		return nil, err
	}
	rendered := make(map[pkg.ID][]found, len(of.packages))
	for _, match := range document.Matches {
		id := pkg.ID(match.Artifact.ID)
		rendered[id] = append(rendered[id], found{match, related[relatedKey(id, match.Vulnerability.Namespace, match.Vulnerability.ID)]})
	}
	return rendered, nil
}

func vulnerabilityKey(namespace, id string) string { return namespace + "\x00" + id }

func relatedKey(of pkg.ID, namespace, id string) string {
	return string(of) + "\x00" + vulnerabilityKey(namespace, id)
}

// withoutRelated keeps a document from looking up related vulnerabilities match by match; they are looked up once for all units.
type withoutRelated struct{}

func (withoutRelated) VulnerabilityMetadata(vulnerability.Reference) (*vulnerability.Metadata, error) {
	return nil, nil
}

// filterIndex holds a unit's filters by the vulnerability that they name, as Grype's ignoreRulesByIndex does: a package of a distribution
// returns one for each vulnerability that it has a fix for.
type filterIndex struct {
	byID map[string][]grypeMatch.IgnoreFilter
	rest []grypeMatch.IgnoreFilter
}

// add takes the filters of one package. Those by relation act on packages whose files it owns: of the unit's own package and its siblings they
// cannot reach the unit.
func (f *filterIndex) add(returned []grypeMatch.IgnoreFilter, isOwner bool) {
	for _, filter := range returned {
		switch typed := filter.(type) {
		case grypeMatch.IgnoreRelatedPackage:
			if isOwner {
				f.byID[typed.VulnerabilityID] = append(f.byID[typed.VulnerabilityID], typed)
			}
		case grypeMatch.IgnoreRule:
			if typed.Vulnerability != "" {
				f.byID[typed.Vulnerability] = append(f.byID[typed.Vulnerability], typed)
				continue
			}
			f.rest = append(f.rest, typed)
		default:
			f.rest = append(f.rest, filter)
		}
	}
}

func (f *filterIndex) isEmpty() bool { return len(f.byID) == 0 && len(f.rest) == 0 }

// IgnoreMatch returns the first rule that removes the match.
func (f filterIndex) IgnoreMatch(m grypeMatch.Match) []grypeMatch.IgnoreRule {
	if applied := firstApplied(m, f.byID[m.Vulnerability.ID]); applied != nil {
		return applied
	}
	for _, related := range m.Vulnerability.RelatedVulnerabilities {
		if applied := firstApplied(m, f.byID[related.ID]); applied != nil {
			return applied
		}
	}
	return firstApplied(m, f.rest)
}

func firstApplied(m grypeMatch.Match, filters []grypeMatch.IgnoreFilter) []grypeMatch.IgnoreRule {
	for _, filter := range filters {
		if applied := filter.IgnoreMatch(m); applied != nil {
			return applied
		}
	}
	return nil
}
