// Package wasmill calls the user's function: its parameters come from stdin as one JSON object, its result goes to stdout as JSON.
//
// It is its own package, and its path begins with a digit, which sorts before all letters: packages are initialised in the order of
// their paths, so stdout is out of reach before any of the user's packages begins.
package wasmill

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"strings"
)

// Where the result goes. What the user prints goes to the log.
var result = redirect()

func redirect() *os.File {
	stdout := os.Stdout
	os.Stdout = os.Stderr
	return stdout
}

// What the host reads on the last line of stderr.
type problem struct {
	Message string `json:"message"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
}

// Run calls `function`, whose parameters have these names, and ends the program. `module` is what paths of the user's packages begin
// with.
func Run(module string, function any, names ...string) {
	arguments, err := read(reflect.TypeOf(function), names)
	if err != nil {
		fail(problem{Message: err.Error()})
	}
	values := call(module, reflect.ValueOf(function), arguments)
	if last := len(values) - 1; last >= 0 && values[last].Type() == reflect.TypeFor[error]() {
		if err, is := values[last].Interface().(error); is {
			fail(problem{Message: err.Error()})
		}
		values = values[:last]
	}
	text, err := write(values)
	if err != nil {
		fail(problem{Message: "the result cannot be written as JSON: " + strings.TrimPrefix(err.Error(), "json: ")})
	}
	if _, err := result.Write(text); err != nil {
		fail(problem{Message: "the result cannot be written: " + err.Error()})
	}
	os.Exit(0)
}

// The arguments by the parameters' types.
func read(function reflect.Type, names []string) ([]reflect.Value, error) {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return nil, fmt.Errorf("the input cannot be read: %w", err)
	}
	given, err := members(input)
	if err != nil {
		return nil, err
	}
	arguments := make([]reflect.Value, function.NumIn())
	for i := range arguments {
		kind := function.In(i)
		if kind.String() == "context.Context" && kind.Kind() == reflect.Interface {
			arguments[i] = reflect.ValueOf(background{})
			continue
		}
		argument := reflect.New(kind)
		text, there := given[names[i]]
		mayBeMissing := kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Interface || function.IsVariadic() && i == len(arguments)-1
		switch {
		case !there && !mayBeMissing:
			return nil, fmt.Errorf("the parameter `%s` is missing", names[i])
		case there && bytes.Equal(text, []byte("null")) && !mayBeMissing && !takesNull(kind):
			return nil, fmt.Errorf("%s: expected %s, found null", names[i], expected(kind))
		case there:
			if err := decode(text, names[i], argument); err != nil {
				return nil, err
			}
		}
		arguments[i] = argument.Elem()
	}
	return arguments, nil
}

// Calls the function; a panic is the user's error, with the place in the user's files that it comes from.
func call(module string, function reflect.Value, arguments []reflect.Value) []reflect.Value {
	defer func() {
		if panicked := recover(); panicked != nil {
			failure := problem{Message: words(panicked)}
			failure.File, failure.Line = place(module)
			fail(failure)
		}
	}()
	if function.Type().IsVariadic() {
		return function.CallSlice(arguments)
	}
	return function.Call(arguments)
}

// What was panicked with, in the user's own words.
func words(panicked any) string {
	var fault runtime.Error
	if err, is := panicked.(error); is && errors.As(err, &fault) {
		return strings.TrimPrefix(err.Error(), "runtime error: ")
	}
	return fmt.Sprint(panicked)
}

// The innermost call in the user's files.
func place(module string) (string, int) {
	counters := make([]uintptr, 64)
	frames := runtime.CallersFrames(counters[:runtime.Callers(3, counters)])
	for {
		frame, more := frames.Next()
		file, is := strings.CutPrefix(frame.File, module+"/")
		if is && !strings.HasPrefix(file, "0wasmill/") && file != "wasmill_entry.go" {
			return file, frame.Line
		}
		if !more {
			return "", 0
		}
	}
}

// The result as JSON: nothing is null, several values are a list.
func write(values []reflect.Value) ([]byte, error) {
	var value any
	switch len(values) {
	case 0:
	case 1:
		value = list(values[0])
	default:
		all := make([]any, len(values))
		for i := range values {
			all[i] = list(values[i])
		}
		value = all
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// A list that was never made is an empty one: whoever takes it as the next input expects a list.
func list(value reflect.Value) any {
	_, own := value.Interface().(json.Marshaler)
	switch {
	case own:
	case value.Kind() == reflect.Slice && value.IsNil() && value.Type().Elem().Kind() != reflect.Uint8:
		return []any{}
	case value.Kind() == reflect.Map && value.IsNil():
		return map[string]any{}
	}
	return value.Interface()
}

func fail(failure problem) {
	text, _ := json.Marshal(failure)
	fmt.Fprintf(os.Stderr, "wasmill:error %s\n", text)
	os.Exit(1)
}
