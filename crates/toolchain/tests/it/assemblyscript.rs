//! AssemblyScript.

use std::path::Path;

use wasmill_model::{Language, SourceText, SourceUnit, Verdict};
use wasmill_toolchain::Mode;

use crate::workshop::{Unit, build, build_as, code, folder, refused};

fn script(text: &str) -> SourceUnit {
    code(Language::AssemblyScript, text)
}

const ROWS: &str = r#"class Row {
  name: string;
  price: f64 = 2.5;
  tags: string[] = [];
  note: string | null;
  readonly small: i8 = 0;
}
class Numbers { I: i64; U: u64; F: f64; S: f32; }
class Base { constructor(public id: u32, protected hidden: string = "h") {} }
class Answer extends Base {
  rows: Row[] = [];
  numbers: Numbers | null;
  extra: Map<string, i32[]> = new Map();
  free: JSON.Value = JSON.Value.null();
}

export function main(
  rows: Row[],
  numbers: Numbers,
  mode: string | null = null,
  extra: Map<string, i32[]> = new Map<string, i32[]>(),
  free: JSON.Value = JSON.Value.null(),
): Answer {
  console.log("printed");
  if (mode == "fail") throw new Error("the \"user\" says no");
  if (mode == "index") console.log(rows[rows.length].name);
  if (mode == "nan") rows[0].price = NaN;
  if (mode == "loop") for (;;) {}
  if (mode == "garbage") for (let i = 0; i < 300; i++) fill(i);
  if (mode == "hog") { const all: ArrayBuffer[] = []; for (;;) all.push(new ArrayBuffer(1 << 20)); }
  const answer = new Answer(7);
  answer.rows = rows;
  answer.numbers = numbers;
  answer.extra = extra;
  answer.free = free;
  return answer;
}

function fill(i: i32): void { const list = new StaticArray<u8>(1 << 21); list[i] = 1; }
export function other(a: Answer): u32 { return a.id }
"#;

const NUMBERS: &str = r#""numbers":{"I":-9223372036854775808,"U":18446744073709551615,"F":5e-324,"S":0.1}"#;

#[test]
fn a_function_is_called_with_values_of_its_types() {
    let unit = build(&script(ROWS)).unwrap();
    let call = |rest: &str| unit.call(&format!("{{{NUMBERS},{rest}}}"));

    let free = r#"{"big":9007199254740993,"list":[1,2.5,-0.0,null,true]}"#;
    let given = format!(
        r#""rows":[{{"name":"a\ud83d\ude00\u0000<é","price":-0.0,"unknown":[{{}}]}}],"free":{free},"extra":{{"k":[1]}}"#
    );
    let row = r#"{"name":"a😀\u0000<é","price":-0.0,"tags":[],"note":null,"small":0}"#;
    let expected = format!(r#"{{"id":7,"rows":[{row}],{NUMBERS},"extra":{{"k":[1]}},"free":{free}}}"#);
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(parse(&call(&given).unwrap()), parse(&expected));
    assert_eq!(unit.log(&format!(r#"{{{NUMBERS},"rows":[]}}"#)), "printed\n");

    for (rest, message) in [
        (r#""rows":[{"name":""},{"name":"","price":"x"}]"#, r#"rows[1].price: expected a number, found "x""#),
        (r#""rows":[{"name":""},{"name":"","small":300}]"#, "rows[1].small: 300 is out of the range of i8"),
        (r#""rows":[{"name":"","small":1.5}]"#, "rows[0].small: expected an integer, found 1.5"),
        (r#""rows":[{"name":"","tags":["a",{}]}]"#, "rows[0].tags[1]: expected a string, found an object"),
        (r#""rows":[{"price":1}]"#, "rows[0]: the member `name` is missing"),
        (r#""rows":null"#, "rows: expected a list, found null"),
        (r#""rows":[],"mode":"fail""#, r#"the "user" says no (main.ts:25:23)"#),
        (r#""rows":[],"mode":"index""#, "Index out of range"),
        (r#""rows":[{"name":""}],"mode":"nan""#, "the result holds NaN, which JSON has no number for"),
    ] {
        assert_eq!(call(rest).unwrap_err(), message, "{rest}");
    }
    assert!(call(r#""extra":{}"#).unwrap_err().contains("`rows`"));
    let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
    assert!(call(&format!(r#""rows":[],"free":{deep}"#)).unwrap().contains(&deep));

    // What is thrown away is collected.
    assert!(call(r#""rows":[],"mode":"garbage""#).is_ok());
    let limited = |mode: &str| unit.limited(&format!(r#"{{{NUMBERS},"rows":[],"mode":"{mode}"}}"#));
    assert!(matches!(limited("loop"), Verdict::TimedOut { .. } | Verdict::FuelExhausted { .. }));
    assert!(matches!(limited("hog"), Verdict::MemoryExceeded { .. }), "{:?}", limited("hog"));
    assert!(unit.bytes.windows(9).any(|bytes| bytes == b"main/main"), "functions have names");

    // The same source gives the same bytes, and debugging nothing but them.
    assert!(build(&script(ROWS)).unwrap().bytes == unit.bytes);
    let debug = build_as(Mode::Debug, &script(ROWS), Path::new(".")).unwrap();
    assert_eq!(parse(&debug.call(&format!("{{{NUMBERS},{given}}}")).unwrap()), parse(&expected));
}

#[test]
fn numbers_are_exact_to_the_last_digit() {
    let unit = build(&script("export function same(list: f64[], single: f32[]): Map<string, JSON.Value> { return new Map<string, JSON.Value>().set('list', JSON.Value.from(list)).set('single', JSON.Value.from(single)) }")).unwrap();
    let mut texts: Vec<String> = [
        "0.1",
        "0.30000000000000004",
        "5e-324",
        "1.7976931348623157e308",
        "9007199254740993",
        "123456789012345680000",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1e23",
        "6.9294956446009195e15",
        "9007199254740992.9999999999999999999999",
        "-0.0",
        "8.5e-5",
        "90054602635948575728e72",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push(format!("9007199254740993.{}1", "0".repeat(900)));
    texts.push(format!("9007199254740993.{}", "0".repeat(900)));
    // A fixed sequence over all exponents, and what lies half way between two neighbours.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..4_000 {
        let value = f64::from_bits(next());
        if value.is_finite() {
            texts.push(format!("{value:?}"));
            texts.push(format!("{value:.25e}"));
        }
        let (whole, part, power) = (next() >> 4, next() >> 4, (next() % 600) as i32 - 320);
        texts.push(format!("{whole}.{part}e{power}"));
    }
    texts.retain(|text| text.parse::<f64>().is_ok_and(f64::is_finite));
    let singles: Vec<f32> =
        (0..2_000).map(|_| f32::from_bits((next() >> 33) as u32)).filter(|value| value.is_finite()).collect();
    let input = format!(r#"{{"list":[{}],"single":{singles:?}}}"#, texts.join(","));
    let answer: serde_json::Value = serde_json::from_str(&unit.call(&input).unwrap()).unwrap();
    let list = answer["list"].as_array().unwrap();
    assert_eq!(list.len(), texts.len());
    for (text, value) in texts.iter().zip(list) {
        assert_eq!(value.as_f64().unwrap().to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}: {value}");
    }
    for (single, value) in singles.iter().zip(answer["single"].as_array().unwrap()) {
        assert_eq!((value.as_f64().unwrap() as f32).to_bits(), single.to_bits(), "{single:?}: {value}");
    }
}

#[test]
fn a_mebibyte_goes_in_and_out() {
    let unit = build(&script("class Both { text: string = ''; list: f64[] = []; }\nexport function main(text: string, list: f64[]): Both { const both = new Both(); both.text = text; both.list = list; return both }")).unwrap();
    let list: Vec<String> = (0..50_000).map(|i| format!("{:?}", (f64::from(i) + 0.5) * 0.1)).collect();
    let input = format!(r#"{{"text":"{}","list":[{}]}}"#, "é".repeat(400_000), list.join(","));
    let answer: serde_json::Value = serde_json::from_str(&unit.call(&input).unwrap()).unwrap();
    assert!(answer == serde_json::from_str::<serde_json::Value>(&input).unwrap());
}

#[test]
fn functions_are_found_and_faults_have_their_places() {
    let pair = "export function add(a: i32, b: i32 = 1): i32 { return a + b }\nexport function sub(a: i32, b: i32): i32 { return a - b }\n";
    let named = |name: &str| SourceUnit { function: Some(name.into()), ..script(pair) };
    assert_eq!(build(&named("add")).unwrap().call(r#"{"a":5}"#).unwrap(), "6");
    assert_eq!(
        refused(&script(pair)),
        "main.ts: there are several functions, and none is called `main`\nhelp: name one of `add`, `sub`"
    );
    assert_eq!(refused(&named("ad")), "main.ts: there is no function `ad`\nhelp: did you mean `add`?");

    let said = refused(&script(
        "class R { name: strin; other: string; }\nexport function main(r: R): i32 {\n  let x: i32 = \"a\";\n  return 1;\n}\n",
    ));
    assert!(said.starts_with("main.ts:1:17: Cannot find name 'strin'."), "{said}");
    assert!(said.contains("main.ts:3:16: "), "{said}");
    let said = refused(&script("class R { f: (a: i32) => i32 }\nexport function main(r: R): i32 { return r.f(1) }\n"));
    assert!(said.starts_with("main.ts:2:17: `main` uses a type that JSON has no form for\nhelp: parameters"), "{said}");
    let said =
        refused(&script("import { x } from \"../../../etc/passwd\";\nexport function main(): i32 { return x }\n"));
    assert!(said.contains("not found"), "{said}");
}

#[test]
fn folders_are_built_and_packages_of_others_are_not() {
    let files = [
        (
            "main.ts",
            "import { Pair, sum } from \"./deep/pair\";\nexport function main(pair: Pair): Pair { pair.b = sum(pair); return pair }\n",
        ),
        (
            "deep/pair.ts",
            "import { Unit } from \"./unit\";\nexport class Pair { a: i32; b: i32 = 2; unit: Unit = Unit.None; }\nexport function sum(pair: Pair): i32 { if (pair.a < 0) throw new Error(\"negative\"); return pair.a + pair.b }\n",
        ),
        ("deep/unit.ts", "export enum Unit { None, Some }\n"),
        ("asconfig.json", "{\"options\":{\"transform\":[\"./evil.mjs\"]}}"),
    ];
    let source = |folder: &Path| SourceUnit { text: SourceText::Path(folder.into()), ..script("") };
    let one = folder(&files);
    let unit: Unit = build(&source(one.path())).unwrap();
    assert_eq!(unit.call(r#"{"pair":{"a":3}}"#).unwrap(), r#"{"a":3,"b":5,"unit":0}"#);
    assert_eq!(unit.call(r#"{"pair":{"a":-3}}"#).unwrap_err(), "negative (deep/pair.ts:3:56)");
    let other = folder(&[files[0], ("package.json", r#"{"dependencies":{"left":"1","assemblyscript":"0.28.0"}}"#)]);
    assert_eq!(
        refused(&source(other.path())),
        "not trusted: `package.json` has dependencies (`left`): `npm install` would fetch them, and run what they bring, on this machine"
    );

    // A trusted one is put together by npm; what it brings is written in AssemblyScript as well.
    let trusted = folder(&[
        (
            "main.ts",
            "import { twice } from \"local/assembly\";\nexport function main(a: i32): i32 { return twice(a) }\n",
        ),
        ("package.json", r#"{"name":"step","private":true,"dependencies":{"local":"file:./local"}}"#),
        ("local/package.json", r#"{"name":"local","version":"1.0.0"}"#),
        ("local/assembly/index.ts", "export function twice(a: i32): i32 { return a * 2 }\n"),
    ]);
    let source = SourceUnit { trusted: true, ..source(trusted.path()) };
    assert_eq!(build(&source).unwrap().call(r#"{"a":4}"#).unwrap(), "8");
}
