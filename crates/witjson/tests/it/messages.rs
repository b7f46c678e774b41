use wasmill_model::{Input, Value};
use wasmill_witjson::{lower, lower_params};

use crate::{define, function, json, named_type, ty};

fn message(definitions: &str, kind: &str, value: &str) -> String {
    lower(&json(value), &named_type(definitions, kind)).unwrap_err().to_string()
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
    let error = lower_params(&input, &params).unwrap_err();
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
    let error = lower(&Value::from(long.clone()), &ty("u8")).unwrap_err();
    assert!(error.to_string().len() < 120, "{error}");
    let level = named_type(&define("level", "(enum \"low\")"), "$level");
    assert!(lower(&Value::from(long), &level).unwrap_err().to_string().len() < 200);
}
