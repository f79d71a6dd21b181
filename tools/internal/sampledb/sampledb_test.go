package sampledb

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	trivydb "github.com/aquasecurity/trivy-db/pkg/db"
	"github.com/aquasecurity/trivy-db/pkg/metadata"
	_ "github.com/glebarez/sqlite"

	"github.com/pharos-security/pharos/tools/internal/facts"
)

func sample(t *testing.T) *facts.Facts {
	t.Helper()
	loaded, err := facts.Load(filepath.Join("..", "..", "facts", "facts.json"))
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func TestAnArchiveStatesItsBuildMomentAndStandsAlone(t *testing.T) {
	builtAt := time.Date(2026, 1, 20, 0, 0, 0, 0, time.UTC)
	directory := t.TempDir()
	written, err := WriteGrype(sample(t), GrypeOptions{OutputDirectory: directory, ArchiveExtension: "tar.gz", BuiltAt: builtAt})
	if err != nil {
		t.Fatal(err)
	}
	if !written.BuiltAt.Equal(builtAt) {
		t.Errorf("built at %s", written.BuiltAt)
	}
	names, err := os.ReadDir(directory)
	if err != nil || len(names) != 2 {
		t.Errorf("the directory holds %v, %v; want the archive and latest.json", names, err)
	}
	if _, err := WriteGrype(sample(t), GrypeOptions{OutputDirectory: t.TempDir(), ArchiveExtension: "zip"}); err == nil {
		t.Error("an archive format that Grype cannot read was accepted")
	}
}

func TestTheGrypeCommandUpdatesFromTheListing(t *testing.T) {
	grype, err := filepath.Abs(filepath.Join("..", "..", "..", ".pharos", "tools", "bin", "grype"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(grype); err != nil {
		t.Skip("grype is not built: run node tools/build.mjs")
	}
	site := t.TempDir()
	if _, err := WriteGrype(sample(t), GrypeOptions{OutputDirectory: filepath.Join(site, "v6"), ArchiveExtension: "tar.zst"}); err != nil {
		t.Fatal(err)
	}
	served := httptest.NewServer(http.FileServer(http.Dir(site)))
	defer served.Close()
	root := t.TempDir()
	for _, args := range [][]string{{"db", "update"}, {"db", "status"}} {
		command := exec.Command(grype, args...)
		command.Env = append(os.Environ(), "GRYPE_DB_CACHE_DIR="+root, "GRYPE_DB_UPDATE_URL="+served.URL+"/v6/latest.json", "GRYPE_CHECK_FOR_APP_UPDATE=false")
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("grype %v: %v\n%s", args, err, output)
		}
	}
}

func TestTrivysLibraryReadsWhatIsWritten(t *testing.T) {
	root := t.TempDir()
	written, err := WriteTrivy(sample(t), TrivyOptions{OutputDirectory: root})
	if err != nil {
		t.Fatal(err)
	}
	directory := filepath.Dir(written.DatabasePath)
	stated, err := metadata.NewClient(directory).Get()
	if err != nil || stated.Version != 2 || stated.DownloadedAt.IsZero() {
		t.Errorf("metadata %+v, %v", stated, err)
	}
	if _, err := os.Stat(filepath.Join(directory, "pharos-sample.json")); err != nil {
		t.Error(err)
	}
	if err := trivydb.Init(directory); err != nil {
		t.Fatal(err)
	}
	defer trivydb.Close()

	database := trivydb.Config{}
	glibc, err := database.GetAdvisories("debian 12", "glibc")
	if err != nil || len(glibc) != 1 || glibc[0].VulnerabilityID != "CVE-2023-4911" || glibc[0].FixedVersion != "2.36-9+deb12u3" {
		t.Errorf("glibc: %+v, %v", glibc, err)
	}
	openssl, err := database.GetAdvisories("alpine 3.18", "openssl")
	if err != nil || len(openssl) != 1 || openssl[0].FixedVersion != "3.1.4-r0" {
		t.Errorf("openssl: %+v, %v", openssl, err)
	}
	minimist, err := database.GetAdvisories("npm::", "minimist")
	if err != nil || len(minimist) != 2 {
		t.Fatalf("minimist: %+v, %v", minimist, err)
	}
	for _, advisory := range minimist {
		if len(advisory.VulnerableVersions) != 2 || len(advisory.PatchedVersions) != 2 || len(advisory.VendorIDs) != 1 || advisory.DataSource.ID != "ghsa" {
			t.Errorf("minimist: %+v", advisory)
		}
	}
	lodash, err := database.GetVulnerability("CVE-2021-23337")
	if err != nil || lodash.VendorSeverity["nvd"].String() != "HIGH" || lodash.CVSS["nvd"].V3Score != 7.2 {
		t.Errorf("CVE-2021-23337: %+v, %v", lodash, err)
	}
}
