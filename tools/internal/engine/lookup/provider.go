// Package lookup searches a vulnerability database for many packages.
//
// It is Grype's own provider, asked less often: names that the database has no record of are not searched for, what a search finds before the
// package's version is compared is remembered (packages of one name differ in that only), and so are the scores of vulnerabilities.
package lookup

import (
	"strconv"
	"strings"
	"sync"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/db/v6/name"
	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/search"
	"github.com/anchore/grype/grype/vulnerability"

	"github.com/pharos-security/pharos/tools/internal/engine/failure"
)

// rememberedVulnerabilities bounds what is kept of searches; one takes about 2 KiB.
const rememberedVulnerabilities = 120_000

// Lookup is one database, shared by all that search in it. It is safe for concurrent use.
type Lookup struct {
	Provider vulnerability.Provider
	// Reader is the one below Provider.
	Reader v6.Reader
	index  *index
	known  *memo[[]vulnerability.Vulnerability]
	// byCPE are the records that affect anything by its CPE; read when first asked for.
	byCPE func() (map[v6.ID]struct{}, error)
}

// New reads the database's names. The reader stays the caller's to close. Its errors have the code database-damaged.
func New(inner v6.Reader) (*Lookup, error) {
	made, err := loadIndex(inner)
	if err != nil {
		return nil, failure.Wrap(failure.DatabaseDamaged, err)
	}
	wrapped := newReader(inner, made)
	return &Lookup{
		Provider: v6.NewVulnerabilityProvider(wrapped), Reader: wrapped, index: made,
		known: newMemo[[]vulnerability.Vulnerability](rememberedVulnerabilities),
		byCPE: sync.OnceValues(func() (map[v6.ID]struct{}, error) { return loadByCPE(inner) }),
	}, nil
}

// AffectsByCPE says whether a vulnerability record affects anything by its CPE.
func (l *Lookup) AffectsByCPE(id v6.ID) (bool, error) {
	known, err := l.byCPE()
	_, ok := known[id]
	return ok, err
}

// Session searches for one package at a time and remembers what went wrong: most of Grype's matchers log an error of the database and go on
// as if it had no record. It is for one goroutine.
type Session struct {
	vulnerability.Provider
	lookup *Lookup
	err    error
}

var (
	_ vulnerability.Provider   = (*Session)(nil)
	_ vulnerability.EOLChecker = (*Session)(nil)
)

// Session begins one.
func (l *Lookup) Session() *Session { return &Session{Provider: l.Provider, lookup: l} }

// TakeError returns the first error since it was last asked.
func (s *Session) TakeError() error {
	err := s.err
	s.err = nil
	return err
}

// VulnerabilityMetadata answers for vulnerabilities that are named only. For those that carry their record it would be asked to count progress.
func (s *Session) VulnerabilityMetadata(ref vulnerability.Reference) (*vulnerability.Metadata, error) {
	if ref.Internal != nil {
		return nil, nil
	}
	return s.Provider.VulnerabilityMetadata(ref) //nolint:staticcheck // Grype itself still asks for it
}

// GetOperatingSystemEOL is asked by matchers that search by CPE past a distribution's end of life.
func (s *Session) GetOperatingSystemEOL(d *distro.Distro) (eol, eoas *time.Time, err error) {
	checker, ok := s.Provider.(vulnerability.EOLChecker)
	if !ok {
		return nil, nil, nil
	}
	eol, eoas, err = checker.GetOperatingSystemEOL(d)
	s.note(err)
	return eol, eoas, err
}

// FindVulnerabilities finds what Grype's provider finds.
func (s *Session) FindVulnerabilities(criteria ...vulnerability.Criteria) ([]vulnerability.Vulnerability, error) {
	found, err := s.lookup.find(criteria)
	s.note(err)
	return found, err
}

func (s *Session) note(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (l *Lookup) find(criteria []vulnerability.Criteria) ([]vulnerability.Vulnerability, error) {
	var found []vulnerability.Vulnerability
	for _, row := range search.CriteriaIterator(criteria) {
		part, err := l.findRow(row)
		if err != nil {
			return nil, err
		}
		found = append(found, part...)
	}
	return found, nil
}

func (l *Lookup) findRow(row []vulnerability.Criteria) ([]vulnerability.Vulnerability, error) {
	query := queryOf(row)
	if !query.isSimple {
		return l.Provider.FindVulnerabilities(row...)
	}
	if !query.mayHaveRecords(l.index) {
		return nil, nil
	}
	base, err := l.base(query)
	if err != nil || len(base) == 0 {
		return nil, err
	}
	if query.comparesVersions {
		// Such a search tests each range of a record by itself, before there is a vulnerability to test.
		return l.Provider.FindVulnerabilities(row...)
	}
	return filter(base, query.rest)
}

// base is what the database has before anything is compared.
func (l *Lookup) base(query query) ([]vulnerability.Vulnerability, error) {
	key := query.key()
	if known, ok := l.known.get(key, weigh); ok {
		return known, nil
	}
	found, err := l.Provider.FindVulnerabilities(query.searched...)
	if err != nil {
		return nil, err
	}
	for i := range found {
		// The record has gone into the metadata; to keep it would double what is remembered.
		if found[i].Metadata != nil {
			found[i].Internal = nil
		}
	}
	l.known.put(key, found, weigh(found))
	return found, nil
}

func weigh(found []vulnerability.Vulnerability) int { return 1 + len(found) }

// filter follows filterVulnerabilities of the provider.
func filter(base []vulnerability.Vulnerability, criteria []vulnerability.Criteria) ([]vulnerability.Vulnerability, error) {
	kept := make([]vulnerability.Vulnerability, 0, len(base))
	for _, candidate := range base {
		isMatch := true
		for _, criterion := range criteria {
			matches, _, err := criterion.MatchesVulnerability(candidate)
			if err != nil {
				return nil, err
			}
			if !matches {
				isMatch = false
				break
			}
		}
		if isMatch {
			kept = append(kept, candidate)
		}
	}
	return kept, nil
}

// query is a search taken apart: what the database is asked for, and what its answer is held against.
type query struct {
	searched         []vulnerability.Criteria
	rest             []vulnerability.Criteria
	comparesVersions bool
	// isSimple is false for a search that is none for one package.
	isSimple bool

	name      *search.PackageNameCriteria
	ecosystem *search.EcosystemCriteria
	distro    *search.DistroCriteria
	cpe       *search.CPECriteria
	// unaffected asks for records that call a package unaffected.
	unaffected bool
}

func queryOf(row []vulnerability.Criteria) query {
	made := query{isSimple: true}
	for _, criterion := range row {
		isRepeated := false
		switch c := criterion.(type) {
		case *search.PackageNameCriteria:
			isRepeated, made.name = made.name != nil, c
		case *search.EcosystemCriteria:
			isRepeated, made.ecosystem = made.ecosystem != nil, c
		case *search.DistroCriteria:
			isRepeated, made.distro = made.distro != nil, c
		case *search.CPECriteria:
			isRepeated, made.cpe = made.cpe != nil, c
		case *search.UnaffectedCriteria:
			made.unaffected = true
		case *search.IDCriteria:
			made.isSimple = false
		case search.VersionConstraintMatcher:
			made.comparesVersions = true
			continue
		default:
			made.rest = append(made.rest, criterion)
			continue
		}
		if isRepeated {
			made.isSimple = false
		}
		made.searched = append(made.searched, criterion)
	}
	// Exactly one of the two says what is searched for.
	if (made.name == nil) == (made.cpe == nil) {
		made.isSimple = false
	}
	return made
}

// mayHaveRecords is false only where the database is known to have none, and to answer without an error.
func (q query) mayHaveRecords(known *index) bool {
	names, products := known.names, known.products
	if q.unaffected {
		names, products = known.unaffectedNames, known.unaffectedProducts
	}
	if q.cpe != nil {
		// A CPE without a product is an error.
		return q.cpe.CPE.Attributes.Product == "" || products.has(q.cpe.CPE.Attributes.Product)
	}
	if q.distro != nil {
		for _, d := range q.distro.Distros {
			// A distribution without a name is an error.
			if d.Name() == "" {
				return true
			}
		}
	}
	searched := q.name.PackageName
	if searched == "" {
		// An empty name is no condition.
		return true
	}
	if q.ecosystem != nil && q.ecosystem.PackageType != "" {
		searched = name.Normalize(searched, q.ecosystem.PackageType)
	}
	return names.has(searched)
}

func (q query) key() string {
	var key strings.Builder
	write := func(parts ...string) {
		for _, part := range parts {
			key.WriteString(part)
			key.WriteByte(0)
		}
	}
	write(strconv.FormatBool(q.unaffected))
	if q.name != nil {
		write("name", q.name.PackageName)
	}
	if q.ecosystem != nil {
		write("ecosystem", string(q.ecosystem.Language), string(q.ecosystem.PackageType))
	}
	if q.cpe != nil {
		writeCPE(write, q.cpe.CPE.Attributes)
	}
	if q.distro != nil {
		write("distro", strconv.FormatBool(q.distro.Exact))
		for _, d := range q.distro.Distros {
			write(string(d.Type), d.Version, d.Codename, strings.Join(d.Channels, ","))
		}
	}
	return key.String()
}
