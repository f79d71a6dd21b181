package unitmatch

import (
	"encoding/json"
	"slices"
	"strings"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/vulnerability"
)

// usesQuery lists the packages that records affect, as far as these decide a namespace: one release of a distribution, one ecosystem; of
// Microsoft's products each.
const usesQuery = `
	SELECT h.vulnerability_id, h.operating_system_id, coalesce(p.ecosystem, '') AS ecosystem,
		CASE WHEN lower(p.ecosystem) IN ('msrc', 'msrc-kb') THEN p.name ELSE '' END AS name, min(h.blob_id) AS blob_id
	FROM affected_package_handles h JOIN packages p ON p.id = h.package_id
	WHERE h.vulnerability_id IN ? GROUP BY 1, 2, 3, 4 ORDER BY 1, 5`

type use struct {
	VulnerabilityID   v6.ID
	OperatingSystemID *v6.ID
	Ecosystem         string
	Name              string
	BlobID            v6.ID
}

// namedBy finds each vulnerability's record: several may have its name, of other providers or of other releases of a distribution.
func (r *records) namedBy(batch []asked) ([]*chosenRecord, error) {
	var names []string
	for _, one := range batch {
		names = append(names, one.NativeID)
	}
	slices.Sort(names)
	byName, err := r.byName(slices.Compact(names))
	if err != nil {
		return nil, err
	}
	var ids []v6.ID
	for _, handles := range byName {
		for _, handle := range handles {
			ids = append(ids, handle.ID)
		}
	}
	uses, err := r.uses(ids)
	if err != nil {
		return nil, err
	}
	systems, err := r.operatingSystems()
	if err != nil {
		return nil, err
	}
	chosen := make([]*chosenRecord, len(batch))
	var blobIDs []v6.ID
	blobOf := make([]v6.ID, len(batch))
	for i, one := range batch {
		for _, handle := range byName[strings.ToLower(one.NativeID)] {
			if handle.Provider != nil && one.Namespace == v6.MimicV5Namespace(handle, nil) {
				isAffecting, err := r.open.AffectsByCPE(handle.ID)
				if err != nil {
					return nil, err
				}
				if isAffecting {
					chosen[i] = &chosenRecord{handle: handle}
					break
				}
			}
			at := slices.IndexFunc(uses[handle.ID], func(u use) bool { return namespaceOf(handle, u, systems) == one.Namespace })
			if at >= 0 {
				chosen[i] = &chosenRecord{handle: handle, ecosystem: uses[handle.ID][at].Ecosystem}
				blobOf[i] = uses[handle.ID][at].BlobID
				blobIDs = append(blobIDs, blobOf[i])
				break
			}
		}
	}
	blobs, err := r.blobs(blobIDs)
	if err != nil {
		return nil, err
	}
	for i := range chosen {
		var content v6.PackageBlob
		if text, ok := blobs[blobOf[i]]; ok && chosen[i] != nil {
			if err := json.Unmarshal([]byte(text), &content); err != nil {
				return nil, err
			}
			chosen[i].cves = content.CVEs
		}
	}
	return chosen, nil
}

func (r *records) uses(ids []v6.ID) (map[v6.ID][]use, error) {
	found := map[v6.ID][]use{}
	for start := 0; start < len(ids); start += maxParameters {
		var rows []use
		if err := r.db.Raw(usesQuery, ids[start:min(start+maxParameters, len(ids))]).Scan(&rows).Error; err != nil {
			return nil, err
		}
		for _, row := range rows {
			found[row.VulnerabilityID] = append(found[row.VulnerabilityID], row)
		}
	}
	return found, nil
}

func (r *records) operatingSystems() (map[v6.ID]*v6.OperatingSystem, error) {
	if r.systems == nil {
		var list []*v6.OperatingSystem
		if err := r.db.Find(&list).Error; err != nil {
			return nil, err
		}
		r.systems = map[v6.ID]*v6.OperatingSystem{}
		for _, system := range list {
			r.systems[system.ID] = system
		}
	}
	return r.systems, nil
}

func namespaceOf(handle *v6.VulnerabilityHandle, u use, systems map[v6.ID]*v6.OperatingSystem) string {
	if handle.Provider == nil {
		return ""
	}
	affected := &v6.AffectedPackageHandle{Package: &v6.Package{Name: u.Name, Ecosystem: u.Ecosystem}}
	if u.OperatingSystemID != nil {
		affected.OperatingSystem = systems[*u.OperatingSystemID]
	}
	return v6.MimicV5Namespace(handle, affected)
}

// relatedVulnerabilities follows getRelatedVulnerabilities of grype/db/v6/vulnerability.go (Copyright Anchore, Inc., Apache-2.0), which is not
// exported: a test watches its text.
func relatedVulnerabilities(handle *v6.VulnerabilityHandle, cves []string, ecosystem string) []vulnerability.Reference {
	const nvd, gitHub = "nvd", "github"
	var related []vulnerability.Reference
	encountered := map[string]bool{}
	for _, id := range slices.Concat([]string{handle.Name}, handle.BlobValue.Aliases, cves) {
		if encountered[id] {
			continue
		}
		lower := strings.ToLower(id)
		isSelf := strings.EqualFold(handle.Name, id)
		switch {
		case strings.HasPrefix(lower, "cve-"):
			if handle.ProviderID == nvd && isSelf {
				continue
			}
			related = append(related, vulnerability.Reference{ID: id, Namespace: nvd + ":cpe"})
		case strings.HasPrefix(lower, "ghsa-"):
			if handle.ProviderID == gitHub && isSelf {
				continue
			}
			related = append(related, vulnerability.Reference{ID: id, Namespace: languageNamespace(gitHub, ecosystem)})
		}
		encountered[id] = true
	}
	return related
}

// languageNamespace asks the exported function for the namespace of a package of the ecosystem.
func languageNamespace(provider, ecosystem string) string {
	if ecosystem == "" {
		return provider + ":language:"
	}
	return v6.MimicV5Namespace(&v6.VulnerabilityHandle{Provider: &v6.Provider{ID: provider}}, &v6.AffectedPackageHandle{Package: &v6.Package{Ecosystem: ecosystem}})
}
