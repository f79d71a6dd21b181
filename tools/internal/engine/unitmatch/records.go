package unitmatch

import (
	"encoding/json"
	"strings"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/presenter/models"
	"github.com/anchore/grype/grype/vulnerability"
	"gorm.io/gorm"

	"github.com/pharos-security/pharos/tools/internal/engine/lookup"
)

// records reads vulnerability records many at a time; Grype's provider reads one after the other.
type records struct {
	open *lookup.Lookup
	db   *gorm.DB
	// known are related vulnerabilities as they were last written; the same ones are related to many.
	known   map[string]models.VulnerabilityMetadata
	systems map[v6.ID]*v6.OperatingSystem
}

// rememberedRecords bounds known; a record takes about 2 KiB.
const rememberedRecords = 20_000

func newRecords(open *lookup.Lookup) *records {
	return &records{open: open, db: open.Reader.(interface{ GetDB() *gorm.DB }).GetDB(), known: map[string]models.VulnerabilityMetadata{}}
}

// byName finds the records of the given names, whoever provides them, by name in lower case, in the order of their ids.
func (r *records) byName(names []string) (map[string][]*v6.VulnerabilityHandle, error) {
	found := map[string][]*v6.VulnerabilityHandle{}
	if len(names) == 0 {
		return found, nil
	}
	var handles []*v6.VulnerabilityHandle
	if err := r.db.Where("name COLLATE NOCASE IN ?", names).Order("id").Preload("Provider").Find(&handles).Error; err != nil {
		return nil, err
	}
	if err := r.attach(handles); err != nil {
		return nil, err
	}
	for _, handle := range handles {
		key := strings.ToLower(handle.Name)
		found[key] = append(found[key], handle)
	}
	return found, nil
}

// attach reads the records' content.
func (r *records) attach(handles []*v6.VulnerabilityHandle) error {
	ids := make([]v6.ID, 0, len(handles))
	for _, handle := range handles {
		ids = append(ids, handle.BlobID)
	}
	blobs, err := r.blobs(ids)
	if err != nil {
		return err
	}
	for _, handle := range handles {
		var content v6.VulnerabilityBlob
		if err := json.Unmarshal([]byte(blobs[handle.BlobID]), &content); err != nil {
			return err
		}
		handle.BlobValue = &content
	}
	return nil
}

func (r *records) blobs(ids []v6.ID) (map[v6.ID]string, error) {
	contents := make(map[v6.ID]string, len(ids))
	for start := 0; start < len(ids); start += maxParameters {
		var blobs []v6.Blob
		if err := r.db.Where("id IN ?", ids[start:min(start+maxParameters, len(ids))]).Find(&blobs).Error; err != nil {
			return nil, err
		}
		for _, blob := range blobs {
			contents[blob.ID] = blob.Value
		}
	}
	return contents, nil
}

// maxParameters is what every build of SQLite takes in one statement.
const maxParameters = 900

// related finds what the database says of related vulnerabilities, as a match's document does.
func (r *records) related(references []vulnerability.Reference) (func(vulnerability.Reference) (models.VulnerabilityMetadata, bool), error) {
	if len(r.known) > rememberedRecords {
		r.known = map[string]models.VulnerabilityMetadata{}
	}
	missing := map[string]vulnerability.Reference{}
	names := map[string]bool{}
	for _, ref := range references {
		key := vulnerabilityKey(ref.Namespace, ref.ID)
		if _, ok := r.known[key]; !ok {
			missing[key] = ref
			names[ref.ID] = true
		}
	}
	var list []string
	for name := range names {
		list = append(list, name)
	}
	for start := 0; start < len(list); start += maxParameters {
		handles, err := r.byName(list[start:min(start+maxParameters, len(list))])
		if err != nil {
			return nil, err
		}
		for key, ref := range missing {
			candidates, ok := handles[strings.ToLower(ref.ID)]
			if !ok {
				continue
			}
			if err := r.remember(key, ref, candidates); err != nil {
				return nil, err
			}
			delete(missing, key)
		}
	}
	for key, ref := range missing {
		if err := r.remember(key, ref, nil); err != nil {
			return nil, err
		}
	}
	return func(ref vulnerability.Reference) (models.VulnerabilityMetadata, bool) {
		metadata, ok := r.known[vulnerabilityKey(ref.Namespace, ref.ID)]
		return metadata, ok
	}, nil
}

// remember writes a vulnerability down under the name that it is related by. It follows fetchVulnerability of the provider: the first record of
// the provider that begins the namespace.
func (r *records) remember(key string, ref vulnerability.Reference, candidates []*v6.VulnerabilityHandle) error {
	provider, _, _ := strings.Cut(ref.Namespace, ":")
	// A nil record, not the lack of one: the provider would search for it.
	var handle *v6.VulnerabilityHandle
	for _, candidate := range candidates {
		if candidate.ProviderID == provider {
			handle = candidate
			break
		}
	}
	metadata, err := r.metadata(ref, handle)
	if err != nil {
		return err
	}
	r.known[key] = models.NewVulnerabilityMetadata(ref.ID, ref.Namespace, metadata)
	return nil
}

// metadata is what the provider makes of a record.
func (r *records) metadata(ref vulnerability.Reference, handle *v6.VulnerabilityHandle) (*vulnerability.Metadata, error) {
	ref.Internal = handle
	return r.open.Provider.VulnerabilityMetadata(ref) //nolint:staticcheck // Grype itself still asks for it
}
