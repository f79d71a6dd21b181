// Package facts holds published advisories in a neutral form, from which the sample databases of every scanner are written.
package facts

import (
	"time"
)

// Facts is a whole set of advisories: what one generation of a sample database knows.
type Facts struct {
	// Name is the identifier that marks every database made from these facts as a sample.
	Name string `json:"name"`
	// Version rises with each set of facts of the same name.
	Version string `json:"version"`
	// Captured is the moment the facts speak of.
	Captured        time.Time       `json:"captured"`
	Vulnerabilities []Vulnerability `json:"vulnerabilities"`
	Distributions   []Distribution  `json:"distributions"`
	GitHub          []GitHub        `json:"github"`
	Go              []Go            `json:"go"`

	// positions finds a vulnerability by its id; it is made when first asked for, and again when the list has another length.
	positions map[string]int
}

// Vulnerability is what is known of a CVE whatever the package.
type Vulnerability struct {
	ID        string   `json:"id"`
	Summary   string   `json:"summary"`
	Published Date     `json:"published"`
	Modified  Date     `json:"modified"`
	Severity  string   `json:"severity"`
	CVSS      []CVSS   `json:"cvss"`
	CWEs      []string `json:"cwes,omitempty"`
	EPSS      *EPSS    `json:"epss,omitempty"`
	KEV       *KEV     `json:"kev,omitempty"`
}

// CVSS is one vector with its base score.
type CVSS struct {
	Version string  `json:"version"`
	Vector  string  `json:"vector"`
	Score   float64 `json:"score"`
}

// EPSS is the probability of exploitation within 30 days, with its percentile; both from 0 to 1.
type EPSS struct {
	Score      float64 `json:"score"`
	Percentile float64 `json:"percentile"`
}

// KEV is an entry of the catalogue of known exploited vulnerabilities.
type KEV struct {
	Added      Date   `json:"added"`
	Due        Date   `json:"due"`
	Vendor     string `json:"vendor"`
	Product    string `json:"product"`
	Name       string `json:"name"`
	Action     string `json:"action"`
	Ransomware string `json:"ransomware"`
}

// Distribution holds the advisories of one release of a Linux distribution.
type Distribution struct {
	ID         string                 `json:"id"`
	Version    string                 `json:"version"`
	Advisories []DistributionAdvisory `json:"advisories"`
}

// DistributionAdvisory says in which version a distribution fixed a vulnerability; without Fixed it has not.
type DistributionAdvisory struct {
	Vulnerability string `json:"vulnerability"`
	// Package is the source package.
	Package    string `json:"package"`
	Severity   string `json:"severity"`
	Fixed      string `json:"fixed,omitempty"`
	FixedAt    Date   `json:"fixedAt,omitempty"`
	WillNotFix bool   `json:"willNotFix,omitempty"`
}

// GitHub is a reviewed advisory of the GitHub Advisory Database.
type GitHub struct {
	ID        string          `json:"id"`
	Aliases   []string        `json:"aliases"`
	Severity  string          `json:"severity"`
	CVSS      []CVSS          `json:"cvss,omitempty"`
	Published Date            `json:"published"`
	Packages  []GitHubPackage `json:"packages"`
}

// GitHubPackage is one affected range of one package, like ">=1.0.0,<1.2.6".
type GitHubPackage struct {
	Ecosystem string `json:"ecosystem"`
	Name      string `json:"name"`
	Affected  string `json:"affected"`
	Fixed     string `json:"fixed,omitempty"`
	FixedAt   Date   `json:"fixedAt,omitempty"`
}

// Go is an advisory of the Go vulnerability database, with the symbols that hold the fault.
type Go struct {
	ID        string     `json:"id"`
	Aliases   []string   `json:"aliases"`
	Summary   string     `json:"summary"`
	Published Date       `json:"published"`
	Module    string     `json:"module"`
	Fixed     string     `json:"fixed"`
	FixedAt   Date       `json:"fixedAt"`
	Imports   []GoImport `json:"imports"`
}

// GoImport names the vulnerable symbols of one package path.
type GoImport struct {
	Path    string   `json:"path"`
	Symbols []string `json:"symbols"`
}

// Date is a calendar day in the form 2006-01-02.
type Date string

// Time is midnight UTC of the day; the zero time for an empty date.
func (d Date) Time() time.Time {
	parsed, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return time.Time{}
	}
	return parsed
}

// Vulnerability finds what is known of a CVE; nil when the facts do not name it. Not for several goroutines at once.
func (f *Facts) Vulnerability(id string) *Vulnerability {
	if len(f.positions) != len(f.Vulnerabilities) {
		f.positions = make(map[string]int, len(f.Vulnerabilities))
		for i, v := range f.Vulnerabilities {
			f.positions[v.ID] = i
		}
	}
	if i, isKnown := f.positions[id]; isKnown {
		return &f.Vulnerabilities[i]
	}
	return nil
}
