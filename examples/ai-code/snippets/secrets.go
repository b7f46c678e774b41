package main

import (
	"fmt"
	"os"
)

// Main gives away the environment, and there is none.
func Main(prices []float64) string {
	return fmt.Sprintf("%d prices, environment %q", len(prices), os.Environ())
}
