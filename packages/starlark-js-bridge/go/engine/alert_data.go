package engine

import (
	"encoding/json"
	"slices"
	"sort"
	"strings"
	"time"
)

// What templates of alerts work with: the fields of a webhook's payload, with the methods that Prometheus Alertmanager documents
// (https://prometheus.io/docs/alerting/latest/notifications/). Templates name the fields in Go's form, e.g. `.CommonLabels`.

// Pair is a label with its value.
type Pair struct{ Name, Value string }

// Pairs prints as `a=b, c=d`.
type Pairs []Pair

// Names lists the labels' names.
func (pairs Pairs) Names() []string {
	names := make([]string, len(pairs))
	for i, pair := range pairs {
		names[i] = pair.Name
	}
	return names
}

// Values lists the labels' values.
func (pairs Pairs) Values() []string {
	values := make([]string, len(pairs))
	for i, pair := range pairs {
		values[i] = pair.Value
	}
	return values
}

func (pairs Pairs) String() string {
	texts := make([]string, len(pairs))
	for i, pair := range pairs {
		texts[i] = pair.Name + "=" + pair.Value
	}
	return strings.Join(texts, ", ")
}

// KV is labels or annotations.
type KV map[string]string

const alertName = "alertname"

// SortedPairs has the alert's name first, then the others by name.
func (kv KV) SortedPairs() Pairs {
	pairs := make(Pairs, 0, len(kv))
	for name, value := range kv {
		pairs = append(pairs, Pair{name, value})
	}
	sort.Slice(pairs, func(i, j int) bool {
		if isFirst := pairs[i].Name == alertName; isFirst != (pairs[j].Name == alertName) {
			return isFirst
		}
		return pairs[i].Name < pairs[j].Name
	})
	return pairs
}

// Remove is a copy without some names.
func (kv KV) Remove(names []string) KV {
	kept := KV{}
	for name, value := range kv {
		if !slices.Contains(names, name) {
			kept[name] = value
		}
	}
	return kept
}

// Names in the order of SortedPairs.
func (kv KV) Names() []string { return kv.SortedPairs().Names() }

// Values in the order of SortedPairs.
func (kv KV) Values() []string { return kv.SortedPairs().Values() }

func (kv KV) String() string { return kv.SortedPairs().String() }

// Alert is one alert of a notification.
type Alert struct {
	Status       string    `json:"status"`
	Labels       KV        `json:"labels"`
	Annotations  KV        `json:"annotations"`
	StartsAt     time.Time `json:"startsAt"`
	EndsAt       time.Time `json:"endsAt"`
	GeneratorURL string    `json:"generatorURL"`
	Fingerprint  string    `json:"fingerprint"`
}

// Alerts of a notification.
type Alerts []Alert

func (alerts Alerts) with(status string) []Alert {
	found := []Alert{}
	for _, alert := range alerts {
		if alert.Status == status {
			found = append(found, alert)
		}
	}
	return found
}

// Firing alerts.
func (alerts Alerts) Firing() []Alert { return alerts.with("firing") }

// Resolved alerts.
func (alerts Alerts) Resolved() []Alert { return alerts.with("resolved") }

// Data is a notification.
type Data struct {
	Receiver           string `json:"receiver"`
	Status             string `json:"status"`
	Alerts             Alerts `json:"alerts"`
	GroupLabels        KV     `json:"groupLabels"`
	CommonLabels       KV     `json:"commonLabels"`
	CommonAnnotations  KV     `json:"commonAnnotations"`
	RouteLabels        KV     `json:"routeLabels,omitempty"`
	NotificationReason string `json:"notification_reason,omitempty"`
	ExternalURL        string `json:"externalURL"`
	Version            string `json:"version,omitempty"`
	GroupKey           string `json:"groupKey,omitempty"`
	TruncatedAlerts    uint64 `json:"truncatedAlerts,omitempty"`
}

func alertData(text []byte) (*Data, *Problem) {
	data := &Data{}
	if err := json.Unmarshal(text, data); err != nil {
		return nil, &Problem{Kind: KindInput, Message: "the data is not a notification: " + err.Error()}
	}
	return data, nil
}
