use wasmill_model::{Input, Value};
use wasmill_witjson::{lower, lower_params};

use crate::{MOST, define, function, json, named_type, ty};

fn message(definitions: &str, kind: &str, value: &str) -> String {
    lower(&json(value), &named_type(definitions, kind), MOST).unwrap_err().to_string()
}

#[test]
fn a_mismatch_says_where_and_what() {
    let row = define(
        "row",
        "(record (field \"price\" f64) (field \"tags\" (list string)) (field \"at\" (option (tuple u8 s8))))",
    );
    let rows = |value: &str| message(&row, "(list $row)", value);
    assert_eq!(
        rows(r#"[{"price": 1, "tags": []}, {"price": "abc", "tags": []}]"#),
        "`[1].price`: expected f64, found string \"abc\""
    );
    assert_eq!(rows(r#"[{"price": 1, "tags": ["a", 2]}]"#), "`[0].tags[1]`: expected string, found 2");
    assert_eq!(
        rows(r#"[{"price": 1, "tags": [], "at": [1, 200]}]"#),
        "`[0].at[1]`: expected s8 (-128 to 127), found 200"
    );
    assert_eq!(
        rows(r#"[{"price": 1, "tag": []}]"#),
        "`[0].tags`: expected list<string>, found nothing (`tag` is given, which is not known)"
    );
    assert_eq!(
        rows(r#"[{"price": 1, "tags": [], "prize": 1}]"#),
        "`[0]`: expected a member `price`, `tags`, `at`, found `prize` (did you mean `price`?)"
    );
    assert_eq!(
        rows("{}"),
        "expected list<record { price: f64, tags: list<string>, at: option<tuple<u8, s8>> }>, found object without members"
    );
}

#[test]
fn the_path_begins_with_the_parameter() {
    let (params, _) = function(
        &define("row", "(record (field \"price\" f64))"),
        "(param \"rows\" (list $row)) (param \"currency\" string)",
    );
    let input = Input::Single(json(r#"{"rows": [{"price": 1}, {"price": null}], "currency": "EUR"}"#));
    let error = lower_params(&input, &params, MOST).unwrap_err();
    assert_eq!((error.path.as_str(), error.expected.as_str(), error.found.as_str()), ("rows[1].price", "f64", "null"));
}

#[test]
fn names_are_suggested() {
    let level = define("level", "(enum \"low\" \"high\")");
    assert_eq!(
        message(&level, "$level", "\"hihg\""),
        "expected one of `low`, `high`, found `hihg` (did you mean `high`?)"
    );
    let shape = define("shape", "(variant (case \"none\") (case \"round\" f64))");
    assert_eq!(message(&shape, "$shape", "\"round\""), "expected {\"round\": f64}, found string \"round\"");
    assert_eq!(message(&shape, "$shape", "{\"round\": \"x\"}"), "`round`: expected f64, found string \"x\"");
    assert_eq!(message(&shape, "$shape", "{\"none\": 1}"), "`none`: expected \"none\" without a payload, found 1");
}

#[test]
fn long_values_are_cut() {
    let long = "x".repeat(1000);
    let error = lower(&Value::from(long.clone()), &ty("u8"), MOST).unwrap_err();
    assert!(error.to_string().len() < 120, "{error}");
    let level = named_type(&define("level", "(enum \"low\")"), "$level");
    assert!(lower(&Value::from(long), &level, MOST).unwrap_err().to_string().len() < 200);
}

/// Each takes much more in the host than in JSON: numbers, members that were not given, long names of cases.
#[test]
fn what_takes_too_much_of_the_host_is_refused_before_it_does() {
    let options: String = (0..1_000).map(|index| format!("(field \"f{index}\" (option u8))")).collect();
    let many = define("many", &format!("(record {options})"));
    let long = define("long", &format!("(enum \"{}\" \"b\")", "a".repeat(10_000)));
    let name = |count| Value::from(vec![Value::from("a".repeat(10_000)); count]);
    for (definitions, kind, fits, does_not) in [
        ("", "(list u8)", Value::Bytes(vec![0; 20_000].into()), Value::Bytes(vec![0; 30_000].into())),
        ("", "(list u8)", Value::from("0".repeat(20_000)), Value::from("0".repeat(30_000))),
        (
            "",
            "(list bool)",
            json(&format!("[{}true]", "true,".repeat(20_000))),
            json(&format!("[{}true]", "true,".repeat(30_000))),
        ),
        (&*many, "(list $many)", json("[{},{},{},{}]"), json(&format!("[{}{{}}]", "{},".repeat(20)))),
        (&*long, "(list $long)", name(50), name(110)),
        (
            "",
            "(list (list (option (tuple u8))))",
            json("[[[1]]]"),
            json(&format!("[{}[]]", "[[1],[1],[1]],".repeat(3_000))),
        ),
    ] {
        let kind = named_type(definitions, kind);
        lower(&fits, &kind, MOST).unwrap();
        let error = lower(&does_not, &kind, MOST).unwrap_err().to_string();
        assert!(error.contains("at most 1 MiB in the host's memory"), "{error}");
        lower(&does_not, &kind, 4 * MOST).unwrap();
    }
}
