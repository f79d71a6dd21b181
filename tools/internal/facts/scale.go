package facts

import "fmt"

// Scale adds made-up vulnerabilities of made-up Debian 12 packages (scale-0 to scale-399), so that a database has the size to measure with.
// Their ids say what they are: CVE-1900-00001 and up.
func (f *Facts) Scale(count int) {
	if count == 0 {
		return
	}
	severities := []string{"low", "medium", "high", "critical"}
	scaled := Distribution{ID: "debian", Version: "12"}
	for i := range count {
		id := fmt.Sprintf("CVE-1900-%05d", i+1)
		severity := severities[i%len(severities)]
		f.Vulnerabilities = append(f.Vulnerabilities, Vulnerability{
			ID: id, Summary: "Made up, to measure with.", Published: "2024-01-01", Modified: "2024-01-01", Severity: severity,
			CVSS: []CVSS{{Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", Score: 7.5}},
			EPSS: &EPSS{Score: float64(i%1000) / 1000, Percentile: float64(i%1000) / 1000},
		})
		scaled.Advisories = append(scaled.Advisories, DistributionAdvisory{
			Vulnerability: id, Package: fmt.Sprintf("scale-%d", i%400), Severity: severity, Fixed: "2.0-1", FixedAt: "2024-01-02",
		})
	}
	f.Distributions = append(f.Distributions, scaled)
}
