// Package database opens a Grype vulnerability database and says what it is.
package database

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/db/v6/distribution"
	"github.com/anchore/grype/grype/db/v6/installation"
	"github.com/anchore/grype/grype/vulnerability"
	"github.com/spf13/afero"

	"github.com/anchore/grype/cmd/grype/cli/options"

	"github.com/pharos-security/pharos/tools/internal/engine/failure"
)

// sampleProvider begins the name of the provider that a sample database carries.
const sampleProvider = "pharos-sample"

// Provider is a feed that went into a database.
type Provider struct {
	ID         string     `json:"id"`
	Version    string     `json:"version,omitempty"`
	CapturedAt *time.Time `json:"capturedAt"`
}

// Info is what a database says of itself.
type Info struct {
	// SchemaVersion is like v6.1.10.
	SchemaVersion string     `json:"schemaVersion"`
	BuiltAt       time.Time  `json:"builtAt"`
	Checksum      string     `json:"checksum"`
	Providers     []Provider `json:"providers"`
	// IsSample tells a database made of the sample facts from a real one.
	IsSample bool `json:"isSample"`
}

// Database is an open database.
type Database struct {
	Info     Info
	Status   *vulnerability.ProviderStatus
	Provider vulnerability.Provider
	// Reader is what Provider reads with.
	Reader v6.Reader
}

// Checksum is what a database's own record of its import says of its content, without a look at that. It has errors like Open's where there is no
// database to open.
func Checksum(opts *options.Grype, directory string) (string, error) {
	config := configOf(opts, directory)
	if err := requireDatabase(config, directory); err != nil {
		return "", err
	}
	imported, err := v6.ReadImportMetadata(afero.NewOsFs(), config.DBDirectoryPath())
	if err != nil {
		return "", failure.Wrap(failure.DatabaseDamaged, err)
	}
	return imported.Digest, nil
}

// Open verifies the database under a Grype database root (the directory that GRYPE_DB_CACHE_DIR names) as the grype command does, except for
// its age, which is the caller's to judge.
func Open(opts *options.Grype, directory string) (*Database, error) {
	config := configOf(opts, directory)
	if err := requireDatabase(config, directory); err != nil {
		return nil, err
	}
	curator, err := newCurator(opts, config)
	if err != nil {
		return nil, failure.Wrap(failure.DatabaseDamaged, err)
	}
	status := curator.Status()
	if status.Error != nil {
		return nil, failure.Wrap(codeOf(status.Error), status.Error)
	}
	reader, err := curator.Reader()
	if err != nil {
		return nil, failure.Wrap(failure.DatabaseDamaged, err)
	}
	info, err := describe(reader, status, config.DBDirectoryPath())
	if err != nil {
		return nil, errors.Join(failure.Wrap(failure.DatabaseDamaged, err), reader.Close())
	}
	return &Database{Info: *info, Status: &status, Provider: v6.NewVulnerabilityProvider(reader), Reader: reader}, nil
}

func configOf(opts *options.Grype, directory string) installation.Config {
	config := opts.ToCuratorConfig()
	config.DBRootDir = directory
	config.ValidateAge = false
	config.ValidateChecksum = true
	return config
}

func requireDatabase(config installation.Config, directory string) error {
	if _, err := os.Stat(config.DBFilePath()); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if other := otherModel(directory, config.DBDirectoryPath()); other != "" {
		return failure.New(failure.DatabaseUnsupported, "%s holds a database of model %s; this engine reads model %d", directory, other, v6.ModelVersion)
	}
	return failure.New(failure.DatabaseMissing, "there is no database in %s", directory)
}

// Close releases the database's files.
func (d *Database) Close() error { return d.Provider.Close() }

func newCurator(opts *options.Grype, config installation.Config) (v6.Curator, error) {
	client, err := distribution.NewClient(opts.ToClientConfig())
	if err != nil {
		return nil, err
	}
	return installation.NewCurator(config, client)
}

func describe(reader v6.Reader, status vulnerability.ProviderStatus, directory string) (*Info, error) {
	imported, err := v6.ReadImportMetadata(afero.NewOsFs(), directory)
	if err != nil {
		return nil, err
	}
	providers, err := reader.AllProviders()
	if err != nil {
		return nil, err
	}
	info := &Info{SchemaVersion: status.SchemaVersion, BuiltAt: status.Built.UTC(), Checksum: imported.Digest, Providers: []Provider{}}
	for _, provider := range providers {
		info.Providers = append(info.Providers, Provider{ID: provider.ID, Version: provider.Version, CapturedAt: provider.DateCaptured})
		if strings.HasPrefix(provider.ID, sampleProvider) {
			info.IsSample = true
		}
	}
	return info, nil
}

// codeOf sorts what Grype's verification reports; it has no error types for these.
func codeOf(err error) failure.Code {
	switch {
	case errors.Is(err, v6.ErrDBDoesNotExist):
		return failure.DatabaseMissing
	case strings.Contains(err.Error(), "unsupported database version"):
		return failure.DatabaseUnsupported
	default:
		return failure.DatabaseDamaged
	}
}

// otherModel names a database of another model beside the one that is missing: they stand in directories named by model.
func otherModel(root, wanted string) string {
	found, err := filepath.Glob(filepath.Join(root, "[0-9]*", v6.VulnerabilityDBFileName))
	if err != nil {
		return ""
	}
	for _, path := range found {
		if filepath.Dir(path) != wanted {
			return filepath.Base(filepath.Dir(path))
		}
	}
	return ""
}
