//! Go.

use std::path::Path;

use wasmill_model::{Language, SourceText, SourceUnit, Verdict};

use crate::workshop::{Unit, build, build_in, code, folder, refused};

fn go(text: &str) -> SourceUnit {
    code(Language::Go, text)
}

fn built(text: &str) -> Unit {
    build(&go(text)).unwrap()
}

const ROWS: &str = r#"package step

import (
	"errors"
	"fmt"
	"strings"
)

var before = func() int { fmt.Println("before main"); return 1 }()

type Row struct {
	Name  string   `json:"name"`
	Price float64  `json:"price"`
	Tags  []string `json:"tags,omitempty"`
	Note  *string  `json:"note"`
	Small int8     `json:"small"`
}

type Numbers struct {
	I int64
	U uint64
	F float64
	S float32
}

func Main(rows []Row, numbers Numbers, mode *string, free any, more ...int64) (map[string]any, error) {
	fmt.Println("printed")
	if mode != nil {
		switch *mode {
		case "fail":
			return nil, errors.New("the \"user\" says no")
		case "panic":
			panic(strings.ToUpper("boom"))
		case "index":
			fault(rows)
		case "loop":
			for {
			}
		case "hog":
			var all [][]byte
			for {
				all = append(all, make([]byte, 1<<20))
			}
		}
	}
	return map[string]any{"rows": rows, "numbers": numbers, "free": free, "more": more, "type": fmt.Sprintf("%T", free)}, nil
}

func fault(rows []Row) {
	fmt.Println(rows[len(rows)])
}
"#;

const NUMBERS: &str = r#""numbers":{"I":-9223372036854775808,"U":18446744073709551615,"F":5e-324,"S":0.1}"#;

#[test]
fn a_function_is_called_with_values_of_its_types() {
    let unit = built(ROWS);
    let call = |rest: &str| unit.call(&format!("{{{NUMBERS},{rest}}}"));

    let rows = r#"[{"name":"a😀\u0000<&>","price":0.1,"tags":["x"],"note":null,"small":-128}]"#;
    let free = r#"{"big":9007199254740993,"list":[1,2.5,-0.0]}"#;
    let answer =
        call(&format!(r#""rows":{},"free":{free},"more":[9223372036854775807]"#, rows.replace("😀", r"\ud83d\ude00")))
            .unwrap();
    let expected = format!(
        r#"{{"rows":{rows},{NUMBERS},"free":{free},"more":[9223372036854775807],"type":"map[string]interface {{}}"}}"#
    );
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(parse(&answer), parse(&expected));
    assert!(call(r#""rows":[],"free":1"#).unwrap().contains(r#""type":"float64""#));

    // What is printed is in the log, also before `main`.
    assert_eq!(unit.log(&format!(r#"{{{NUMBERS},"rows":[]}}"#)), "before main\nprinted\n");

    for (rest, message) in [
        (r#""rows":[{"price":1},{"price":"x"}]"#, r#"rows[1].price: expected a number, found "x""#),
        (r#""rows":[{"price":1},{"small":300}]"#, "rows[1].small: 300 is out of the range of int8"),
        (r#""rows":[{"price":1},{"small":1.5}]"#, "rows[1].small: expected an integer, found 1.5"),
        (r#""rows":[{"tags":["a",{}]}]"#, "rows[0].tags[1]: expected a string, found {}"),
        (r#""rows":{}"#, "rows: expected a list, found {}"),
        (r#""rows":null"#, "rows: expected a list, found null"),
        (r#""rows":[],"mode":"fail""#, r#"the "user" says no"#),
    ] {
        assert_eq!(call(rest).unwrap_err(), message, "{rest}");
    }
    assert_eq!(call(r#""rows":[],"mode":"panic""#).unwrap_err(), "BOOM (main.go:33)");
    assert_eq!(call(r#""rows":[],"mode":"index""#).unwrap_err(), "index out of range [0] with length 0 (main.go:50)");
    assert!(call(r#""more":[]"#).unwrap_err().contains("`rows`"));
    let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
    assert!(call(&format!(r#""rows":[],"free":{deep}"#)).unwrap().contains(&deep));

    let limited = |mode: &str| unit.limited(&format!(r#"{{{NUMBERS},"rows":[],"mode":"{mode}"}}"#));
    assert!(matches!(limited("loop"), Verdict::TimedOut { .. } | Verdict::FuelExhausted { .. }));
    assert!(matches!(limited("hog"), Verdict::MemoryExceeded { .. }), "{:?}", limited("hog"));
}

#[test]
fn a_mebibyte_goes_in_and_out() {
    let unit = built(
        "package main\n\nfunc Main(text string, list []float64) (string, []float64) { return text, list }\n\nfunc main() {}\n",
    );
    let list: Vec<String> = (0..50_000).map(|i| format!("{:?}", (f64::from(i) + 0.5) * 0.1)).collect();
    let input = format!(r#"{{"text":"{}","list":[{}]}}"#, "é".repeat(400_000), list.join(","));
    assert!(input.len() > 1 << 20);
    let answer: serde_json::Value = serde_json::from_str(&unit.call(&input).unwrap()).unwrap();
    let given: serde_json::Value = serde_json::from_str(&input).unwrap();
    assert!(answer[0] == given["text"] && answer[1] == given["list"]);
}

#[test]
fn functions_are_found_by_name_and_alone() {
    let pair = "package main\n\nfunc Add(a, b int) int { return a + b }\n\nfunc Sub(a, b int) int { return a - b }\n";
    let named = |name: &str| SourceUnit { function: Some(name.into()), ..go(pair) };
    assert_eq!(build(&named("sub")).unwrap().call(r#"{"a":5,"b":3}"#).unwrap(), "2");
    assert_eq!(
        refused(&go(pair)),
        "main.go: there are several functions, and none is called `main`\nhelp: name one of `Add`, `Sub`"
    );
    assert_eq!(refused(&named("Addd")), "main.go: there is no function `Addd`\nhelp: did you mean `Add`?");
    assert_eq!(
        built(
            "package x\nfunc only(a *int, _ context.Context) error { return nil }\n"
                .replace("package x", "package x\nimport \"context\"")
                .as_str()
        )
        .call("{}")
        .unwrap(),
        "null"
    );
    assert!(
        refused(&go("package main\nfunc Main[T any](a T) {}\n")).starts_with("main.go:2:6: `Main` has type parameters")
    );
    assert!(
        refused(&go("package main\nfunc Main(a int, c chan int) {}\n"))
            .starts_with("main.go:2:18: the parameter `c` is a channel")
    );
    assert!(
        refused(&go("package main\nfunc Main(int) {}\n"))
            .starts_with("main.go:2:11: a parameter of `Main` has no name")
    );
}

#[test]
fn faults_have_the_places_that_the_user_wrote() {
    let text = "package step\n\nfunc Main(a int) string {\n\tvar b int = \"x\"\n\treturn c\n}\n";
    let said = refused(&go(text));
    assert!(said.contains("main.go:4:14: cannot use \"x\""), "{said}");
    assert!(said.contains("main.go:5:9: undefined: c"), "{said}");
    // Nothing of this machine can be read.
    let embed =
        "package main\nimport _ \"embed\"\n//go:embed /etc/passwd\nvar s string\nfunc Main() string { return s }\n";
    assert!(refused(&go(embed)).contains("invalid pattern"), "{}", refused(&go(embed)));
    let assembly = folder(&[
        ("main.go", "package main\nfunc f() int64\nfunc Main() int64 { return f() }\n"),
        ("f_wasm.s", "#include \"/etc/passwd\"\n"),
    ]);
    let source = SourceUnit { text: SourceText::Path(assembly.path().into()), ..go("") };
    let said = refused(&source);
    assert!(said.contains("#include: open") && !said.contains("root:"), "{said}");
}

#[test]
fn programs_and_folders_are_built_and_what_others_wrote_is_not() {
    let program = built(
        "package main\nimport (\"io\"; \"os\"; \"strings\"; \"fmt\")\nfunc main() { in, _ := io.ReadAll(os.Stdin); fmt.Printf(\"%q\", strings.ToUpper(string(in))) }\n",
    );
    assert_eq!(program.call("\"abc\"").unwrap(), "\"ABC\"");

    let files = [
        (
            "main.go",
            "package whatever\n\nimport \"step/words\"\n\nfunc Main(text string) int { return words.Count(text) + two() }\n",
        ),
        ("other.go", "package whatever\n\nfunc two() int { return 2 }\n"),
        (
            "words/words.go",
            "package words\n\nimport (\"fmt\"; \"strings\")\n\nfunc init() { fmt.Println(\"words\") }\n\nfunc Count(text string) int { return len(strings.Fields(text)) }\n",
        ),
    ];
    let one = folder(&files);
    let source = |folder: &Path| SourceUnit { text: SourceText::Path(folder.into()), ..go("") };
    let unit = build(&source(one.path())).unwrap();
    assert_eq!(unit.call(r#"{"text":"a b c"}"#).unwrap(), "5");
    assert_eq!(unit.log(r#"{"text":""}"#), "words\n");
    let again = folder(&files);
    assert!(
        build_in(&source(again.path()), again.path()).unwrap().bytes == unit.bytes,
        "another folder gives other bytes"
    );

    // The glue does not care which version of the language the module is written in.
    let old = folder(&[files[0], files[1], files[2], ("go.mod", "module step\n\ngo 1.16\n")]);
    assert_eq!(build(&source(old.path())).unwrap().call(r#"{"text":"a"}"#).unwrap(), "3");

    // Nothing is fetched of what stands in the folder.
    let local = folder(&[
        ("main.go", "package step\n\nimport \"example.com/dep\"\n\nfunc Main(a int) int { return dep.Twice(a) }\n"),
        ("go.mod", "module step\n\ngo 1.22\n\nrequire example.com/dep v0.0.0\n\nreplace example.com/dep => ./dep\n"),
        ("dep/go.mod", "module example.com/dep\n"),
        ("dep/dep.go", "package dep\n\nfunc Twice(a int) int { return a * 2 }\n"),
    ]);
    assert_eq!(build(&source(local.path())).unwrap().call(r#"{"a":4}"#).unwrap(), "8");

    let other = folder(&[
        ("main.go", files[0].1),
        ("go.mod", "module step\n\ngo 1.21\n\nrequire github.com/google/uuid v1.6.0\n"),
    ]);
    assert!(refused(&source(other.path())).starts_with("not trusted: `go.mod` requires modules of others"));
    let single = "package main\nimport \"github.com/google/uuid\"\nfunc Main() string { return uuid.NewString() }\n";
    let said = refused(&go(single));
    assert_eq!(said, "not trusted: `github.com/google/uuid` is not in Go's library: go would fetch it");
}
