package difference

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"testing"

	_ "github.com/glebarez/sqlite"
)

// schema is what a fingerprint reads of a database, with columns that it does not read left out.
const schema = `
	CREATE TABLE blobs (id INTEGER PRIMARY KEY, value TEXT);
	CREATE TABLE vulnerability_handles (id INTEGER PRIMARY KEY, name TEXT, status TEXT, provider_id TEXT, blob_id INTEGER);
	CREATE TABLE db_metadata (model INTEGER, revision INTEGER, addition INTEGER);
	CREATE TABLE package_specifier_overrides (ecosystem TEXT, replacement_ecosystem TEXT);
	CREATE TABLE operating_system_specifier_overrides (alias TEXT, version TEXT, version_pattern TEXT, codename TEXT, channel TEXT, replacement TEXT,
		replacement_major_version TEXT, replacement_minor_version TEXT, replacement_label_version TEXT, replacement_channel TEXT, rolling INTEGER,
		applicable_client_db_schemas TEXT);
	CREATE TABLE architecture_aliases (alias TEXT, name TEXT);
	CREATE TABLE operating_systems (id INTEGER PRIMARY KEY, name TEXT, release_id TEXT, major_version TEXT, minor_version TEXT, label_version TEXT, codename TEXT, channel TEXT);
	CREATE TABLE packages (id INTEGER PRIMARY KEY, ecosystem TEXT, name TEXT);
	CREATE TABLE cpes (id INTEGER PRIMARY KEY, part TEXT, vendor TEXT, product TEXT, edition TEXT, language TEXT, software_edition TEXT, target_hardware TEXT,
		target_software TEXT, other TEXT);
	CREATE TABLE affected_package_handles (package_id INTEGER, vulnerability_id INTEGER, operating_system_id INTEGER, blob_id INTEGER);
	CREATE TABLE unaffected_package_handles (package_id INTEGER, vulnerability_id INTEGER, operating_system_id INTEGER, blob_id INTEGER);
	CREATE TABLE affected_cpe_handles (cpe_id INTEGER, vulnerability_id INTEGER, blob_id INTEGER);
	CREATE TABLE unaffected_cpe_handles (cpe_id INTEGER, vulnerability_id INTEGER, blob_id INTEGER);
	CREATE TABLE package_cpes (package_id INTEGER, cpe_id INTEGER);
	CREATE TABLE cwe_handles (id INTEGER PRIMARY KEY, cve TEXT, cwe TEXT, source TEXT, type TEXT);
	CREATE TABLE epss_metadata (date TEXT);
	CREATE TABLE epss_handles (id INTEGER PRIMARY KEY, cve TEXT, epss REAL, percentile REAL);
	CREATE TABLE known_exploited_vulnerability_handles (id INTEGER PRIMARY KEY, cve TEXT, blob_id INTEGER);
	INSERT INTO blobs VALUES (1, '{"id":"CVE-1"}'), (2, '{"id":"GHSA-1","aliases":["CVE-1"]}'), (3, '{"ranges":[]}'), (4, '{"cves":["CVE-2"]}'), (5, '{"id":"ALAS-1"}');
	INSERT INTO vulnerability_handles VALUES (1, 'CVE-1', 'active', 'nvd', 1), (2, 'GHSA-1', 'active', 'github', 2), (3, 'ALAS-1', 'active', 'amazon', 5);
	INSERT INTO packages VALUES (1, 'npm', 'Lodash'), (2, 'rpm', 'curl');
	INSERT INTO cpes VALUES (1, 'a', 'haxx', 'Curl', '', '', '', '', '', '');
	INSERT INTO affected_package_handles VALUES (1, 2, NULL, 3), (2, 3, NULL, 4);
	INSERT INTO affected_cpe_handles VALUES (1, 1, 3);
	INSERT INTO epss_metadata VALUES ('2026-01-15');
	INSERT INTO epss_handles VALUES (1, 'CVE-1', 0.5, 0.9), (2, 'CVE-2', 0.1, 0.2);
	INSERT INTO cwe_handles VALUES (1, 'CVE-1', 'CWE-79', 'nvd', 'Primary');`

func fingerprintWith(t *testing.T, changes string) *Fingerprint {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "vulnerability.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(schema + changes); err != nil {
		t.Fatal(err)
	}
	made, err := Read(context.Background(), db)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestADifferenceNamesWhatAChangeTouches(t *testing.T) {
	lodash, curl, product := keyOf(packageKind, "lodash"), keyOf(packageKind, "curl"), keyOf(productKind, "curl")
	for sentence, c := range map[string]struct {
		changes         string
		keys            []SearchKey
		records, scores []string
		isEverything    bool
	}{
		"nothing":                               {},
		"rows have other ids":                   {changes: `UPDATE vulnerability_handles SET id = 30 WHERE id = 3; UPDATE affected_package_handles SET vulnerability_id = 30 WHERE vulnerability_id = 3`},
		"an EPSS moves":                         {changes: `UPDATE epss_handles SET epss = 0.6 WHERE cve = 'CVE-1'`, scores: []string{"cve-1", "ghsa-1"}},
		"an EPSS of a CVE that a package names": {changes: `UPDATE epss_handles SET percentile = 0.3 WHERE cve = 'CVE-2'`, scores: []string{"alas-1"}},
		"the day of all scores": {
			changes: `UPDATE epss_metadata SET date = '2026-01-16'`, scores: []string{"alas-1", "cve-1", "ghsa-1"},
		},
		"a CVE is exploited":                   {changes: `INSERT INTO known_exploited_vulnerability_handles VALUES (1, 'cve-1', 3)`, scores: []string{"cve-1", "ghsa-1"}},
		"a weakness is named":                  {changes: `INSERT INTO cwe_handles VALUES (2, 'CVE-1', 'CWE-80', 'nvd', 'Primary')`, records: []string{"cve-1", "ghsa-1"}},
		"a record that others lead to changes": {changes: `UPDATE blobs SET value = '{"id":"CVE-1","severity":"high"}' WHERE id = 1`, keys: []SearchKey{product}, records: []string{"cve-1", "ghsa-1"}},
		"a range changes":                      {changes: `UPDATE affected_package_handles SET blob_id = 4 WHERE package_id = 1`, keys: []SearchKey{lodash}, records: []string{"ghsa-1"}},
		"a package is affected no more":        {changes: `DELETE FROM affected_package_handles WHERE package_id = 2`, keys: []SearchKey{curl}, records: []string{"alas-1"}},
		"a vulnerability is new": {
			changes: `INSERT INTO vulnerability_handles VALUES (9, 'CVE-9', 'active', 'nvd', 1); INSERT INTO affected_package_handles VALUES (1, 9, NULL, 3)`,
			keys:    []SearchKey{lodash}, records: []string{"cve-9"},
		},
		"a distribution's release": {changes: `INSERT INTO operating_systems VALUES (1, 'debian', 'debian', '14', '', '', '', '')`, isEverything: true},
	} {
		found := Between(fingerprintWith(t, ""), fingerprintWith(t, ";"+c.changes))
		var keys []SearchKey
		for key := range found.Keys {
			keys = append(keys, key)
		}
		slices.Sort(c.keys)
		slices.Sort(keys)
		if !slices.Equal(keys, c.keys) || !slices.Equal(found.Records, c.records) || !slices.Equal(found.Scores, c.scores) || found.IsEverything != c.isEverything {
			t.Errorf("%s: keys %v for %v, records %v for %v, scores %v for %v, everything %v", sentence, keys, c.keys, found.Records, c.records, found.Scores, c.scores, found.IsEverything)
		}
	}
}

func TestAFingerprintIsKeptForItsDatabaseAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fingerprint")
	made := fingerprintWith(t, "")
	if err := made.Keep(path, "xxh64:1"); err != nil {
		t.Fatal(err)
	}
	if found := Load(path, "xxh64:1"); found == nil || len(Between(made, found).Keys) != 0 || len(found.Records) != len(made.Records) {
		t.Errorf("kept %+v, found %+v", made, found)
	}
	if found := Load(path, "xxh64:2"); found != nil {
		t.Error("the fingerprint of another database was taken")
	}
	damage(t, path)
	if found := Load(path, "xxh64:1"); found != nil {
		t.Error("a damaged file was taken")
	}
}

func damage(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
