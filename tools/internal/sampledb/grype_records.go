package sampledb

import (
	"fmt"
	"strings"
	"time"

	"github.com/pharos-security/pharos/tools/internal/facts"
)

const schemaBase = "https://raw.githubusercontent.com/anchore/vunnel/main/schema/vulnerability/"

type object = map[string]any

// workspaces renders the facts as the feeds that Grype's builder reads, in the shapes of its unmarshal package.
func workspaces(f *facts.Facts) []workspace {
	list := []workspace{
		nvd(f),
		gitHub(f),
		goVulnDB(f),
		epss(f),
		knownExploited(f),
	}
	for _, distribution := range f.Distributions {
		list = append(list, distributionFeed(f, distribution))
	}
	return joinProviders(list)
}

// joinProviders makes one workspace of the releases of one distribution.
func joinProviders(list []workspace) []workspace {
	var joined []workspace
	at := map[string]int{}
	for _, w := range list {
		if i, ok := at[w.provider]; ok {
			joined[i].records = append(joined[i].records, w.records...)
			continue
		}
		at[w.provider] = len(joined)
		joined = append(joined, w)
	}
	return joined
}

func nvd(f *facts.Facts) workspace {
	w := workspace{provider: "nvd", schemaURL: schemaBase + "nvd/schema-1.1.0.json"}
	for _, v := range f.Vulnerabilities {
		var metrics []object
		for _, cvss := range v.CVSS {
			metrics = append(metrics, object{
				"source": "nvd@nist.gov",
				"type":   "Primary",
				"cvssData": object{
					"version": cvss.Version, "vectorString": cvss.Vector,
					"baseScore": cvss.Score, "baseSeverity": strings.ToUpper(v.Severity),
				},
			})
		}
		var weaknesses []object
		for _, cwe := range v.CWEs {
			weaknesses = append(weaknesses, object{"source": "nvd@nist.gov", "type": "Primary", "description": []object{{"lang": "en", "value": cwe}}})
		}
		w.records = append(w.records, record{v.ID, object{"cve": object{
			"id": v.ID, "published": timestamp(v.Published), "lastModified": timestamp(v.Modified), "vulnStatus": "Analyzed",
			"descriptions": []object{{"lang": "en", "value": v.Summary}},
			"metrics":      object{"cvssMetricV31": metrics},
			"weaknesses":   weaknesses,
			"references":   []object{{"url": "https://nvd.nist.gov/vuln/detail/" + v.ID}},
		}}})
	}
	return w
}

func distributionFeed(f *facts.Facts, d facts.Distribution) workspace {
	w := workspace{provider: d.ID, schemaURL: schemaBase + "os/schema-1.1.0.json"}
	format := map[string]string{"debian": "dpkg", "ubuntu": "dpkg", "alpine": "apk", "rhel": "rpm"}[d.ID]
	namespace := d.ID + ":" + d.Version
	byVulnerability := map[string][]facts.DistributionAdvisory{}
	var order []string
	for _, advisory := range d.Advisories {
		if _, ok := byVulnerability[advisory.Vulnerability]; !ok {
			order = append(order, advisory.Vulnerability)
		}
		byVulnerability[advisory.Vulnerability] = append(byVulnerability[advisory.Vulnerability], advisory)
	}
	for _, id := range order {
		known := f.Vulnerability(id)
		var fixedIn []object
		for _, advisory := range byVulnerability[id] {
			// "None" is how the feed says that no fix exists.
			version := advisory.Fixed
			if version == "" {
				version = "None"
			}
			entry := object{
				"Name": advisory.Package, "NamespaceName": namespace, "Version": version, "VersionFormat": format,
				"VendorAdvisory": object{"NoAdvisory": advisory.WillNotFix, "AdvisorySummary": []object{}},
			}
			if advisory.FixedAt != "" {
				entry["Available"] = object{"Date": string(advisory.FixedAt), "Kind": "advisory"}
			}
			fixedIn = append(fixedIn, entry)
		}
		w.records = append(w.records, record{strings.ToLower(namespace + "/" + id), object{"Vulnerability": object{
			"Name": id, "NamespaceName": namespace, "Severity": title(byVulnerability[id][0].Severity),
			"Description": known.Summary, "Link": distributionLink(d.ID, id), "CVSS": []object{},
			"FixedIn":  fixedIn,
			"Metadata": object{"Issued": timestamp(known.Published), "Updated": timestamp(known.Modified), "CVE": []object{}},
		}}})
	}
	return w
}

func distributionLink(distribution, id string) string {
	switch distribution {
	case "debian":
		return "https://security-tracker.debian.org/tracker/" + id
	case "alpine":
		return "https://security.alpinelinux.org/vuln/" + id
	default:
		return "https://nvd.nist.gov/vuln/detail/" + id
	}
}

func gitHub(f *facts.Facts) workspace {
	w := workspace{provider: "github", schemaURL: schemaBase + "github-security-advisory/schema-1.1.0.json"}
	for _, advisory := range f.GitHub {
		var fixedIn []object
		for _, affected := range advisory.Packages {
			version := affected.Fixed
			if version == "" {
				version = "None"
			}
			entry := object{
				"ecosystem": affected.Ecosystem, "name": affected.Name, "namespace": "github:" + affected.Ecosystem,
				"identifier": version, "range": strings.ReplaceAll(affected.Affected, ",", " "),
			}
			if affected.FixedAt != "" {
				entry["available"] = object{"date": string(affected.FixedAt), "kind": "first-observed"}
			}
			fixedIn = append(fixedIn, entry)
		}
		var severities []object
		for _, cvss := range gitHubVectors(f, advisory) {
			severities = append(severities, object{"version": cvss.Version, "vector": cvss.Vector})
		}
		w.records = append(w.records, record{advisory.ID, object{"Advisory": object{
			"ghsaId": advisory.ID, "CVE": advisory.Aliases, "Severity": title(advisory.Severity),
			"Summary": gitHubSummary(f, advisory), "url": "https://github.com/advisories/" + advisory.ID,
			"published": timestamp(advisory.Published), "updated": timestamp(advisory.Published), "withdrawn": "",
			"cvss_severities": severities, "FixedIn": fixedIn,
			"namespace": "github:" + advisory.Packages[0].Ecosystem,
			"Metadata":  object{"CVE": advisory.Aliases},
		}}})
	}
	return w
}

func goVulnDB(f *facts.Facts) workspace {
	w := workspace{provider: "govulndb", schemaURL: schemaBase + "osv/schema-1.7.0.json"}
	for _, advisory := range f.Go {
		w.records = append(w.records, record{advisory.ID, object{
			"id": advisory.ID, "schema_version": "1.3.1", "aliases": advisory.Aliases,
			"summary": advisory.Summary, "details": advisory.Summary,
			"published": timestamp(advisory.Published), "modified": timestamp(advisory.Published),
			"references":        []object{{"type": "WEB", "url": "https://pkg.go.dev/vuln/" + advisory.ID}},
			"database_specific": object{"url": "https://pkg.go.dev/vuln/" + advisory.ID, "review_status": "REVIEWED"},
			"affected": []object{{
				"package": object{"name": advisory.Module, "ecosystem": "Go"},
				"ranges": []object{{
					"type":              "SEMVER",
					"events":            []object{{"introduced": "0"}, {"fixed": advisory.Fixed}},
					"database_specific": object{"anchore": object{"fixes": []object{{"version": advisory.Fixed, "date": string(advisory.FixedAt), "kind": "first-observed"}}}},
				}},
				"ecosystem_specific": object{"imports": imports(advisory)},
			}},
		}})
	}
	return w
}

func imports(advisory facts.Go) []object {
	var list []object
	for _, entry := range advisory.Imports {
		list = append(list, object{"path": entry.Path, "symbols": entry.Symbols})
	}
	return list
}

func epss(f *facts.Facts) workspace {
	w := workspace{provider: "epss", schemaURL: schemaBase + "epss/schema-1.0.0.json"}
	for _, v := range f.Vulnerabilities {
		if v.EPSS == nil {
			continue
		}
		w.records = append(w.records, record{v.ID, object{
			"cve": v.ID, "epss": v.EPSS.Score, "percentile": v.EPSS.Percentile, "date": f.Captured.UTC().Format(time.DateOnly),
		}})
	}
	return w
}

func knownExploited(f *facts.Facts) workspace {
	w := workspace{provider: "kev", schemaURL: schemaBase + "known-exploited/schema-1.0.0.json"}
	for _, v := range f.Vulnerabilities {
		if v.KEV == nil {
			continue
		}
		w.records = append(w.records, record{v.ID, object{
			"cveID": v.ID, "vendorProject": v.KEV.Vendor, "product": v.KEV.Product, "vulnerabilityName": v.KEV.Name,
			"dateAdded": string(v.KEV.Added), "dueDate": string(v.KEV.Due), "shortDescription": v.Summary,
			"requiredAction": v.KEV.Action, "knownRansomwareCampaignUse": v.KEV.Ransomware,
			"notes": "https://nvd.nist.gov/vuln/detail/" + v.ID, "cwes": v.CWEs,
		}})
	}
	return w
}

func timestamp(date facts.Date) string {
	return fmt.Sprintf("%sT00:00:00Z", date)
}

func title(severity string) string {
	if severity == "" {
		return "Unknown"
	}
	return strings.ToUpper(severity[:1]) + severity[1:]
}

// gitHubVectors are the advisory's own vectors, else those of its first CVE.
func gitHubVectors(f *facts.Facts, advisory facts.GitHub) []facts.CVSS {
	if len(advisory.CVSS) > 0 {
		return advisory.CVSS
	}
	if known := firstKnown(f, advisory.Aliases); known != nil {
		return known.CVSS
	}
	return nil
}

func gitHubSummary(f *facts.Facts, advisory facts.GitHub) string {
	if known := firstKnown(f, advisory.Aliases); known != nil {
		return known.Summary
	}
	return advisory.ID
}

func firstKnown(f *facts.Facts, aliases []string) *facts.Vulnerability {
	for _, alias := range aliases {
		if known := f.Vulnerability(alias); known != nil {
			return known
		}
	}
	return nil
}
