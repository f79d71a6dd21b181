package difference

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"slices"
	"strconv"
)

// namesIn reads the other names of a vulnerability from a record's content. Most records have none, and those that have are not taken apart as a
// whole: a list of the same key elsewhere in it only gives names too many.
func namesIn(content []byte) ([]string, error) {
	var names []string
	for _, key := range [][]byte{[]byte(`"aliases":`), []byte(`"cves":`)} {
		for rest := content; ; {
			_, after, found := bytes.Cut(rest, key)
			if !found {
				break
			}
			rest = after
			var list []string
			if err := json.NewDecoder(bytes.NewReader(rest)).Decode(&list); err != nil {
				return nil, err
			}
			names = append(names, list...)
		}
	}
	return names, nil
}

// addUse counts a record of a package or CPE to its vulnerability: which there are decides the namespaces that it is told of in.
func (r *reading) addUse(vulnerabilityID int64, sum uint64, blobID int64) {
	name := r.vulnerabilityNames[vulnerabilityID]
	r.Records[name] += sum
	r.related[name] = append(r.related[name], r.otherNames[blobID]...)
}

func (r *reading) readWeaknesses() error {
	return r.eachRow(`SELECT cve, cwe, coalesce(source, ''), coalesce(type, '') FROM cwe_handles ORDER BY id`, func(rows *sql.Rows) error {
		var cve, cwe, source, kind string
		if err := rows.Scan(&cve, &cwe, &source, &kind); err != nil {
			return err
		}
		// Their order is told.
		name := fold(cve)
		r.weaknesses[name] = hash([]string{cwe, source, kind}, r.weaknesses[name])
		return nil
	})
}

// readScores reads EPSS scores, with the day that the database states for all of them.
func (r *reading) readScores() error {
	var day uint64
	err := r.eachRow(`SELECT date FROM epss_metadata`, func(rows *sql.Rows) error {
		texts, err := rowTexts(rows)
		day = hash(texts, day)
		return err
	})
	if err != nil {
		return err
	}
	return r.eachRow(`SELECT cve, epss, percentile FROM epss_handles ORDER BY id`, func(rows *sql.Rows) error {
		var cve string
		var score, percentile float64
		if err := rows.Scan(&cve, &score, &percentile); err != nil {
			return err
		}
		name := fold(cve)
		r.scores[name] = hash([]string{strconv.FormatFloat(score, 'g', -1, 64), strconv.FormatFloat(percentile, 'g', -1, 64)}, day, r.scores[name])
		return nil
	})
}

func (r *reading) readExploited() error {
	return r.eachRow(`SELECT cve, coalesce(blob_id, 0) FROM known_exploited_vulnerability_handles ORDER BY id`, func(rows *sql.Rows) error {
		var cve string
		var blobID int64
		if err := rows.Scan(&cve, &blobID); err != nil {
			return err
		}
		name := fold(cve)
		r.scores[name] = hash([]string{"exploited"}, r.blobs[blobID], r.scores[name])
		return nil
	})
}

// addRelated adds to each vulnerability's sums those of the names that its records lead to: what they say is told with it.
func (r *reading) addRelated() {
	own := r.Records
	r.Records = make(map[string]uint64, len(own))
	for name, sum := range own {
		names := []string{name}
		for _, other := range r.related[name] {
			names = append(names, fold(other))
		}
		slices.Sort(names)
		var scores uint64
		for _, other := range slices.Compact(names) {
			sum = hash([]string{other}, sum, own[other], r.weaknesses[other])
			scores = hash([]string{other}, scores, r.scores[other])
		}
		r.Records[name] = sum
		r.Scores[name] = scores
	}
}
