package wasmill

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Finds where values of JSON begin and end. What is within a value is left to encoding/json.
type scanner struct {
	text []byte
	at   int
}

func (scan *scanner) skipSpace() int {
	for scan.at < len(scan.text) {
		switch scan.text[scan.at] {
		case ' ', '\t', '\n', '\r':
			scan.at++
		default:
			return scan.at
		}
	}
	return scan.at
}

// The next byte that is no white space; 0 at the end.
func (scan *scanner) peek() byte {
	if at := scan.skipSpace(); at < len(scan.text) {
		return scan.text[at]
	}
	return 0
}

func (scan *scanner) fault(what string) error {
	return fmt.Errorf("the input is not JSON: %s at byte %d", what, scan.at)
}

// Calls `each` with the name and the place of every member of the object that begins here, until it says false.
func (scan *scanner) members(each func(name string, start, end int) bool) error {
	if scan.peek() != '{' {
		return scan.fault("no object")
	}
	scan.at++
	if scan.peek() == '}' {
		scan.at++
		return nil
	}
	for {
		if scan.peek() != '"' {
			return scan.fault("no name of a member")
		}
		start := scan.at
		if err := scan.value(); err != nil {
			return err
		}
		var name string
		if err := json.Unmarshal(scan.text[start:scan.at], &name); err != nil {
			return scan.fault("a broken name of a member")
		}
		if scan.peek() != ':' {
			return scan.fault("no colon")
		}
		scan.at++
		start = scan.skipSpace()
		if err := scan.value(); err != nil {
			return err
		}
		if !each(name, start, scan.at) {
			return nil
		}
		switch scan.peek() {
		case ',':
			scan.at++
		case '}':
			scan.at++
			return nil
		default:
			return scan.fault("no comma")
		}
	}
}

// Goes over one value.
func (scan *scanner) value() error {
	depth := 0
	start := scan.skipSpace()
	for scan.at < len(scan.text) {
		switch scan.text[scan.at] {
		case '"':
			if !scan.str() {
				return scan.fault("a string without an end")
			}
			if depth == 0 {
				return nil
			}
			continue
		case '{', '[':
			if depth++; depth > deepest {
				return errors.New("the input is nested too deeply: more than 128 levels")
			}
		case '}', ']':
			if depth == 0 {
				return scan.ended(start)
			}
			if depth--; depth == 0 {
				scan.at++
				return nil
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return scan.ended(start)
			}
		}
		scan.at++
	}
	if depth > 0 {
		return scan.fault("it breaks off")
	}
	return scan.ended(start)
}

func (scan *scanner) ended(start int) error {
	if scan.at == start {
		return scan.fault("no value")
	}
	return nil
}

// Goes over a string.
func (scan *scanner) str() bool {
	for at := scan.at + 1; at < len(scan.text); at++ {
		switch scan.text[at] {
		case '\\':
			at++
		case '"':
			scan.at = at + 1
			return true
		}
	}
	return false
}

// The path and the text of the value that encoding/json does not take. Its versions do not agree on what an offset is: before the
// value or after it. What it says to have found tells whether it is a list, an object, or neither.
func locate(text []byte, path string, offset int, found string) (string, []byte) {
	for {
		first := text[0]
		isFound := (first == '[' && found == "array") || (first == '{' && found == "object")
		if isFound && offset <= 1 || (first != '[' && first != '{') {
			return path, text
		}
		inner, start, end := within(text, path, offset)
		if end == 0 {
			return path, text
		}
		path, text, offset = inner, text[start:end], offset-start
	}
}

// The member or element that an offset is in or before.
func within(text []byte, path string, offset int) (inner string, start, end int) {
	scan := scanner{text: text}
	if text[0] == '{' {
		_ = scan.members(func(name string, from, to int) bool {
			if to < offset {
				return true
			}
			inner, start, end = path+"."+name, from, to
			if strings.ContainsAny(name, ". []\"`") || name == "" {
				inner = fmt.Sprintf("%s[%q]", path, name)
			}
			return false
		})
		return inner, start, end
	}
	scan.at = 1
	for i := 0; scan.peek() != ']' && scan.peek() != 0; i++ {
		from := scan.at
		if scan.value() != nil {
			return "", 0, 0
		}
		if scan.at >= offset {
			return fmt.Sprintf("%s[%d]", path, i), from, scan.at
		}
		if scan.peek() == ',' {
			scan.at++
		}
		scan.skipSpace()
	}
	return "", 0, 0
}
