package units

import (
	"encoding/json"
	"fmt"

	"github.com/anchore/syft/syft/cpe"
)

// CPE is written as the list of its attributes, empty ones at the end left out: unlike the bound text it comes back as it was.
type CPE struct{ cpe.Attributes }

func (c *CPE) attributes() []*string {
	a := &c.Attributes
	return []*string{&a.Part, &a.Vendor, &a.Product, &a.Version, &a.Update, &a.Edition, &a.SWEdition, &a.TargetSW, &a.TargetHW, &a.Other, &a.Language}
}

// MarshalJSON writes the list.
func (c CPE) MarshalJSON() ([]byte, error) {
	var values []string
	held := 0
	for i, value := range c.attributes() {
		values = append(values, *value)
		if *value != "" {
			held = i + 1
		}
	}
	return encode(values[:held])
}

// UnmarshalJSON reads the list.
func (c *CPE) UnmarshalJSON(content []byte) error {
	var values []string
	if err := json.Unmarshal(content, &values); err != nil {
		return err
	}
	attributes := c.attributes()
	if len(values) > len(attributes) {
		return fmt.Errorf("a CPE has %d attributes, not %d", len(attributes), len(values))
	}
	for i, value := range values {
		*attributes[i] = value
	}
	return nil
}
