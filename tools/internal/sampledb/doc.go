// Package sampledb writes vulnerability databases in the scanners' own formats from a neutral set of facts.
//
// Each database says of itself that it is a sample: Grype's has a provider of the facts' name, Trivy's a data source of that id and a
// file pharos-sample.json beside it.
package sampledb
