// What the sun's clock shows when it is noon at Greenwich: moments, zones and their texts are at home in Go's time package.
package main

import "time"

type Place struct {
	City    string `json:"city"`
	Seconds int    `json:"seconds"`
}

type Clock struct {
	City   string `json:"city"`
	Offset string `json:"offset"`
	Shows  string `json:"shows"`
}

func Main(places []Place) []Clock {
	noon := time.Date(2000, time.January, 1, 12, 0, 0, 0, time.UTC)
	clocks := make([]Clock, 0, len(places))
	for _, place := range places {
		there := noon.In(time.FixedZone(place.City, place.Seconds))
		clocks = append(clocks, Clock{
			City:   place.City,
			Offset: there.Format("-07:00:00"),
			Shows:  there.Format("15:04:05"),
		})
	}
	return clocks
}
