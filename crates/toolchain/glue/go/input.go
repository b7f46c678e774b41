package wasmill

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Lists and objects within each other, at most.
const deepest = 128

// The members of the input by name, each still as text.
func members(input []byte) (map[string][]byte, error) {
	input = bytes.TrimSpace(input)
	if len(input) == 0 || input[0] != '{' {
		return nil, errors.New("the input is not a JSON object of the parameters by name")
	}
	scan := scanner{text: input}
	found := map[string][]byte{}
	err := scan.members(func(name string, start, end int) bool {
		found[name] = input[start:end]
		return true
	})
	if err == nil && scan.skipSpace() < len(input) {
		err = scan.fault("something follows the object")
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

// Reads one parameter. The error says where in it something is wrong.
func decode(text []byte, name string, into reflect.Value) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var err error
	if kind := into.Type().Elem(); holdsAny(kind, nil) {
		if err = decoder.Decode(into.Interface()); err == nil {
			numbers(into.Elem())
		}
	} else {
		err = json.Unmarshal(text, into.Interface())
	}
	var wrong *json.UnmarshalTypeError
	var broken *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return mismatch(text, name, wrong)
	case errors.As(err, &broken):
		return fmt.Errorf("the input is not JSON: `%s`: %w", name, broken)
	default:
		return fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "json: "))
	}
}

func mismatch(text []byte, name string, wrong *json.UnmarshalTypeError) error {
	found, _, _ := strings.Cut(wrong.Value, " ")
	path, value := locate(text, name, int(wrong.Offset), found)
	if wrong.Type == nil {
		return fmt.Errorf("%s: %s is not expected here", path, shortened(value))
	}
	if found == "number" && isInteger(wrong.Type) && !bytes.ContainsAny(value, ".eE\"") && len(value) > 0 {
		return fmt.Errorf("%s: %s is out of the range of %s", path, shortened(value), wrong.Type)
	}
	if found == "number" && (wrong.Type.Kind() == reflect.Float64 || wrong.Type.Kind() == reflect.Float32) && len(value) > 0 && value[0] != '"' {
		return fmt.Errorf("%s: %s is out of the range of %s", path, shortened(value), wrong.Type)
	}
	return fmt.Errorf("%s: expected %s, found %s", path, expected(wrong.Type), shortened(value))
}

func shortened(value []byte) string {
	const most = 60
	switch {
	case len(value) == 0:
		return "something else"
	case len(value) <= most:
		return string(value)
	case value[0] == '{':
		return "an object"
	case value[0] == '[':
		return "a list"
	}
	return strings.ToValidUTF8(string(value[:most]), "") + "…"
}

// A type in the words of JSON.
func expected(kind reflect.Type) string {
	switch {
	case kind.Kind() == reflect.Pointer:
		return expected(kind.Elem())
	case isInteger(kind):
		return "an integer"
	}
	switch kind.Kind() {
	case reflect.Bool:
		return "a boolean"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		if kind.Elem().Kind() == reflect.Uint8 && kind.Kind() == reflect.Slice {
			return "a string (base64)"
		}
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	}
	return "a value of " + kind.String()
}

func isInteger(kind reflect.Type) bool {
	return kind.Kind() >= reflect.Int && kind.Kind() <= reflect.Uintptr
}

// Whether a type says itself what null is.
func takesNull(kind reflect.Type) bool {
	return reflect.PointerTo(kind).Implements(reflect.TypeFor[json.Unmarshaler]())
}

// Whether values of a type may hold an `any`, where numbers have no type of their own.
func holdsAny(kind reflect.Type, seen []reflect.Type) bool {
	for _, one := range seen {
		if one == kind {
			return false
		}
	}
	seen = append(seen, kind)
	switch kind.Kind() {
	case reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return holdsAny(kind.Elem(), seen)
	case reflect.Struct:
		for i := range kind.NumField() {
			if holdsAny(kind.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

// Numbers in an `any` are float64, as everywhere in Go, unless it would change them: then they stay json.Number, with all digits.
func numbers(value reflect.Value) {
	switch value.Kind() {
	case reflect.Interface:
		if !value.IsNil() && value.NumMethod() == 0 {
			value.Set(reflect.ValueOf(ofNumbers(value.Interface())))
		}
	case reflect.Pointer:
		if !value.IsNil() {
			numbers(value.Elem())
		}
	case reflect.Slice, reflect.Array:
		if holdsAny(value.Type().Elem(), nil) {
			for i := range value.Len() {
				numbers(value.Index(i))
			}
		}
	case reflect.Struct:
		for i := range value.NumField() {
			if value.Type().Field(i).IsExported() {
				numbers(value.Field(i))
			}
		}
	case reflect.Map:
		if !holdsAny(value.Type().Elem(), nil) {
			return
		}
		for _, key := range value.MapKeys() {
			element := reflect.New(value.Type().Elem()).Elem()
			element.Set(value.MapIndex(key))
			numbers(element)
			value.SetMapIndex(key, element)
		}
	}
}

func ofNumbers(value any) any {
	switch value := value.(type) {
	case json.Number:
		text := value.String()
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return value
		}
		if len(text) > 15 && !strings.ContainsAny(text, ".eE") && strconv.FormatFloat(number, 'f', 0, 64) != text {
			return value
		}
		return number
	case []any:
		for i := range value {
			value[i] = ofNumbers(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = ofNumbers(value[name])
		}
	}
	return value
}
