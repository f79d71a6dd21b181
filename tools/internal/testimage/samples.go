package testimage

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
)

// DebianRelease is the os-release file of Debian 12.
const DebianRelease = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
`

// DebPackage is one entry of dpkg's status file.
type DebPackage struct {
	Name, Version, Source string
	// Files are the package's paths, with a leading slash.
	Files []string
}

// Debian is a layer with the packages installed.
func Debian(packages ...DebPackage) Layer {
	files := map[string]string{"etc/os-release": DebianRelease, "usr/lib/os-release": DebianRelease}
	var status strings.Builder
	for _, p := range packages {
		fmt.Fprintf(&status, "Package: %s\nStatus: install ok installed\nPriority: optional\nSection: libs\nMaintainer: Nobody <nobody@example.com>\nArchitecture: amd64\n", p.Name)
		if p.Source != "" {
			fmt.Fprintf(&status, "Source: %s\n", p.Source)
		}
		fmt.Fprintf(&status, "Version: %s\nDescription: a package\n\n", p.Version)
		var list, sums strings.Builder
		for _, path := range p.Files {
			fmt.Fprintln(&list, path)
			fmt.Fprintf(&sums, "d41d8cd98f00b204e9800998ecf8427e  %s\n", strings.TrimPrefix(path, "/"))
		}
		files["var/lib/dpkg/info/"+p.Name+".list"] = list.String()
		files["var/lib/dpkg/info/"+p.Name+".md5sums"] = sums.String()
		files["usr/share/doc/"+p.Name+"/copyright"] = "License: Apache-2.0\n"
	}
	files["var/lib/dpkg/status"] = status.String()
	return Text(files)
}

// OldDebian has packages with known vulnerabilities.
func OldDebian() Layer {
	return Debian(
		DebPackage{Name: "libc6", Version: "2.36-9", Source: "glibc"},
		DebPackage{Name: "libcurl4", Version: "7.88.1-10", Source: "curl"},
		DebPackage{Name: "libssl3", Version: "3.0.9-1", Source: "openssl"},
		DebPackage{Name: "zlib1g", Version: "1:1.2.13.dfsg-1", Source: "zlib"},
		DebPackage{Name: "tar", Version: "1.34+dfsg-1.2"},
		DebPackage{Name: "apt", Version: "2.6.1"},
		DebPackage{Name: "libapt-pkg6.0", Version: "2.6.1", Source: "apt"},
	)
}

// OldAlpine has packages with known vulnerabilities.
func OldAlpine() Layer {
	return Alpine(
		ApkPackage{Name: "busybox", Version: "1.36.1-r0", Origin: "busybox"},
		ApkPackage{Name: "ssl_client", Version: "1.36.1-r0", Origin: "busybox"},
		ApkPackage{Name: "libcrypto3", Version: "3.1.1-r1", Origin: "openssl"},
		ApkPackage{Name: "libssl3", Version: "3.1.1-r1", Origin: "openssl"},
		ApkPackage{Name: "musl", Version: "1.2.4-r0", Origin: "musl"},
	)
}

// NodeModules is a layer with packages below app/node_modules; a key is a path like lodash or mkdirp/node_modules/minimist.
func NodeModules(versions map[string]string) Layer {
	files := map[string]string{}
	for path, version := range versions {
		name := path[strings.LastIndex(path, "/")+1:]
		files["app/node_modules/"+path+"/package.json"] = fmt.Sprintf(`{"name":%q,"version":%q,"license":"MIT"}`, name, version)
	}
	return Text(files)
}

// Python is a layer with installed distributions.
func Python(sitePackages string, versions map[string]string) Layer {
	files := map[string]string{}
	for name, version := range versions {
		directory := fmt.Sprintf("%s/%s-%s.dist-info/", sitePackages, name, version)
		files[directory+"METADATA"] = fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\nLicense: MIT\n", name, version)
		files[directory+"RECORD"] = fmt.Sprintf("%s/__init__.py,,\n", strings.ToLower(name))
	}
	return Text(files)
}

// ApkPackage is one entry of apk's database of installed packages.
type ApkPackage struct {
	Name, Version, Origin string
	// Files are the package's paths, without a leading slash.
	Files []string
}

// Alpine is a layer with the packages installed.
func Alpine(packages ...ApkPackage) Layer {
	var installed strings.Builder
	for _, p := range packages {
		fmt.Fprintf(&installed, "P:%s\nV:%s\nA:x86_64\nS:1000\nI:2000\nT:a package\nU:https://example.com\nL:MIT\no:%s\nm:Nobody <nobody@example.com>\n", p.Name, p.Version, p.Origin)
		for _, path := range p.Files {
			directory, name := path[:strings.LastIndex(path, "/")], path[strings.LastIndex(path, "/")+1:]
			fmt.Fprintf(&installed, "F:%s\nR:%s\na:0:0:644\nZ:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=\n", directory, name)
		}
		installed.WriteString("\n")
	}
	return Text(map[string]string{
		"etc/os-release":       "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.18.2\nPRETTY_NAME=\"Alpine Linux v3.18\"\n",
		"etc/alpine-release":   "3.18.2\n",
		"lib/apk/db/installed": installed.String(),
	})
}

// Jar is a Java archive as Maven makes it.
func Jar(group, artifact, version string) File {
	var content bytes.Buffer
	writer := zip.NewWriter(&content)
	for _, entry := range [][2]string{
		{"META-INF/MANIFEST.MF", fmt.Sprintf("Manifest-Version: 1.0\nImplementation-Title: %s\nImplementation-Version: %s\n", artifact, version)},
		{fmt.Sprintf("META-INF/maven/%s/%s/pom.properties", group, artifact), fmt.Sprintf("groupId=%s\nartifactId=%s\nversion=%s\n", group, artifact, version)},
	} {
		// Neither can fail: they write to memory.
		file, _ := writer.Create(entry[0])
		_, _ = file.Write([]byte(entry[1]))
	}
	_ = writer.Close()
	return File{Content: content.String()}
}

// Gem is a layer with an installed Ruby gem.
func Gem(name, version string) Layer {
	return Text(map[string]string{
		fmt.Sprintf("usr/lib/ruby/gems/3.1.0/specifications/%s-%s.gemspec", name, version): fmt.Sprintf(
			"Gem::Specification.new do |s|\n  s.name = %q.freeze\n  s.version = %q\n  s.licenses = [\"MIT\".freeze]\nend\n", name, version),
	})
}
