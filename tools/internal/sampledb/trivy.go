package sampledb

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	trivydb "github.com/aquasecurity/trivy-db/pkg/db"
	"github.com/aquasecurity/trivy-db/pkg/metadata"
	"github.com/aquasecurity/trivy-db/pkg/types"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc/bucket"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc/vulnerability"
	bolt "go.etcd.io/bbolt"

	"github.com/pharos-security/pharos/tools/internal/facts"
)

// trivySchemaVersion is the database layout that Trivy 0.23 and later read.
const trivySchemaVersion = 2

// trivySampleFile marks a Trivy cache as a sample for readers that cannot open its database.
const trivySampleFile = "pharos-sample.json"

// TrivyOptions says where a Trivy database goes.
type TrivyOptions struct {
	// OutputDirectory is Trivy's cache directory: the database goes to db/ in it.
	OutputDirectory string
	// BuiltAt is the update moment that the database states. The zero time means now.
	BuiltAt time.Time
}

// TrivyResult names what was written.
type TrivyResult struct {
	DatabasePath string    `json:"databasePath"`
	MetadataPath string    `json:"metadataPath"`
	BuiltAt      time.Time `json:"builtAt"`
}

// WriteTrivy writes the database with Trivy's own library, in the buckets that its sources fill.
func WriteTrivy(f *facts.Facts, options TrivyOptions) (result *TrivyResult, err error) {
	builtAt := options.BuiltAt
	if builtAt.IsZero() {
		builtAt = time.Now().UTC().Truncate(time.Second)
	}
	target := filepath.Join(options.OutputDirectory, "db")
	if err := os.MkdirAll(options.OutputDirectory, 0o755); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(options.OutputDirectory, ".build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)

	if err := fillTrivy(f, work); err != nil {
		return nil, err
	}
	err = metadata.NewClient(work).Update(metadata.Metadata{
		Version:      trivySchemaVersion,
		UpdatedAt:    builtAt,
		NextUpdate:   builtAt.Add(24 * time.Hour),
		DownloadedAt: builtAt,
	})
	if err != nil {
		return nil, err
	}
	mark, err := json.Marshal(object{"name": f.Name, "version": f.Version, "captured": f.Captured})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(work, trivySampleFile), append(mark, '\n'), 0o644); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(target); err != nil {
		return nil, err
	}
	if err := os.Rename(work, target); err != nil {
		return nil, err
	}
	if err := os.Chmod(target, 0o755); err != nil {
		return nil, err
	}
	return &TrivyResult{DatabasePath: trivydb.Path(target), MetadataPath: metadata.Path(target), BuiltAt: builtAt}, nil
}

func fillTrivy(f *facts.Facts, directory string) (err error) {
	if err := trivydb.Init(directory); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, trivydb.Close()) }()
	database := trivydb.Config{}
	return database.BatchUpdate(func(tx *bolt.Tx) error {
		writer := &trivyWriter{facts: f, database: database, tx: tx}
		if err := database.PutDataSource(tx, f.Name, types.DataSource{ID: types.SourceID(f.Name), Name: f.Name}); err != nil {
			return err
		}
		if err := writer.distributions(); err != nil {
			return err
		}
		if err := writer.gitHub(); err != nil {
			return err
		}
		if err := writer.vulnerabilities(); err != nil {
			return err
		}
		return tx.DeleteBucket([]byte("advisory-detail"))
	})
}

type trivyWriter struct {
	facts    *facts.Facts
	database trivydb.Config
	tx       *bolt.Tx
}

func (w *trivyWriter) distributions() error {
	sources := map[string]types.DataSource{
		"debian": {ID: vulnerability.Debian, Name: "Debian Security Tracker", URL: "https://salsa.debian.org/security-tracker-team/security-tracker"},
		"alpine": {ID: vulnerability.Alpine, Name: "Alpine Secdb", URL: "https://secdb.alpinelinux.org/"},
	}
	for _, distribution := range w.facts.Distributions {
		source, ok := sources[distribution.ID]
		if !ok {
			return fmt.Errorf("no Trivy bucket is known for distribution %q", distribution.ID)
		}
		name := distribution.ID + " " + distribution.Version
		if err := w.database.PutDataSource(w.tx, name, source); err != nil {
			return err
		}
		for _, advisory := range distribution.Advisories {
			entry := types.Advisory{FixedVersion: advisory.Fixed}
			if distribution.ID == "debian" {
				// Debian's rating may differ between packages, so it stands with the advisory.
				entry.Severity = trivySeverity(advisory.Severity)
				if advisory.Fixed == "" {
					entry.Status = types.StatusAffected
					if advisory.WillNotFix {
						entry.Status = types.StatusWillNotFix
					}
				}
			} else if advisory.Fixed == "" {
				// Alpine's feed lists fixes only.
				continue
			}
			if err := w.put(advisory.Vulnerability, advisory.Package, name, &entry); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *trivyWriter) gitHub() error {
	type key struct{ bucket, name, id string }
	merged := map[key]*types.Advisory{}
	var order []key
	for _, advisory := range w.facts.GitHub {
		for _, affected := range advisory.Packages {
			name, source, err := gitHubBucket(affected.Ecosystem)
			if err != nil {
				return fmt.Errorf("%s: %w", advisory.ID, err)
			}
			if err := w.database.PutDataSource(w.tx, name, source); err != nil {
				return err
			}
			// Trivy files an advisory under its CVE and keeps the GHSA id as the vendor's.
			k := key{name, affected.Name, advisory.ID}
			if len(advisory.Aliases) > 0 {
				k.id = advisory.Aliases[0]
			}
			entry, ok := merged[k]
			if !ok {
				entry = &types.Advisory{}
				merged[k] = entry
				order = append(order, k)
			}
			if k.id != advisory.ID && !slices.Contains(entry.VendorIDs, advisory.ID) {
				entry.VendorIDs = append(entry.VendorIDs, advisory.ID)
			}
			entry.VulnerableVersions = append(entry.VulnerableVersions, strings.ReplaceAll(affected.Affected, ",", ", "))
			if affected.Fixed != "" {
				entry.PatchedVersions = append(entry.PatchedVersions, affected.Fixed)
			}
		}
	}
	for _, k := range order {
		if err := w.put(k.id, k.name, k.bucket, merged[k]); err != nil {
			return err
		}
	}
	return nil
}

func (w *trivyWriter) put(id, packageName, bucketName string, advisory *types.Advisory) error {
	if err := w.database.PutAdvisoryDetail(w.tx, id, packageName, []string{bucketName}, advisory); err != nil {
		return err
	}
	return w.database.SaveAdvisoryDetails(w.tx, id)
}

func (w *trivyWriter) vulnerabilities() error {
	for _, v := range w.facts.Vulnerabilities {
		published, modified := v.Published.Time(), v.Modified.Time()
		entry := types.Vulnerability{
			Title:            v.Summary,
			Description:      v.Summary,
			CweIDs:           v.CWEs,
			References:       []string{"https://nvd.nist.gov/vuln/detail/" + v.ID},
			VendorSeverity:   types.VendorSeverity{vulnerability.NVD: trivySeverity(v.Severity)},
			CVSS:             types.VendorCVSS{},
			PublishedDate:    &published,
			LastModifiedDate: &modified,
		}
		if len(v.CVSS) > 0 {
			entry.CVSS[vulnerability.NVD] = trivyCVSS(v.CVSS)
		}
		for _, advisory := range w.facts.GitHub {
			if slices.Contains(advisory.Aliases, v.ID) {
				entry.VendorSeverity[vulnerability.GHSA] = trivySeverity(advisory.Severity)
				if len(advisory.CVSS) > 0 {
					entry.CVSS[vulnerability.GHSA] = trivyCVSS(advisory.CVSS)
				}
				entry.References = append(entry.References, "https://github.com/advisories/"+advisory.ID)
			}
		}
		if err := w.database.PutVulnerability(w.tx, v.ID, entry); err != nil {
			return err
		}
	}
	return nil
}

func trivyCVSS(list []facts.CVSS) types.CVSS {
	var result types.CVSS
	for _, cvss := range list {
		switch {
		case strings.HasPrefix(cvss.Version, "3"):
			result.V3Vector, result.V3Score = cvss.Vector, cvss.Score
		case strings.HasPrefix(cvss.Version, "4"):
			result.V40Vector, result.V40Score = cvss.Vector, cvss.Score
		default:
			result.V2Vector, result.V2Score = cvss.Vector, cvss.Score
		}
	}
	return result
}

func trivySeverity(severity string) types.Severity {
	if severity == "negligible" {
		return types.SeverityLow
	}
	parsed, err := types.NewSeverity(strings.ToUpper(severity))
	if err != nil {
		return types.SeverityUnknown
	}
	return parsed
}

// gitHubBucket is what Trivy's ghsa source names its buckets. That package itself is not used: it runs the go command when it loads.
func gitHubBucket(ecosystemName string) (string, types.DataSource, error) {
	make := map[string]struct {
		title string
		build func(types.DataSource) (bucket.DataSourceBucket, error)
	}{
		"npm": {"npm", bucket.NewNpm}, "go": {"Go", bucket.NewGo}, "pip": {"pip", bucket.NewPyPI},
		"maven": {"Maven", bucket.NewMaven}, "rubygems": {"RubyGems", bucket.NewRubyGems}, "cargo": {"Rust", bucket.NewCargo},
	}
	entry, ok := make[ecosystemName]
	if !ok {
		return "", types.DataSource{}, fmt.Errorf("no Trivy bucket is known for ecosystem %q", ecosystemName)
	}
	source := types.DataSource{
		ID:   vulnerability.GHSA,
		Name: "GitHub Security Advisory " + entry.title,
		URL:  "https://github.com/advisories?query=type%3Areviewed+ecosystem%3A" + strings.ToLower(entry.title),
	}
	built, err := entry.build(source)
	if err != nil {
		return "", types.DataSource{}, err
	}
	return built.Name(), source, nil
}
