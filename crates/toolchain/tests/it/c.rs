//! C and C++.

use std::path::Path;

use wasmill_engine_wasmtime::{Settings, WasmtimeEngine};
use wasmill_model::{Language, Limits, SourceText, SourceUnit, Verdict};

use wasmill_toolchain::Mode;

use crate::workshop::{Unit, build, build_in, code, folder, refused, toolchain};

fn c(text: &str) -> SourceUnit {
    code(Language::C, text)
}

fn functions(unit: &Unit) -> Vec<String> {
    let text = |function: &wasmill_unit::FunctionInfo| {
        let param = |param: &wasmill_unit::Parameter| match &param.name {
            Some(name) => format!("{name}: {}", param.kind),
            None => param.kind.clone(),
        };
        let params: Vec<String> = function.params.iter().map(param).collect();
        format!("{}({}) -> {}", function.name, params.join(", "), function.results.join(", "))
    };
    unit.unit.info().functions.iter().map(text).collect()
}

/// Calls one of several functions.
fn call(unit: &Unit, function: &str, input: &str) -> Result<String, String> {
    let engine =
        WasmtimeEngine::new(Settings { compiler: wasmill_engine_wasmtime::Compiler::InProcess, ..Settings::default() })
            .unwrap();
    let loaded = engine.load(unit.bytes.clone()).unwrap().function(function).prepare_blocking().unwrap();
    let wasmill_model::Value::Object(object) = wasmill_model::Value::from_json(input.as_bytes()).unwrap() else {
        panic!("{input}")
    };
    let attempt = loaded.call_blocking(wasmill_model::Input::Named((*object).clone()));
    match (attempt.output, attempt.receipt.verdict) {
        (Some(value), _) => Ok(value.to_json()),
        (None, Verdict::GuestError { message }) => Err(message),
        (None, verdict) => Err(format!("{verdict:?}\n{}", attempt.receipt.log)),
    }
}

const NUMBERS: &str = r#"#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wasmill.h"

static int calls = 0;
static int hidden(int x) { return x * 2; }

__attribute__((constructor)) static void before(void) { calls = 40; }

int64_t add(int64_t first, int64_t second) { return first + second; }
double scale(double value, float factor) { printf("scaling"); return value * factor; }
int32_t counted(void) { return calls + hidden(1); }
int32_t unnamed(int32_t first, int32_t) { return first; }
int32_t divide(int32_t dividend, int32_t divisor) {
    if (divisor == 0) {
        WASMILL_FAIL("division by \"zero\"");
    }
    return dividend / divisor;
}
void forever(void) { for (volatile int x = 0;; x++) {} }
void hog(void) { for (;;) { volatile char *more = malloc(1 << 20); if (!more) abort(); *more = 1; } }
"#;

#[test]
fn functions_over_numbers_are_called_by_the_names_of_their_parameters() {
    let unit = build(&c(NUMBERS)).unwrap();
    assert!(unit.bytes == build(&c(NUMBERS)).unwrap().bytes);
    assert!(unit.bytes.len() < 60_000, "{}", unit.bytes.len());
    let functions = functions(&unit).join("\n");
    assert!(functions.contains("add(first: i64, second: i64) -> i64"), "{functions}");
    assert!(functions.contains("scale(value: f64, factor: f32) -> f64"), "{functions}");
    assert!(functions.contains("unnamed(first: i32, i32) -> i32"), "{functions}");
    assert!(
        !functions.contains("hidden") && !functions.contains("wasmill") && !functions.contains("before"),
        "{functions}"
    );
    assert_eq!(call(&unit, "add", r#"{"second": 9223372036854775800, "first": 7}"#).unwrap(), "9223372036854775807");
    assert_eq!(call(&unit, "scale", r#"{"value": 0.1, "factor": 3}"#).unwrap(), "0.30000000000000004");
    assert_eq!(call(&unit, "counted", "{}").unwrap(), "42");
    let said = call(&unit, "divide", r#"{"dividend": 1, "divisor": 0}"#).unwrap_err();
    assert!(said.contains("division by") && said.contains("main.c") && said.contains("18"), "{said}");
    let said = call(&unit, "add", r#"{"first": 7}"#).unwrap_err();
    assert!(said.contains("second"), "{said}");
    let said = call(&unit, "add", r#"{"first": 7, "second": "x"}"#).unwrap_err();
    assert!(said.contains("second"), "{said}");
    let ends = |function: &str| {
        let limits = Limits { timeout: std::time::Duration::from_secs(5), memory: 32 << 20, ..Limits::default() };
        let bytes = unit.bytes.clone();
        let engine = WasmtimeEngine::new(Settings {
            compiler: wasmill_engine_wasmtime::Compiler::InProcess,
            ..Settings::default()
        })
        .unwrap();
        let loaded = engine.load(bytes).unwrap().function(function).limits(limits).prepare_blocking().unwrap();
        loaded.call_blocking(wasmill_model::Input::Positional(Vec::new())).receipt.verdict
    };
    assert!(matches!(ends("forever"), Verdict::TimedOut { .. } | Verdict::FuelExhausted { .. }));
    let hog = ends("hog");
    assert!(matches!(hog, Verdict::MemoryExceeded { .. }), "{hog:?}");
}

const BYTES: &str = r#"#include <string.h>
#include <wasmill.h>

uint8_t *process(const uint8_t *input, size_t length, size_t *out_length) {
    if (length == 4) {
        puts("printed");
        wasmill_fail("no \n four");
    }
    uint8_t *result = malloc(length);
    for (size_t at = 0; at < length; at++) result[at] = input[length - 1 - at];
    *out_length = length;
    return result;
}
"#;

#[test]
fn bytes_and_programs() {
    let unit = build(&c(BYTES)).unwrap();
    assert_eq!(unit.unit.interface().as_str(), "bytes");
    assert_eq!(unit.call("123").unwrap(), "321");
    let large = "12".repeat(1 << 19);
    let turned = unit.loaded(Limits::default()).call_blocking(format!("\"{large}\"").as_str());
    assert_eq!(turned.output.unwrap().to_json().len(), large.len() + 2);
    let said = unit.call("1234").unwrap_err();
    assert!(said.contains("no") && said.contains("four"), "{said}");

    for main in ["int main(void)", "int main(int argc, char **argv)"] {
        let program =
            build(&c(&format!("#include <stdio.h>\n{main} {{ printf(\"[%d]\", getchar()); return 0; }}"))).unwrap();
        assert_eq!(program.unit.interface().as_str(), "command");
        assert_eq!(program.call("1").unwrap(), "[49]");
    }
}

#[test]
fn a_folder_in_both_languages() {
    let files = [
        (
            "main.cpp",
            "#include <vector>\n#include <numeric>\nextern \"C\" {\n#include \"lib/part.h\"\nint total(int many, int each) {\n    std::vector<int> all(many, each);\n    return std::accumulate(all.begin(), all.end(), part(1));\n}\n}\nint other() { return 1; }\n",
        ),
        ("lib/part.c", "#include \"part.h\"\nint part(int x) { return x + PLUS; }\n"),
        ("lib/part.h", "#define PLUS 1\nint part(int x);\n"),
    ];
    let folder = folder(&files);
    let text = SourceText::Path(folder.path().to_owned());
    let unit = build_in(&SourceUnit { language: Language::Cpp, text, function: None, trusted: false }, Path::new("."))
        .unwrap();
    assert_eq!(call(&unit, "total", r#"{"many": 4, "each": 10}"#).unwrap(), "42");
    let mut functions = functions(&unit);
    functions.sort();
    assert_eq!(functions, ["part(x: i32) -> i32", "total(many: i32, each: i32) -> i32"]);
}

#[test]
fn what_is_wrong_is_said_in_the_users_words() {
    let asked = SourceUnit { function: Some("ad".into()), ..c("int add(int a) { return a; }") };
    assert!(refused(&asked).contains("did you mean `add`?"));
    for (source, message) in [
        (c("int add(int a) {\n    return a + nothing;\n}"), "main.c:2:16: use of undeclared identifier 'nothing'"),
        (c("int other(int);\nint add(int a) { return other(a); }"), "undefined symbol: other"),
        (c("#include \"nothing.h\"\n"), "main.c:1:10: 'nothing.h' file not found"),
        (c("static int add(int a) { return a; }"), "there is no function to call"),
        (code(Language::Cpp, "int add(int a) { return a; }"), "`add` is `_Z3addi`"),
        (
            code(Language::Cpp, "extern \"C\" int add(int a) { throw a; }"),
            "main.cpp:1:29: cannot use 'throw' with exceptions disabled",
        ),
    ] {
        let said = refused(&source);
        assert!(said.contains(message), "{said}");
    }
    // The host's files are not there for a compiler.
    let said = refused(&c("#include \"/etc/passwd\"\n"));
    assert!(said.contains("'/etc/passwd'") && !said.contains("root"), "{said}");
    let said = refused(&c("__asm__(\".incbin \\\"/etc/passwd\\\"\");\nint add(int a) { return a; }"));
    assert!(!said.contains("root:"), "{said}");
}

#[test]
fn lines_are_there_for_finding_faults_alone() {
    let source = c("int divide(int a, int b) { return a / b; }\nint shift(int a, int by) { return a << by; }");
    let debug = toolchain(Mode::Debug).build(&source, Path::new(".")).unwrap().unit;
    let debug = Unit { bytes: debug.bytes().to_vec(), unit: debug };
    let has = |unit: &Unit, words: &str| unit.bytes.windows(words.len()).any(|part| part == words.as_bytes());
    assert!(has(&debug, ".debug_line") && !has(&build(&source).unwrap(), ".debug_line"));
    assert_eq!(call(&debug, "divide", r#"{"a": 84, "b": 2}"#).unwrap(), "42");
    let said = call(&debug, "shift", r#"{"a": 1, "by": 40}"#).unwrap_err();
    assert!(said.contains("Trap"), "{said}");
}
