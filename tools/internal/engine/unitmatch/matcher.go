// Package unitmatch matches units of many images with Grype, each by itself, and tells what a database says of vulnerabilities.
package unitmatch

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/anchore/clio"
	"github.com/anchore/grype/cmd/grype/cli/options"
	"github.com/anchore/grype/grype"
	grypeMatch "github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/presenter/models"
	"github.com/anchore/grype/grype/vulnerability"

	"github.com/pharos-security/pharos/tools/internal/engine/capture"
	"github.com/pharos-security/pharos/tools/internal/engine/grypeoptions"
	"github.com/pharos-security/pharos/tools/internal/engine/lookup"
	"github.com/pharos-security/pharos/tools/internal/engine/units"
)

// Matcher matches units under the options, matchers and rules that whole images are matched with.
type Matcher struct {
	options     *options.Grype
	matchers    []grypeMatch.Matcher
	ignoreRules []grypeMatch.IgnoreRule
	fields      *units.Fields
	sink        *capture.Sink
}

// New prepares a matcher.
func New(opts *options.Grype, sink *capture.Sink) *Matcher {
	matchers := grypeoptions.Matchers(opts)
	return &Matcher{
		options: opts, matchers: matchers, ignoreRules: grypeoptions.IgnoreRules(opts), fields: units.NewFields(opts, matchers), sink: sink,
	}
}

// Fields tells what the matchers read: whoever makes units needs it.
func (m *Matcher) Fields() *units.Fields { return m.fields }

// found is one match of a unit, as `grype -o json` writes it, and the other names of its vulnerability.
type found struct {
	match   models.Match
	related []vulnerability.Reference
}

// worker matches one unit at a time.
type worker struct {
	matcher  *Matcher
	session  *lookup.Session
	matchers []grypeMatch.Matcher
	err      error
}

func (m *Matcher) worker(open *lookup.Lookup) *worker {
	made := &worker{matcher: m, session: open.Session()}
	for _, matcher := range m.matchers {
		made.matchers = append(made.matchers, &noting{matcher, made})
	}
	return made
}

// noting is a matcher whose errors are noted: Grype logs all but fatal ones and goes on.
type noting struct {
	grypeMatch.Matcher
	worker *worker
}

func (n *noting) Match(provider vulnerability.Provider, p pkg.Package) ([]grypeMatch.Match, []grypeMatch.IgnoreFilter, error) {
	matches, filters, err := n.Matcher.Match(provider, p)
	if err != nil && n.worker.err == nil {
		n.worker.err = fmt.Errorf("%s: %w", n.Type(), err)
	}
	return matches, filters, err
}

// match finds the unit's own matches. An error says that they may not be all.
func (w *worker) match(ctx context.Context, unit *units.Unit) (matches []found, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
		}
	}()
	packages, err := unit.Packages(w.matcher.fields)
	if err != nil || len(packages) == 0 {
		return nil, err
	}
	w.err, _ = nil, w.session.TakeError()
	// Owners and siblings are matched along for the filters that they return: Grype applies them as it does in an image.
	matcher := grype.VulnerabilityMatcher{
		VulnerabilityProvider: w.session, IgnoreRules: w.matcher.ignoreRules, NormalizeByCVE: w.matcher.options.ByCVE, Matchers: w.matchers,
	}
	remaining, _, err := matcher.FindMatchesContext(ctx, packages, pkg.Context{})
	if err := errors.Join(err, w.err, w.session.TakeError()); err != nil {
		return nil, err
	}
	return w.render(packages[0], remaining)
}

// render writes the unit's own matches as the document of the whole image would hold them.
func (w *worker) render(own pkg.Package, remaining *grypeMatch.Matches) ([]found, error) {
	list := remaining.GetByPkgID(own.ID)
	if len(list) == 0 {
		return nil, nil
	}
	related := map[string][]vulnerability.Reference{}
	for i := range list {
		if list[i].Vulnerability.Metadata == nil {
			metadata, err := w.session.Provider.VulnerabilityMetadata(list[i].Vulnerability.Reference) //nolint:staticcheck // as models.NewDocument does
			if err != nil {
				return nil, err
			}
			list[i].Vulnerability.Metadata = metadata
		}
		// What a search found is shared by all workers, and a score is computed in place.
		metadata := *list[i].Vulnerability.Metadata
		list[i].Vulnerability.Metadata = &metadata
		related[vulnerabilityKey(metadata.Namespace, list[i].Vulnerability.ID)] = list[i].Vulnerability.RelatedVulnerabilities
	}
	document, err := models.NewDocument(
		clio.Identification{}, []pkg.Package{own}, pkg.Context{}, grypeMatch.NewMatches(list...), nil, withoutRelated{}, nil, nil,
		models.SortStrategy(w.matcher.options.SortBy.Criteria), false, nil,
	)
	if err != nil {
		return nil, err
	}
	rendered := make([]found, 0, len(document.Matches))
	for _, match := range document.Matches {
		rendered = append(rendered, found{match, related[vulnerabilityKey(match.Vulnerability.Namespace, match.Vulnerability.ID)]})
	}
	return rendered, nil
}

func vulnerabilityKey(namespace, id string) string { return namespace + "\x00" + id }

// withoutRelated keeps a document from looking up related vulnerabilities match by match; they are looked up once for all units.
type withoutRelated struct{}

func (withoutRelated) VulnerabilityMetadata(vulnerability.Reference) (*vulnerability.Metadata, error) {
	return nil, nil
}
