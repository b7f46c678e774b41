//! Units from source: `run`, `exec`, `build`, `new` and `dev` with it. JavaScript needs no compiler, so that most is shown with it; that
//! every language does what it should is shown by the tests of the toolchain.

use insta::assert_snapshot;
use serde_json::{Value, json};
use wasmill_testkit::{Output, Project};

use crate::json;

const TOTAL: &str = r#"wasmill: 1
name: shop
inputs:
  rows: { type: array, default: [{ name: "Tee ☕", price: 250, count: 2 }, { name: Brot, price: 399, count: 1 }] }
units:
  shop: { source: shop.js }
steps:
  total: { unit: shop, function: total }
  names: { unit: shop, function: names, with: { rows: "${{ inputs.rows }}", separator: " + " } }
  report:
    language: typescript
    code: |
      interface Report { names: string; total: number }

      export function main(names: string, total: number): Report {
        return { names, total: total / 100 };
      }
    with: { names: "${{ steps.names.output }}", total: "${{ steps.total.output }}" }
outputs: "${{ steps.report.output }}"
"#;

const SHOP: &str = "export const total = (rows) => rows.reduce((sum, row) => sum + row.price * row.count, 0);\n\
                    export function names(rows, separator = \", \") {\n  console.log(rows.length, \"rows\");\n  \
                    return rows.map((row) => row.name).join(separator);\n}\n";

fn project() -> Project {
    crate::project().sharing_builds()
}

fn pipeline(text: &str) -> Project {
    project().file("pipeline.yaml", text)
}

fn shop() -> Project {
    pipeline(TOTAL).file("shop.js", SHOP)
}

/// The result of a run that succeeded.
fn result(output: &Output) -> Value {
    json(output.expect(0))
}

#[test]
fn a_pipeline_of_sources_runs() {
    let project = shop();
    let output = project.wasmill(["run", "pipeline.yaml"]).run();
    assert_eq!(result(&output), json!({ "names": "Tee ☕ + Brot", "total": 8.99 }));
    let document = json(project.wasmill(["run", "pipeline.yaml", "--output", "json"]).run().expect(0));
    let receipt = &document["steps"]["names"]["attempts"][0];
    assert_eq!((&receipt["function"], &receipt["log"]), (&json!("names"), &json!("2 rows\n")));
    // One unit for each function, of the one source.
    assert_ne!(receipt["unit"], document["steps"]["total"]["attempts"][0]["unit"]);
    let checked = json(project.wasmill(["check", "pipeline.yaml", "--output", "json"]).run().expect(0));
    assert_eq!(checked["units"], 3);
}

#[test]
fn arguments_are_held_against_the_parameters_of_the_source() {
    let text =
        TOTAL.replace("separator: \" + \"", "seperator: 1").replace("total: \"${{ steps.total.output }}\" }", "}");
    let output = pipeline(&text).file("shop.js", SHOP).wasmill(["check", "pipeline.yaml"]).run();
    assert_snapshot!(output.expect(2).to_string());
}

#[test]
fn what_does_not_compile_is_shown_where_it_stands() {
    let text = TOTAL.replace("names, total: total", "names, total; total");
    let project = pipeline(&text).file("shop.js", SHOP.replace("=> sum +", "=> => sum +"));
    assert_snapshot!(project.wasmill(["run", "pipeline.yaml"]).run().expect(2).to_string());
    let errors = json(project.wasmill(["check", "pipeline.yaml", "--output", "json"]).run().expect(2));
    let places: Vec<_> = errors["errors"].as_array().unwrap().iter().map(|error| &error["at"]).collect();
    assert_eq!(places[0], &json!({ "file": "shop.js", "line": 1, "column": 58 }));
    assert_eq!(places.last().unwrap(), &&json!({ "file": "pipeline.yaml", "line": 16, "column": 30 }));
}

#[test]
fn what_the_function_throws_is_the_verdict() {
    let project = pipeline(
        "wasmill: 1\nsteps:\n  a:\n    language: javascript\n    code: |\n      function main(n) {\n        console.log(\"before\");\n        \
         if (n > 1) throw new RangeError(`${n} is too much`);\n      }\n    with: 2\n",
    );
    assert_snapshot!(project.wasmill(["run", "pipeline.yaml"]).run().expect(1).to_string());
}

#[test]
fn a_program_that_is_not_there_is_named_with_the_command_that_brings_it() {
    let empty = project();
    let nowhere = empty.path().join("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    for (language, code) in [("go", "func Main() {}"), ("python", "result = 1"), ("assemblyscript", "x")] {
        let output = empty
            .wasmill(["exec", "--lang", language, "--code", code])
            .env("PATH", nowhere)
            .env("WASMILL_TOOLS", nowhere)
            .run();
        assert_snapshot!(format!("missing_{language}"), output.expect(2).to_string());
    }
    let named = empty.wasmill(["exec", "--lang", "go", "--code", "x"]).env("WASMILL_GO", "/no/such/go").run();
    assert!(named.expect(2).stderr.contains("looked for `/no/such/go`"), "{named}");
    let text = "wasmill: 1\ntoolchains: { go: tools/go }\nsteps:\n  a: { language: go, code: x }\n";
    let named = pipeline(text).wasmill(["check", "pipeline.yaml"]).run();
    assert!(named.expect(2).stderr.contains("WM0319"), "{named}");
    let named = pipeline(text).wasmill(["check", "pipeline.yaml", "--trust"]).run();
    assert!(named.expect(2).stderr.contains("looked for `tools/go`"), "{named}");
}

#[test]
fn exec_goes_from_text_to_result() {
    let project =
        project().file("twice.js", "export default function main(text, times = 2) { return text.repeat(times); }");
    let exec = |arguments: &[&str]| project.wasmill([&["exec"], arguments].concat());
    assert_eq!(exec(&["twice.js", "ü"]).run().expect(0).text(), "üü\n");
    assert_eq!(exec(&["twice.js", "ab", "3"]).run().expect(0).text(), "ababab\n");
    assert_eq!(exec(&["twice.js", "--input", "text=7", "--input", "times=2"]).run().expect(1).code, Some(1));
    assert_eq!(exec(&["twice.js", "--input", r#"{"text": "x"}"#]).run().expect(0).text(), "xx\n");
    assert_eq!(exec(&["twice.js"]).stdin(r#"{"text": "-"}"#).run().expect(0).text(), "--\n");
    let code = ["--lang", "js", "--code"];
    let script = |text: &str, more: &[&str]| exec(&[&code[..], &[text], more].concat()).run();
    assert_eq!(script("result = inputs.a + 1", &["--input", "a=1"]).expect(0).text(), "2\n");
    assert_eq!(script("console.log(JSON.stringify({ a: 1n === 1n }))", &[]).expect(0).text(), "{\n  \"a\": true\n}\n");
    assert_eq!(
        script("const f = (n) => n * n; function g(n) { return f(n) }", &["--function", "g", "4"]).expect(0).text(),
        "16\n"
    );
    assert_eq!(
        exec(&["--lang", "typescript", "-"]).stdin("result = [1 as number]").run().expect(0).text(),
        "[\n  1\n]\n"
    );
    let document = json(script("result = 2n ** 60n", &["--output", "json"]).expect(0));
    assert_eq!(
        (&document["outputs"]["result"], &document["verdict"]),
        (&json!(1_152_921_504_606_846_976_u64), &json!("ok"))
    );
    for wrong in [&["--code", "x"][..], &[], &["no/such.py"], &["pipeline.yaml"], &["--lang", "cobol", "x"]] {
        assert_eq!(exec(wrong).run().code, Some(2), "{wrong:?}");
    }
}

#[test]
fn limits_hold_for_source_too() {
    let exec = |code: &str, limit: &[&str]| {
        let arguments = [&["exec", "--lang", "js", "--output", "json", "--code", code], limit].concat();
        let output = project().wasmill(arguments).run();
        json(output.expect(3))["steps"]["call"]["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(exec("for (;;);", &["--fuel", "50_000_000"]), "fuel-exhausted");
    assert_eq!(exec("for (;;);", &["--timeout", "300ms"]), "timed-out");
    assert_eq!(
        exec("const a = []; for (;;) a.push(new Array(1e5).fill(0))", &["--memory", "32MiB"]),
        "memory-exceeded"
    );
    assert_eq!(exec("function main() { for (;;) console.log('x'.repeat(1e5)) }", &[]), "log-exceeded");
}

#[test]
fn a_call_takes_a_source_file_too() {
    let project = project().file("add.js", "function main(a, b) { return a + b; }");
    assert_eq!(project.wasmill(["call", "add.js", "2", "3"]).run().expect(0).text(), "5\n");
    let inspected = json(project.wasmill(["inspect", "add.js", "--output", "json"]).run().expect(0));
    assert_eq!(inspected["functions"][0]["name"], "main");
    assert_eq!(inspected["built"]["language"], "javascript");
}

#[test]
fn build_tells_what_was_built_and_writes_it() {
    let project = shop();
    let build = |arguments: &[&str]| {
        project.wasmill([&["build", "pipeline.yaml", "--output", "json"], arguments].concat()).run()
    };
    let document = json(build(&["--rebuild", "--out", "units", "--check"]).expect(0));
    let units = document["units"].as_array().unwrap();
    let names: Vec<_> = units.iter().map(|unit| unit["unit"].as_str().unwrap()).collect();
    assert_eq!(names, ["report", "shop (total)", "shop (names)"]);
    assert!(units.iter().all(|unit| unit["reproducible"] == true && unit["cached"] == false), "{document}");
    // A built unit is a unit like any other.
    let called = project.wasmill(["call", "units/report.wasm", "a", "300"]).run();
    assert_eq!(result(&called), json!({ "names": "a", "total": 3 }));
    let inspected = project.wasmill(["inspect", "units/shop__names_.wasm"]).run();
    assert!(inspected.expect(0).text().contains("names(rows: any, separator?: any)"), "{inspected}");
    let again = json(build(&[]).expect(0));
    assert!(again["units"].as_array().unwrap().iter().all(|unit| unit["cached"] == true), "{again}");
    let of_one = project.wasmill(["build", "shop.js", "--function", "total"]).run();
    assert!(of_one.expect(0).text().contains("shop  javascript"), "{of_one}");
    let broken = pipeline("wasmill: 1\nsteps:\n  a: { language: js, code: \"function main( {\" }\n")
        .wasmill(["build", "pipeline.yaml"])
        .run();
    assert!(broken.expect(2).stderr.contains("WM0317"), "{broken}");
    let nothing = pipeline("wasmill: 1\nsteps:\n  a: { unit: { wat: \"(module)\" } }\n")
        .wasmill(["build", "pipeline.yaml"])
        .run();
    assert!(nothing.expect(0).stderr.contains("nothing to build"), "{nothing}");
}

#[test]
fn builds_are_kept_as_the_seed_s_variables_say() {
    let cached = |project: &Project, variables: &[(&str, &str)]| {
        let mut command = project.wasmill(["build", "pipeline.yaml", "--output", "json"]).env("WASMILL_BUILDS_DIR", "");
        for (name, value) in variables {
            command = command.env(name, value);
        }
        let document = json(command.run().expect(0));
        let units = document["units"].as_array().unwrap();
        units.iter().map(|unit| unit["cached"].as_bool().unwrap()).collect::<Vec<_>>()
    };
    let project = shop();
    let folder = ("WASM_CACHE_DIR", ".wasm-cache");
    assert_eq!(cached(&project, &[folder]), [false; 3]);
    assert_eq!(cached(&project, &[folder]), [true; 3]);
    assert!(project.path().join(".wasm-cache").is_dir());
    assert_eq!(cached(&project, &[folder, ("WASM_CACHE_ENABLED", "false")]), [false; 3]);
    // What is older is built again; nothing is younger than no time at all.
    assert_eq!(cached(&project, &[folder, ("WASMILL_BUILDS_TTL", "1ns")]), [false; 3]);
    assert_eq!(cached(&project, &[folder, ("WASM_CACHE_TTL", "3600")]), [true; 3]);
    // What is damaged is as if it were not there.
    for file in std::fs::read_dir(project.path().join(".wasm-cache")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "build") {
            let mut bytes = std::fs::read(&path).unwrap();
            let last = bytes.len() - 2;
            bytes[last] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    assert_eq!(cached(&project, &[folder]), [false; 3]);
    for wrong in [("WASM_CACHE_TTL", "soon"), ("WASM_CACHE_ENABLED", "perhaps"), ("WASMILL_BUILDS_SIZE", "0")] {
        project.wasmill(["build", "pipeline.yaml"]).env(wrong.0, wrong.1).run().expect(2);
    }
}

#[test]
fn new_begins_what_runs() {
    let project = project();
    let made = project.wasmill(["new", "pipeline", "shop", "--lang", "js"]).run();
    assert_eq!(made.expect(0).text().lines().next(), Some("✔ shop/pipeline.yaml"));
    assert_eq!(result(&project.wasmill(["run", "shop/pipeline.yaml"]).run())["total"], 59.97);
    let again = project.wasmill(["new", "pipeline", "shop", "--lang", "js"]).run();
    assert_snapshot!(again.expect(2).to_string());
    let step =
        json(project.wasmill(["new", "step", "steps/score", "--lang", "ts", "--output", "json"]).run().expect(0));
    assert_eq!(step["files"], json!(["steps/score.ts"]));
    let ran = project.wasmill(["exec", "steps/score.ts", "--input", "price=2", "--input", "quantity=3"]).run();
    assert_eq!(result(&ran)["total"], 6);
    project.wasmill(["new", "step", "other.rs"]).run().expect(0);
    assert!(std::fs::read_to_string(project.path().join("other.rs")).unwrap().contains("fn main("));
}

#[test]
fn dev_builds_again_what_changes() {
    let project = shop();
    let mut running = project.wasmill(["dev", "pipeline.yaml", "--output", "json"]).start();
    let next = |running: &mut wasmill_testkit::Running| -> Value {
        serde_json::from_str(&running.line()).expect("a document is one line")
    };
    assert_eq!(next(&mut running)["outputs"]["result"]["total"], 8.99);
    project.replace("shop.js", SHOP.replace("sum +", "sum + 1 +"));
    let second = next(&mut running);
    assert_eq!(second["outputs"]["result"]["total"], 9.01);
    // What goes wrong is shown, and mended by the next change.
    project.replace("shop.js", SHOP.replace("sum +", "sum + *"));
    assert!(running.line().contains("WM0317"));
    project.replace("shop.js", SHOP);
    assert_eq!(next(&mut running)["outputs"]["result"]["total"], 8.99);
    running.signal("INT");
    running.finish().expect(0);
}

#[test]
fn several_files_make_one_script() {
    let project = pipeline("wasmill: 1\nsteps:\n  a: { source: package, language: typescript, with: { n: 4 } }\n")
        .file("package/main.ts", "import { square } from \"./lib/square.ts\";\nexport const main = (n: number) => square(n);\n")
        .file("package/lib/square.ts", "export function square(n: number): number {\n  if (n > 5) throw new Error(\"too large\");\n  return n * n;\n}\n");
    assert_eq!(project.wasmill(["run", "pipeline.yaml"]).run().expect(0).text(), "16\n");
    let failed = project.wasmill(["exec", "package", "--lang", "ts", "6"]).run();
    assert!(failed.expect(1).stderr.contains("Error: too large (lib/square.ts:2:"), "{failed}");
    let none = pipeline("wasmill: 1\nsteps:\n  a: { source: empty, language: js }\n").file("empty/readme.md", "");
    let output = none.wasmill(["check", "pipeline.yaml"]).run();
    assert!(output.expect(2).stderr.contains("looked for main.js"), "{output}");
}

#[test]
fn a_host_may_keep_trust_to_itself() {
    let project = project()
        .file("policy.toml", "[policy.build]\ntrust_manifests = false\n")
        .file("trusted.yaml", "wasmill: 1\nsteps:\n  a: { language: js, code: \"result = 1\", trusted: true }\n")
        .file(
            "tools.yaml",
            "wasmill: 1\ntoolchains: { go: ./evil }\nsteps:\n  a: { language: js, code: \"result = 1\" }\n",
        )
        .file("plain.yaml", "wasmill: 1\nsteps:\n  a: { language: js, code: \"result = 1\" }\n");
    for verb in ["run", "check", "plan", "build"] {
        for file in ["trusted.yaml", "tools.yaml"] {
            let output = project.wasmill([verb, file, "--policy", "policy.toml"]).run();
            assert!(output.expect(2).stderr.contains("WM0319"), "{output}");
            project.wasmill([verb, file, "--policy", "policy.toml", "--trust"]).run().expect(0);
        }
        // A program that a manifest names is run on nobody's word but that of who runs it.
        project.wasmill([verb, "tools.yaml"]).run().expect(2);
        project.wasmill([verb, "trusted.yaml"]).run().expect(0);
        project.wasmill([verb, "plain.yaml", "--policy", "policy.toml"]).run().expect(0);
    }
}

#[test]
#[cfg(unix)]
fn a_compiler_s_words_show_no_file_but_the_source() {
    let project =
        project().file("secret", "the secret word\n").file("c/main.c", "#line 1 \"../secret\"\n#error told\n");
    let output = project.wasmill(["build", "c", "--lang", "c"]).run();
    assert!(output.expect(2).stderr.contains("told") && !output.stderr.contains("the secret word"), "{output}");
    let devices = project.wasmill(["exec", "/dev/zero", "--lang", "c"]).run();
    assert!(devices.expect(2).stderr.contains("is no file"), "{devices}");
    let odd = project
        .file("odd/main.c", "int f(void) { return 1; }\n")
        .file("odd/@x.c", "")
        .wasmill(["build", "odd", "--lang", "c"])
        .run();
    assert!(odd.expect(2).stderr.contains("no compiler is given"), "{odd}");
}
