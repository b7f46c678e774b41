// A step in Go. Its parameters come from the pipeline's `with`, by name; what it returns is the step's output, as JSON.
//
// Next: write your own Main, and `wasmill run` again. Types are read and written as encoding/json does, tags and all.
package main

import (
	"errors"
	"fmt"
	"math"
)

type Bill struct {
	Total    float64 `json:"total"`
	Each     float64 `json:"each"`
	Quantity int     `json:"quantity"`
}

func Main(price float64, quantity int) (Bill, error) {
	if quantity < 1 {
		// The step fails with these words.
		return Bill{}, errors.New("there is nothing to pay for")
	}
	total := math.Round(price*float64(quantity)*100) / 100
	// To the log, never into the output.
	fmt.Println(quantity, "at", price)
	return Bill{Total: total, Each: price, Quantity: quantity}, nil
}
