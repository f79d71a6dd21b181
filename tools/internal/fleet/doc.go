// Package fleet makes up a fleet of container images, and the vulnerability databases that judge it, to measure with.
//
// Names of packages are real ones of their ecosystems (data/), so that lengths, shapes and match rules are those of practice. Versions, the
// time of their release, advisories, scores and images are made up, as the ids of the vulnerabilities say (CVE-1900-...). Everything is a
// function of the seed: the same parameters give the same fleet, and an image does not change when more of them are asked for.
package fleet
