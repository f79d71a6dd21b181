package engine_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/pharos-security/pharos/tools/internal/engine/layercache"
	"github.com/pharos-security/pharos/tools/internal/testimage"
)

// report has the fields of a Grype report that a finding is made of.
type report struct {
	Matches        []reportMatch `json:"matches"`
	IgnoredMatches []reportMatch `json:"ignoredMatches"`
	Distro         any           `json:"distro"`
	Alerts         []any         `json:"alertsByPackage"`
}

type reportMatch struct {
	Vulnerability struct {
		ID        string `json:"id"`
		Namespace string `json:"namespace"`
		Severity  string `json:"severity"`
		Fix       any    `json:"fix"`
		CVSS      any    `json:"cvss"`
		EPSS      any    `json:"epss"`
		KEV       any    `json:"knownExploited"`
		Risk      any    `json:"risk"`
	} `json:"vulnerability"`
	Related  any `json:"relatedVulnerabilities"`
	Details  any `json:"matchDetails"`
	Artifact struct {
		Name      string `json:"name"`
		Version   string `json:"version"`
		Type      string `json:"type"`
		PURL      string `json:"purl"`
		Locations any    `json:"locations"`
		CPEs      any    `json:"cpes"`
		Upstreams any    `json:"upstreams"`
		Metadata  any    `json:"metadata"`
	} `json:"artifact"`
}

// multiset renders matches so that two reports can be compared whatever their order.
func multiset(t *testing.T, matches []reportMatch) []string {
	t.Helper()
	var lines []string
	for _, m := range matches {
		content, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(content))
	}
	sort.Strings(lines)
	return lines
}

// sampleCase is an image that findings are compared on.
type sampleCase struct {
	sentence string
	layers   []testimage.Layer
	// wanted and unwanted are ids that make the case what it says.
	wanted, unwanted []string
}

func sampleCases(t *testing.T) []sampleCase {
	t.Helper()
	goApp, err := os.ReadFile(toolsBin(t, "sample-go-app"))
	if err != nil {
		t.Fatal(err)
	}
	goLayer := testimage.Layer{"app/server": {Content: string(goApp), Mode: 0o755}}
	lodash := testimage.NodeModules(map[string]string{"lodash": "4.17.20"})
	return []sampleCase{
		{"Debian packages with and without fixes", []testimage.Layer{testimage.OldDebian()},
			[]string{"CVE-2023-4911", "CVE-2023-38545", "CVE-2005-2541", "CVE-2011-3374"}, []string{"CVE-2023-45853"}},
		{"Alpine packages of one source", []testimage.Layer{testimage.OldAlpine()}, []string{"CVE-2023-5363", "CVE-2023-42366"}, nil},
		{"two versions of one npm package", []testimage.Layer{testimage.OldAlpine(), testimage.NodeModules(map[string]string{
			"minimist": "1.2.5", "mkdirp/node_modules/minimist": "0.0.8", "lodash": "4.17.20", "axios": "1.5.0", "old/node_modules/axios": "0.21.0", "semver": "7.5.1",
		})}, []string{"GHSA-xvch-5gv4-984h", "GHSA-vh95-rmgr-6w4m", "GHSA-35jh-r3h4-6jhm"}, nil},
		{"Python distributions", []testimage.Layer{testimage.OldAlpine(), testimage.Python("usr/lib/python3.11/site-packages", map[string]string{
			"Jinja2": "3.1.2", "requests": "2.30.0", "urllib3": "1.26.15",
		})}, []string{"GHSA-h5c8-rqwp-cp95", "GHSA-j8r2-6x86-q33q"}, nil},
		{"a Go binary that does not hold the symbols of one advisory", []testimage.Layer{goLayer},
			[]string{"GHSA-4374-p667-p6c8", "GHSA-qppj-fm5r-hxr3"}, []string{"GHSA-w32m-9786-jp63"}},
		{"a Python package whose files a Debian package owns", []testimage.Layer{
			testimage.Debian(testimage.DebPackage{Name: "python3-jinja2", Version: "3.1.2-1", Source: "jinja2", Files: []string{
				"/usr/lib/python3/dist-packages/Jinja2-3.1.2.dist-info/METADATA", "/usr/lib/python3/dist-packages/Jinja2-3.1.2.dist-info/RECORD",
			}}, testimage.DebPackage{Name: "libc6", Version: "2.36-9", Source: "glibc"}),
			testimage.Python("usr/lib/python3/dist-packages", map[string]string{"Jinja2": "3.1.2", "requests": "2.30.0"}),
		}, []string{"GHSA-j8r2-6x86-q33q", "CVE-2023-4911"}, []string{"GHSA-h5c8-rqwp-cp95"}},
		{"a package that an upper layer removes", []testimage.Layer{testimage.OldDebian(), lodash,
			testimage.Text(map[string]string{"app/node_modules/.wh.lodash": ""})}, []string{"CVE-2023-4911"}, []string{"GHSA-35jh-r3h4-6jhm"}},
		{"the same package in two places and two layers", []testimage.Layer{testimage.OldDebian(), lodash,
			testimage.NodeModules(map[string]string{"a/node_modules/lodash": "4.17.20", "b/node_modules/lodash": "4.17.15"})}, []string{"GHSA-35jh-r3h4-6jhm"}, nil},
		{"Java archives, of which Grype itself corrects one", []testimage.Layer{{
			"app/lib/log4j-core-2.14.1.jar": testimage.Jar("org.apache.logging.log4j", "log4j-core", "2.14.1"),
			"app/lib/log4j-api-2.14.1.jar":  testimage.Jar("org.apache.logging.log4j", "log4j-api", "2.14.1"),
			"opt/other/log4j-core.jar":      testimage.Jar("com.example.shaded", "log4j-core", "2.14.1"),
		}}, []string{"GHSA-jfh8-c2jp-5v3q"}, nil},
		{"Ruby gems", []testimage.Layer{testimage.OldDebian(), testimage.Gem("rack", "2.2.3"), testimage.Gem("rake", "13.0.6")}, []string{"GHSA-wq4h-7r42-5hrr"}, nil},
		{"an Alpine package with a fix that owns a Python distribution", []testimage.Layer{
			testimage.Alpine(testimage.ApkPackage{Name: "py3-requests", Version: "2.30.0-r1", Origin: "py3-requests", Files: []string{
				"usr/lib/python3.11/site-packages/requests-2.30.0.dist-info/METADATA", "usr/lib/python3.11/site-packages/requests-2.30.0.dist-info/RECORD",
			}}),
			testimage.Python("usr/lib/python3.11/site-packages", map[string]string{"requests": "2.30.0"}),
		}, []string{"GHSA-9wx4-h78v-vm56"}, []string{"GHSA-j8r2-6x86-q33q"}},
		{"the same without the fix", []testimage.Layer{
			testimage.Alpine(testimage.ApkPackage{Name: "py3-requests", Version: "2.30.0-r0", Origin: "py3-requests", Files: []string{
				"usr/lib/python3.11/site-packages/requests-2.30.0.dist-info/METADATA", "usr/lib/python3.11/site-packages/requests-2.30.0.dist-info/RECORD",
			}}),
			testimage.Python("usr/lib/python3.11/site-packages", map[string]string{"requests": "2.30.0"}),
		}, []string{"GHSA-9wx4-h78v-vm56", "GHSA-j8r2-6x86-q33q", "CVE-2023-32681"}, nil},
		{"an image without packages", []testimage.Layer{testimage.Text(map[string]string{"hello": "world"})}, nil, nil},
		{"an image without layers", nil, nil, nil},
		{"a distribution that Grype does not know", []testimage.Layer{testimage.Text(map[string]string{
			"etc/os-release": "ID=unheardof\nVERSION_ID=1\n"}), lodash}, []string{"GHSA-35jh-r3h4-6jhm"}, nil},
	}
}

func TestFindingsEqualThoseOfTheGrypeCommand(t *testing.T) {
	grype := toolsBin(t, "grype")
	root := caseDatabase(t)
	p := start(t, layercache.Limits{})
	p.must("openDatabase", map[string]any{"directory": root}, nil)
	for _, c := range sampleCases(t) {
		t.Run(c.sentence, func(t *testing.T) {
			p.t = t
			image := testimage.Write(t, c.layers...)
			out := t.TempDir()
			command := exec.Command(grype, "oci-dir:"+image.Layout, "-o", "json", "--file", filepath.Join(out, "grype.json"))
			command.Env = grypeEnvironment(root)
			if output, err := command.CombinedOutput(); err != nil {
				t.Fatalf("grype: %v\n%s", err, output)
			}
			var want report
			readJSON(t, filepath.Join(out, "grype.json"), &want)

			var catalogued struct {
				SBOMID string `json:"sbomId"`
			}
			sbomPath := filepath.Join(out, "sbom.json.gz")
			p.must("catalogue", map[string]any{
				"layout": image.Layout, "manifestDigest": image.ManifestDigest, "reference": "registry.example.com/sample:1", "sbomPath": sbomPath,
			}, &catalogued)
			sources := map[string]map[string]any{
				"the SBOM in memory": {"sbomId": catalogued.SBOMID},
				"the SBOM's file":    {"sbomPath": sbomPath},
			}
			for name, fields := range sources {
				fields["reportPath"] = filepath.Join(out, "report.json.gz")
				var matched struct {
					MatchCount int   `json:"matchCount"`
					Warnings   []any `json:"warnings"`
				}
				p.must("match", fields, &matched)
				var got report
				readJSON(t, filepath.Join(out, "report.json.gz"), &got)
				compare(t, name+": matches", multiset(t, got.Matches), multiset(t, want.Matches))
				compare(t, name+": ignored matches", multiset(t, got.IgnoredMatches), multiset(t, want.IgnoredMatches))
				compare(t, name+": distro and alerts", []string{fmt.Sprint(got.Distro, got.Alerts)}, []string{fmt.Sprint(want.Distro, want.Alerts)})
				if matched.MatchCount != len(want.Matches) {
					t.Errorf("%s: matchCount is %d, want %d", name, matched.MatchCount, len(want.Matches))
				}
			}
			for _, id := range c.wanted {
				if !has(want, id) {
					t.Errorf("the image was to have %s", id)
				}
			}
			for _, id := range c.unwanted {
				if has(want, id) {
					t.Errorf("the image was not to have %s", id)
				}
			}
		})
	}
}

func has(r report, id string) bool {
	for _, m := range r.Matches {
		if m.Vulnerability.ID == id {
			return true
		}
	}
	return false
}

func compare(t *testing.T, name string, got, want []string) {
	t.Helper()
	if strings.Join(got, "\n") == strings.Join(want, "\n") {
		return
	}
	t.Errorf("%s differ: %d, want %d", name, len(got), len(want))
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			if i < len(got) {
				t.Logf("got  %s", got[i])
			}
			if i < len(want) {
				t.Logf("want %s", want[i])
			}
			return
		}
	}
}
