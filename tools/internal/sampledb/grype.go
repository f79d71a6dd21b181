package sampledb

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/anchore/grype/grype/db"
	"github.com/anchore/grype/grype/db/provider"
	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/db/v6/distribution"
	"github.com/spf13/afero"

	"github.com/pharos-security/pharos/tools/internal/facts"
)

// GrypeOptions says where a Grype database goes and how it is packed.
type GrypeOptions struct {
	// OutputDirectory receives the archive and latest.json, as a download site serves them below /v6/.
	OutputDirectory string
	// ArchiveExtension is tar.zst or tar.gz.
	ArchiveExtension string
	// BuiltAt is the build moment that the database states. The zero time means now.
	BuiltAt time.Time
}

// GrypeResult names what was written.
type GrypeResult struct {
	ArchivePath   string    `json:"archivePath"`
	LatestPath    string    `json:"latestPath"`
	Checksum      string    `json:"checksum"`
	SchemaVersion string    `json:"schemaVersion"`
	BuiltAt       time.Time `json:"builtAt"`
}

// WriteGrype builds a database with Grype's own pipeline: the facts become provider workspaces, as the public feeds arrive, and
// Grype's builder and packer do the rest. So the result is what its reader expects, to the schema version.
func WriteGrype(f *facts.Facts, options GrypeOptions) (*GrypeResult, error) {
	if err := os.MkdirAll(options.OutputDirectory, 0o755); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(options.OutputDirectory, ".build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)

	states, err := writeWorkspaces(f, filepath.Join(work, "providers"))
	if err != nil {
		return nil, fmt.Errorf("provider workspaces: %w", err)
	}
	directory := filepath.Join(work, "db")
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, err
	}
	err = db.Build(db.BuildConfig{
		SchemaVersion:       v6.ModelVersion,
		Directory:           directory,
		States:              states,
		Timestamp:           f.Captured,
		IncludeCPEParts:     []string{"a", "h", "o"},
		InferNVDFixVersions: true,
		SQLiteCacheSizeKiB:  64 << 10,
	})
	if err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	builtAt := options.BuiltAt
	if builtAt.IsZero() {
		builtAt = time.Now().UTC().Truncate(time.Second)
	}
	if err := stamp(filepath.Join(directory, v6.VulnerabilityDBFileName), f, builtAt); err != nil {
		return nil, fmt.Errorf("stamp: %w", err)
	}
	if err := v6.Hydrater()(directory); err != nil {
		return nil, fmt.Errorf("hydrate: %w", err)
	}
	if _, err := v6.WriteImportMetadata(afero.NewOsFs(), directory, f.Name); err != nil {
		return nil, fmt.Errorf("import metadata: %w", err)
	}
	if err := db.Package(directory, "", options.ArchiveExtension, nil); err != nil {
		return nil, fmt.Errorf("package: %w", err)
	}
	return publish(directory, options.OutputDirectory)
}

// stamp writes what the builder leaves no way to say: the build moment, and the provider that marks the database as a sample.
func stamp(path string, f *facts.Facts, builtAt time.Time) error {
	connection, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer connection.Close()
	if _, err := connection.Exec(`UPDATE db_metadata SET build_timestamp = ?`, builtAt.UTC()); err != nil {
		return err
	}
	_, err = connection.Exec(`INSERT INTO providers (id, version, processor, date_captured, input_digest) VALUES (?, ?, ?, ?, '')`,
		f.Name, f.Version, f.Name, f.Captured.UTC())
	return err
}

// publish moves the archive and its listing into place, the listing last: a reader that sees it finds the archive.
func publish(from, to string) (*GrypeResult, error) {
	latest, err := distribution.NewLatestFromFile(afero.NewOsFs(), filepath.Join(from, distribution.LatestFileName))
	if err != nil {
		return nil, err
	}
	if latest == nil {
		return nil, errors.New("the packer wrote an empty listing")
	}
	result := &GrypeResult{
		ArchivePath:   filepath.Join(to, latest.Path),
		LatestPath:    filepath.Join(to, distribution.LatestFileName),
		Checksum:      latest.Checksum,
		SchemaVersion: latest.SchemaVersion.String(),
		BuiltAt:       latest.Built.Time,
	}
	if err := os.Rename(filepath.Join(from, latest.Path), result.ArchivePath); err != nil {
		return nil, err
	}
	if err := os.Rename(filepath.Join(from, distribution.LatestFileName), result.LatestPath); err != nil {
		return nil, err
	}
	return result, nil
}

func writeWorkspaces(f *facts.Facts, root string) (provider.States, error) {
	var states provider.States
	// NVD comes first: the builder takes missing severities from it.
	for _, workspace := range workspaces(f) {
		if len(workspace.records) == 0 {
			continue
		}
		state, err := workspace.write(root, f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", workspace.provider, err)
		}
		states = append(states, *state)
	}
	return states, nil
}

// workspace is one feed: the records of one provider in that provider's own schema.
type workspace struct {
	provider  string
	schemaURL string
	records   []record
}

type record struct {
	identifier string
	item       any
}

func (w workspace) write(root string, f *facts.Facts) (*provider.State, error) {
	writer := provider.NewWorkspaceWriter(root, w.provider)
	place := provider.NewWorkspace(root, w.provider)
	for _, r := range w.records {
		envelope, err := json.Marshal(map[string]any{"schema": w.schemaURL, "identifier": r.identifier, "item": r.item})
		if err != nil {
			return nil, err
		}
		name := strings.NewReplacer("/", "_", ":", "_").Replace(r.identifier) + ".json"
		if _, err := writer.WriteResult(name, envelope); err != nil {
			return nil, err
		}
	}
	if err := place.EnsureListingFile(); err != nil {
		return nil, err
	}
	listing, err := provider.NewFile(place.ListingPath())
	if err != nil {
		return nil, err
	}
	listing.Path = "results/listing.xxh64"
	err = writer.WriteState(provider.State{
		Provider:  w.provider,
		Version:   1,
		Processor: f.Name,
		Schema:    provider.Schema{Version: schemaVersion(w.schemaURL), URL: w.schemaURL},
		Timestamp: f.Captured,
		Listing:   listing,
		Store:     "flat-file",
	})
	if err != nil {
		return nil, err
	}
	return place.ReadState()
}

func schemaVersion(schemaURL string) string {
	name := strings.TrimSuffix(filepath.Base(schemaURL), ".json")
	return name[strings.LastIndex(name, "-")+1:]
}
