package lookup

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	v6 "github.com/anchore/grype/grype/db/v6"
	"gorm.io/gorm"
)

// index holds the names that a database has records for at all: what is not among them need not be asked for.
type index struct {
	// names are of packages, products of CPEs; both as the database compares them, without case.
	names, unaffectedNames       set
	products, unaffectedProducts set
	decorations                  decorations
}

type set map[string]struct{}

func (s set) has(name string) bool {
	_, ok := s[fold(name)]
	return ok
}

// fold does what SQLite's NOCASE does: it knows no letters but those of ASCII.
func fold(text string) string {
	for i := range len(text) {
		if c := text[i]; 'A' <= c && c <= 'Z' {
			return foldSlow(text)
		}
	}
	return text
}

func foldSlow(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

// handle is what a reader offers beyond its interface; Grype's own helpers ask it for the same.
type handle interface{ GetDB() *gorm.DB }

func databaseOf(reader v6.Reader) (*sql.DB, error) {
	low, ok := reader.(handle)
	if !ok {
		return nil, fmt.Errorf("a reader of the type %T has no database", reader)
	}
	return low.GetDB().DB()
}

const (
	unaffectedNamesQuery    = `SELECT DISTINCT p.name FROM unaffected_package_handles u JOIN packages p ON p.id = u.package_id`
	unaffectedProductsQuery = `SELECT DISTINCT c.product FROM unaffected_cpe_handles u JOIN cpes c ON c.id = u.cpe_id
		UNION SELECT DISTINCT c.product FROM unaffected_package_handles u JOIN package_cpes pc ON pc.package_id = u.package_id JOIN cpes c ON c.id = pc.cpe_id`
)

func loadIndex(reader v6.Reader) (*index, error) {
	db, err := databaseOf(reader)
	if err != nil {
		return nil, err
	}
	made := &index{}
	var problems []error
	for _, part := range []struct {
		into  *set
		query string
	}{
		{&made.names, `SELECT DISTINCT name FROM packages`},
		{&made.unaffectedNames, unaffectedNamesQuery},
		{&made.products, `SELECT DISTINCT product FROM cpes`},
		{&made.unaffectedProducts, unaffectedProductsQuery},
	} {
		*part.into = set{}
		problems = append(problems, eachRow(db, part.query, func(rows *sql.Rows) error {
			var name sql.NullString
			if err := rows.Scan(&name); err != nil {
				return err
			}
			(*part.into)[fold(name.String)] = struct{}{}
			return nil
		}))
	}
	problems = append(problems, made.decorations.load(db, reader))
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return made, nil
}

// loadByCPE reads the whole table: it has no index by vulnerability.
func loadByCPE(reader v6.Reader) (map[v6.ID]struct{}, error) {
	db, err := databaseOf(reader)
	if err != nil {
		return nil, err
	}
	ids := map[v6.ID]struct{}{}
	err = eachRow(db, `SELECT DISTINCT vulnerability_id FROM affected_cpe_handles`, func(rows *sql.Rows) error {
		var id v6.ID
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids[id] = struct{}{}
		return nil
	})
	return ids, err
}

func eachRow(db *sql.DB, query string, scan func(*sql.Rows) error, args ...any) (err error) {
	rows, err := db.Query(query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// decorations are EPSS scores and CWEs of all CVEs, and which CVEs are known to be exploited: small tables, asked for each vulnerability.
type decorations struct {
	epss      map[string][]v6.EpssHandle
	cwes      map[string][]v6.CWEHandle
	exploited set
}

func (d *decorations) load(db *sql.DB, reader v6.Reader) error {
	d.epss, d.cwes, d.exploited = map[string][]v6.EpssHandle{}, map[string][]v6.CWEHandle{}, set{}
	err := errors.Join(
		eachRow(db, `SELECT cve, epss, percentile FROM epss_handles ORDER BY id`, func(rows *sql.Rows) error {
			var score v6.EpssHandle
			if err := rows.Scan(&score.Cve, &score.Epss, &score.Percentile); err != nil {
				return err
			}
			key := fold(score.Cve)
			d.epss[key] = append(d.epss[key], score)
			return nil
		}),
		eachRow(db, `SELECT cve, cwe, coalesce(source, ''), coalesce(type, '') FROM cwe_handles ORDER BY id`, func(rows *sql.Rows) error {
			var weakness v6.CWEHandle
			if err := rows.Scan(&weakness.CVE, &weakness.CWE, &weakness.Source, &weakness.Type); err != nil {
				return err
			}
			key := fold(weakness.CVE)
			d.cwes[key] = append(d.cwes[key], weakness)
			return nil
		}),
		eachRow(db, `SELECT DISTINCT cve FROM known_exploited_vulnerability_handles`, func(rows *sql.Rows) error {
			var cve string
			if err := rows.Scan(&cve); err != nil {
				return err
			}
			d.exploited[fold(cve)] = struct{}{}
			return nil
		}),
	)
	if err != nil {
		return err
	}
	return d.dateScores(reader)
}

// dateScores sets the day of all scores, which the database states once; Grype's reader knows where.
func (d *decorations) dateScores(reader v6.Reader) error {
	for _, scores := range d.epss {
		dated, err := reader.GetEpss(scores[0].Cve)
		if err != nil || len(dated) == 0 {
			return fmt.Errorf("the day of the EPSS scores is not to be had: %w", err)
		}
		for _, all := range d.epss {
			for i := range all {
				all[i].Date = dated[0].Date
			}
		}
		return nil
	}
	return nil
}
