use wasmill_model::{Input, Object, Value};
use wasmill_witjson::lower_params;
use wasmtime::component::{Type, Val};

use crate::{MOST, define, function, json};

fn named(text: &str) -> Input {
    let Value::Object(object) = json(text) else { panic!("not an object") };
    Input::Named((*object).clone())
}

fn positional(text: &str) -> Input {
    let Value::List(list) = json(text) else { panic!("not an array") };
    Input::Positional((*list).clone())
}

fn single(text: &str) -> Input {
    Input::Single(json(text))
}

fn lowered(input: &Input, params: &[(String, Type)]) -> Vec<Val> {
    lower_params(input, params, MOST).unwrap_or_else(|error| panic!("{input:?}: {error}"))
}

fn message(input: &Input, params: &[(String, Type)]) -> String {
    lower_params(input, params, MOST).unwrap_err().to_string()
}

fn text(text: &str) -> Val {
    Val::String(text.to_owned())
}

#[test]
fn several_parameters() {
    let (params, _) = function("", "(param \"first-name\" string) (param \"age\" u8) (param \"note\" (option string))");
    let none = || Val::Option(None);
    let expected = [text("Ada"), Val::U8(41), none()];
    for input in [
        named(r#"{"age": 41, "first-name": "Ada"}"#),
        named(r#"{"first_name": "Ada", "age": 41, "note": null}"#),
        positional(r#"["Ada", 41, null]"#),
        positional(r#"["Ada", 41]"#),
        single(r#"{"first_name": "Ada", "age": 41}"#),
    ] {
        assert_eq!(lowered(&input, &params), expected, "{input:?}");
    }
    assert_eq!(
        message(&named(r#"{"age": 41, "first-nam": "Ada"}"#), &params),
        "`first-name`: expected string, found nothing (`first-nam` is given, which is not known)"
    );
    assert_eq!(
        message(&named(r#"{"age": 41, "first-name": "Ada", "notes": "x"}"#), &params),
        "expected a parameter `first-name`, `age`, `note`, found `notes` (did you mean `note`?)"
    );
    let takes = "expected 3 parameters (first-name: string, age: u8, note: option<string>)";
    assert_eq!(message(&positional("[\"Ada\"]"), &params), format!("{takes}, found 1 by position"));
    assert_eq!(message(&positional("[1, 2, 3, 4]"), &params), format!("{takes}, found 4 by position"));
    assert_eq!(message(&single("1"), &params), format!("{takes}, found 1 (give them by name, as an object)"));
    assert_eq!(message(&positional("[\"Ada\", 300]"), &params), "`age`: expected u8 (0 to 255), found 300");
}

#[test]
fn one_parameter() {
    let (params, _) = function("", "(param \"rows\" (list u32))");
    let expected = [Val::List(vec![Val::U32(1), Val::U32(2)])];
    for input in [single("[1, 2]"), named(r#"{"rows": [1, 2]}"#), positional("[[1, 2]]")] {
        assert_eq!(lowered(&input, &params), expected, "{input:?}");
    }
    assert!(message(&positional("[1, 2]"), &params).contains("with: { rows: […] }"));
    assert_eq!(message(&single("[1, null]"), &params), "`rows[1]`: expected u32, found null");
}

#[test]
fn a_record_takes_its_members() {
    let (params, _) = function(
        &define("point", "(record (field \"x\" s32) (field \"the-label\" (option string)))"),
        "(param \"at\" $point)",
    );
    let expected = [Val::Record(vec![("x".to_owned(), Val::S32(1)), ("the-label".to_owned(), Val::Option(None))])];
    for input in [
        named(r#"{"at": {"x": 1}}"#),
        named(r#"{"x": 1}"#),
        named(r#"{"x": 1, "the_label": null}"#),
        single(r#"{"x": 1}"#),
        positional(r#"[{"x": 1}]"#),
    ] {
        assert_eq!(lowered(&input, &params), expected, "{input:?}");
    }
    // What fits neither is told by the parameter.
    assert_eq!(
        message(&named(r#"{"ta": {"x": 1}}"#), &params),
        "`at`: expected record { x: s32, the-label: option<string> }, found nothing (`ta` is given, which is not known)"
    );
    assert_eq!(message(&named(r#"{"x": "a"}"#), &params), "`x`: expected s32, found string \"a\"");
    // The parameter's own name wins, also where the record has such a member.
    let (params, _) = function(&define("wrap", "(record (field \"at\" u8))"), "(param \"at\" $wrap)");
    let expected = [Val::Record(vec![("at".to_owned(), Val::U8(1))])];
    assert_eq!(lowered(&named(r#"{"at": {"at": 1}}"#), &params), expected);
}

#[test]
fn no_parameters() {
    let (params, _) = function("", "");
    for input in [named("{}"), positional("[]"), single("null"), single("{}"), Input::Named(Object::new())] {
        assert_eq!(lowered(&input, &params), [], "{input:?}");
    }
    assert_eq!(
        message(&single("1"), &params),
        "expected no parameters, found 1 (leave `with` out, or give `with: {}`)"
    );
    assert_eq!(message(&named(r#"{"a": 1}"#), &params), "expected no parameters, found `a`");
    assert!(lower_params(&positional("[1]"), &params, MOST).is_err());
}
