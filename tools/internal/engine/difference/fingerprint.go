// Package difference tells for which packages two vulnerability databases can give different matches, and of which vulnerabilities they say
// something else.
//
// Each database is read once and summed up by the names that matchers search by: package names and CPE products. A name whose sums are equal
// has the same records in both, whatever their row ids, so a package that is searched for by such names alone matches the same in both.
// Grype's own `db diff` is not fit for that: it passes over records without content and changes of a vulnerability's own record, and joins
// the databases in temporary tables, which takes longer than matching a fleet.
//
// EPSS scores, known exploitation and CWEs are left out of that: they belong to vulnerabilities, not to matches, and move daily. Vulnerabilities
// are summed up by their names, each with the records that it is related to: a match tells of these as well.
package difference

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Fingerprint sums up a database. Its sums are the same in every process, so that it can be kept.
type Fingerprint struct {
	// Keys are sums of the records that a search finds, by what is searched for.
	Keys map[SearchKey]uint64
	// General sums up what decides searches of any name: the releases of distributions, which name stands for which, the schema.
	General uint64
	// Records are sums of what is said of a vulnerability, by its name in lower case; Scores those of what moves daily.
	Records, Scores map[string]uint64
}

// reading holds what rows refer to by id while a fingerprint is made.
type reading struct {
	*Fingerprint
	ctx                                   context.Context
	db                                    *sql.DB
	blobs, vulnerabilities, systems, cpes map[int64]uint64
	// vulnerabilityNames are in lower case.
	vulnerabilityNames map[int64]string
	cpeProducts        map[int64]string
	packages           map[int64]packageName
	// packageSums are of the records of one package; CPEs may lead to it.
	packageSums map[int64]uint64
	// otherNames are those that a record's content gives, by blob; related are the names that a vulnerability leads to, by its own.
	otherNames map[int64][]string
	related    map[string][]string
	// decorations are of CVEs, which need not have a record.
	weaknesses, scores map[string]uint64
}

type packageName struct {
	sum  uint64
	name string
}

// Read makes a database's fingerprint.
func Read(ctx context.Context, db *sql.DB) (*Fingerprint, error) {
	r := &reading{
		Fingerprint: &Fingerprint{Keys: map[SearchKey]uint64{}, Records: map[string]uint64{}, Scores: map[string]uint64{}}, ctx: ctx, db: db,
		blobs: map[int64]uint64{}, vulnerabilities: map[int64]uint64{}, systems: map[int64]uint64{}, cpes: map[int64]uint64{},
		vulnerabilityNames: map[int64]string{}, cpeProducts: map[int64]string{}, packages: map[int64]packageName{}, packageSums: map[int64]uint64{},
		otherNames: map[int64][]string{}, related: map[string][]string{}, weaknesses: map[string]uint64{}, scores: map[string]uint64{},
	}
	for _, step := range []func() error{
		r.readBlobs, r.readVulnerabilities, r.readGeneral, r.readSystems, r.readPackages, r.readCPEs,
		func() error { return r.readPackageHandles("affected_package_handles") },
		func() error { return r.readPackageHandles("unaffected_package_handles") },
		func() error { return r.readCPEHandles("affected_cpe_handles") },
		func() error { return r.readCPEHandles("unaffected_cpe_handles") },
		r.readPackageCPEs, r.readWeaknesses, r.readScores, r.readExploited,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	r.addRelated()
	return r.Fingerprint, nil
}

// hash mixes texts and numbers; their places count.
func hash(texts []string, numbers ...uint64) uint64 {
	var h xxhash.Digest
	h.Reset()
	var place [8]byte
	for _, text := range texts {
		binary.LittleEndian.PutUint64(place[:], uint64(len(text)))
		_, _ = h.Write(place[:])
		_, _ = h.WriteString(text)
	}
	for _, number := range numbers {
		binary.LittleEndian.PutUint64(place[:], number)
		_, _ = h.Write(place[:])
	}
	return h.Sum64()
}

func (r *reading) eachRow(query string, row func(*sql.Rows) error) (err error) {
	rows, err := r.db.QueryContext(r.ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (r *reading) readBlobs() error {
	return r.eachRow(`SELECT id, value FROM blobs`, func(rows *sql.Rows) error {
		var id int64
		var value sql.RawBytes
		if err := rows.Scan(&id, &value); err != nil {
			return err
		}
		r.blobs[id] = xxhash.Sum64(value)
		names, err := namesIn(value)
		if len(names) > 0 {
			r.otherNames[id] = names
		}
		return err
	})
}

func (r *reading) readVulnerabilities() error {
	return r.eachRow(`SELECT id, name, coalesce(status, ''), provider_id, coalesce(blob_id, 0) FROM vulnerability_handles`, func(rows *sql.Rows) error {
		var id, blobID int64
		var name, status, provider string
		if err := rows.Scan(&id, &name, &status, &provider, &blobID); err != nil {
			return err
		}
		r.vulnerabilities[id] = hash([]string{name, status, provider}, r.blobs[blobID])
		folded := fold(name)
		r.vulnerabilityNames[id] = folded
		r.Records[folded] += r.vulnerabilities[id]
		r.related[folded] = append(r.related[folded], r.otherNames[blobID]...)
		return nil
	})
}

// generalQueries list, without row ids, the tables that decide searches of any name.
var generalQueries = []string{
	`SELECT model, revision, addition FROM db_metadata`,
	// The first override that fits wins, so their order counts.
	`SELECT ecosystem, replacement_ecosystem FROM package_specifier_overrides ORDER BY rowid`,
	`SELECT alias, version, version_pattern, codename, channel, replacement, replacement_major_version, replacement_minor_version,
		replacement_label_version, replacement_channel, rolling, applicable_client_db_schemas
		FROM operating_system_specifier_overrides ORDER BY rowid`,
	`SELECT * FROM architecture_aliases ORDER BY 1, 2`,
	systemColumns + ` ORDER BY 1, 2, 3, 4, 5, 6, 7`,
}

// systemColumns leaves out end-of-life dates: only the search by CPE past a distribution's end, which is switched off, reads them.
const systemColumns = `SELECT name, release_id, major_version, minor_version, label_version, codename, channel FROM operating_systems`

func (r *reading) readGeneral() error {
	for _, query := range generalQueries {
		err := r.eachRow(query, func(rows *sql.Rows) error {
			texts, err := rowTexts(rows)
			r.General = hash(texts, r.General)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// rowTexts are a row's values as texts; NULL differs from an empty one.
func rowTexts(rows *sql.Rows) ([]string, error) {
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values := make([]sql.NullString, len(columns))
	targets := make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	if err := rows.Scan(targets...); err != nil {
		return nil, err
	}
	texts := make([]string, len(columns))
	for i, value := range values {
		texts[i] = "null"
		if value.Valid {
			texts[i] = "text " + value.String
		}
	}
	return texts, nil
}

func (r *reading) readSystems() error {
	return r.eachRow(strings.Replace(systemColumns, "SELECT ", "SELECT id, ", 1), func(rows *sql.Rows) error {
		var id int64
		var values [7]sql.NullString
		if err := rows.Scan(&id, &values[0], &values[1], &values[2], &values[3], &values[4], &values[5], &values[6]); err != nil {
			return err
		}
		texts := make([]string, 0, len(values))
		for _, value := range values {
			texts = append(texts, value.String)
		}
		r.systems[id] = hash(texts)
		return nil
	})
}

func (r *reading) readPackages() error {
	return r.eachRow(`SELECT id, coalesce(ecosystem, ''), coalesce(name, '') FROM packages`, func(rows *sql.Rows) error {
		var id int64
		var ecosystem, name string
		if err := rows.Scan(&id, &ecosystem, &name); err != nil {
			return err
		}
		r.packages[id] = packageName{hash([]string{ecosystem, name}), fold(name)}
		return nil
	})
}

func (r *reading) readCPEs() error {
	return r.eachRow(`SELECT id, part, vendor, product, edition, language, software_edition, target_hardware, target_software, other FROM cpes`, func(rows *sql.Rows) error {
		var id int64
		var values [9]sql.NullString
		if err := rows.Scan(&id, &values[0], &values[1], &values[2], &values[3], &values[4], &values[5], &values[6], &values[7], &values[8]); err != nil {
			return err
		}
		texts := make([]string, 0, len(values))
		for _, value := range values {
			texts = append(texts, value.String)
		}
		r.cpes[id] = hash(texts)
		r.cpeProducts[id] = fold(values[2].String)
		return nil
	})
}

func (r *reading) readPackageHandles(table string) error {
	query := `SELECT package_id, vulnerability_id, coalesce(operating_system_id, 0), coalesce(blob_id, 0) FROM ` + table
	return r.eachRow(query, func(rows *sql.Rows) error {
		var packageID, vulnerabilityID, systemID, blobID int64
		if err := rows.Scan(&packageID, &vulnerabilityID, &systemID, &blobID); err != nil {
			return err
		}
		known := r.packages[packageID]
		sum := hash([]string{table}, known.sum, r.vulnerabilities[vulnerabilityID], r.systems[systemID], r.blobs[blobID])
		// Sums are added up: the order of rows does not count, their number does.
		r.Keys[keyOf(packageKind, known.name)] += sum
		r.packageSums[packageID] += sum
		r.addUse(vulnerabilityID, sum, blobID)
		return nil
	})
}

func (r *reading) readCPEHandles(table string) error {
	query := `SELECT cpe_id, vulnerability_id, coalesce(blob_id, 0) FROM ` + table
	return r.eachRow(query, func(rows *sql.Rows) error {
		var cpeID, vulnerabilityID, blobID int64
		if err := rows.Scan(&cpeID, &vulnerabilityID, &blobID); err != nil {
			return err
		}
		sum := hash([]string{table}, r.cpes[cpeID], r.vulnerabilities[vulnerabilityID], r.blobs[blobID])
		r.Keys[keyOf(productKind, r.cpeProducts[cpeID])] += sum
		r.addUse(vulnerabilityID, sum, blobID)
		return nil
	})
}

func (r *reading) readPackageCPEs() error {
	return r.eachRow(`SELECT package_id, cpe_id FROM package_cpes`, func(rows *sql.Rows) error {
		var packageID, cpeID int64
		if err := rows.Scan(&packageID, &cpeID); err != nil {
			return err
		}
		r.Keys[keyOf(productKind, r.cpeProducts[cpeID])] += hash([]string{"package_cpes"}, r.cpes[cpeID], r.packageSums[packageID])
		return nil
	})
}

// fold compares as the database does, whose names are without case in ASCII.
func fold(text string) string {
	return strings.Map(func(letter rune) rune {
		if 'A' <= letter && letter <= 'Z' {
			return letter + 'a' - 'A'
		}
		return letter
	}, text)
}
