use wasmill_model::Value;
use wasmill_witjson::{Lifted, lift, lift_results, lower, type_text};
use wasmtime::component::{Type, Val};

use crate::{MOST, define, function, json, named_type, ty};

/// `given` becomes `val`, which becomes `back`.
fn both(ty: &Type, given: &str, val: Val, back: &str) {
    let lowered = lower(&json(given), ty, MOST).unwrap_or_else(|error| panic!("{given}: {error}"));
    assert_eq!(lowered, val, "{given}");
    assert_eq!(lift(&val, ty), json(back), "{given}");
}

fn same(ty: &Type, text: &str, val: Val) {
    both(ty, text, val, text);
}

fn refused(ty: &Type, text: &str) {
    assert!(lower(&json(text), ty, MOST).is_err(), "{} as {}", text, type_text(ty));
}

#[test]
fn booleans_and_characters() {
    same(&Type::Bool, "true", Val::Bool(true));
    refused(&Type::Bool, "1");
    refused(&Type::Bool, "\"true\"");
    same(&Type::Char, "\"é\"", Val::Char('é'));
    same(&Type::Char, "\"😀\"", Val::Char('😀'));
    refused(&Type::Char, "\"\"");
    refused(&Type::Char, "\"ab\"");
    refused(&Type::Char, "97");
}

#[test]
fn integers_are_checked_and_lose_no_digit() {
    same(&Type::S8, "-128", Val::S8(-128));
    same(&Type::U8, "255", Val::U8(255));
    same(&Type::S16, "-32768", Val::S16(i16::MIN));
    same(&Type::U16, "65535", Val::U16(u16::MAX));
    same(&Type::S32, "-2147483648", Val::S32(i32::MIN));
    same(&Type::U32, "4294967295", Val::U32(u32::MAX));
    same(&Type::S64, "-9223372036854775808", Val::S64(i64::MIN));
    same(&Type::S64, "9007199254740993", Val::S64((1 << 53) + 1));
    same(&Type::U64, "18446744073709551615", Val::U64(u64::MAX));
    both(&Type::U64, "\"18446744073709551615\"", Val::U64(u64::MAX), "18446744073709551615");
    both(&Type::S64, "\"-9223372036854775808\"", Val::S64(i64::MIN), "-9223372036854775808");
    both(&Type::U8, "3.0", Val::U8(3), "3");
    both(&Type::S64, "-9223372036854775808.0", Val::S64(i64::MIN), "-9223372036854775808");
    for (ty, text) in [
        (Type::U8, "256"),
        (Type::U8, "-1"),
        (Type::U8, "1.5"),
        (Type::U8, "\"1\""),
        (Type::S8, "128"),
        (Type::U32, "4294967296"),
        (Type::S64, "9223372036854775808"),
        (Type::S64, "9223372036854775808.0"),
        (Type::U64, "18446744073709551616.0"),
        (Type::U64, "-1"),
        (Type::U64, "\"18446744073709551616\""),
        (Type::S64, "\"1.0\""),
        (Type::S64, "\"\""),
        (Type::S64, "1e300"),
        (Type::S64, "null"),
    ] {
        refused(&ty, text);
    }
    for special in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(lower(&Value::Float(special), &Type::S64, MOST).is_err());
    }
}

#[test]
fn floats_have_names_for_what_json_lacks() {
    same(&Type::Float64, "0.1", Val::Float64(0.1));
    assert_eq!(lower(&json("3"), &Type::Float64, MOST).unwrap(), Val::Float64(3.0));
    assert_eq!(lower(&json("\"-Infinity\""), &Type::Float64, MOST).unwrap(), Val::Float64(f64::NEG_INFINITY));
    assert_eq!(lift(&Val::Float64(f64::INFINITY), &Type::Float64).to_json(), "\"Infinity\"");
    assert!(matches!(lower(&json("\"NaN\""), &Type::Float32, MOST).unwrap(), Val::Float32(value) if value.is_nan()));
    assert_eq!(lower(&json("0.5"), &Type::Float32, MOST).unwrap(), Val::Float32(0.5));
    assert_eq!(lift(&Val::Float32(0.5), &Type::Float32), json("0.5"));
    refused(&Type::Float32, "1e39");
    refused(&Type::Float64, "\"nan\"");
    refused(&Type::Float64, "true");
}

#[test]
fn strings_and_bytes() {
    same(&Type::String, "\"grüße\"", Val::String("grüße".to_owned()));
    both(&Type::String, "{\"$base64\": \"aGk=\"}", Val::String("hi".to_owned()), "\"hi\"");
    refused(&Type::String, "{\"$base64\": \"/w==\"}");
    refused(&Type::String, "1");

    let bytes = ty("(list u8)");
    let val = || Val::List(vec![Val::U8(104), Val::U8(105)]);
    same(&bytes, "{\"$base64\": \"aGk=\"}", val());
    both(&bytes, "\"hi\"", val(), "{\"$base64\": \"aGk=\"}");
    both(&bytes, "[104, 105]", val(), "{\"$base64\": \"aGk=\"}");
    both(&bytes, "\"\"", Val::List(vec![]), "{\"$base64\": \"\"}");
    // As an expression builds it: an object, not bytes.
    let built = Value::from(wasmill_model::Object::from_iter([("$base64".into(), Value::text("aGk="))]));
    assert_eq!(lower(&built, &bytes, MOST).unwrap(), val());
    let broken = Value::from(wasmill_model::Object::from_iter([("$base64".into(), Value::text("?"))]));
    assert_eq!(lower(&broken, &bytes, MOST).unwrap_err().path, "$base64");
    refused(&bytes, "[256]");
    refused(&bytes, "{\"a\": 1}");
    refused(&ty("(list u16)"), "\"hi\"");
}

#[test]
fn lists_tuples_and_maps() {
    let list = ty("(list (list s32))");
    let ints = |ints: &[i32]| Val::List(ints.iter().map(|int| Val::S32(*int)).collect());
    same(&list, "[[1, 2], [], [-3]]", Val::List(vec![ints(&[1, 2]), ints(&[]), ints(&[-3])]));
    same(&list, "[]", Val::List(vec![]));
    refused(&list, "{}");
    let tuple = ty("(tuple u8 string)");
    same(&tuple, "[1, \"a\"]", Val::Tuple(vec![Val::U8(1), Val::String("a".to_owned())]));
    refused(&tuple, "[1]");
    refused(&tuple, "[1, \"a\", 2]");
    let map = ty("(map string u8)");
    same(
        &map,
        "{\"b\": 1, \"a\": 2}",
        Val::Map(vec![(Val::String("b".to_owned()), Val::U8(1)), (Val::String("a".to_owned()), Val::U8(2))]),
    );
    both(&map, "[[\"b\", 1]]", Val::Map(vec![(Val::String("b".to_owned()), Val::U8(1))]), "{\"b\": 1}");
    let map = ty("(map u8 string)");
    same(&map, "[[1, \"a\"]]", Val::Map(vec![(Val::U8(1), Val::String("a".to_owned()))]));
    refused(&map, "{\"1\": \"a\"}");
    refused(&map, "[[1]]");
    let fixed = ty("(list s8 2)");
    same(&fixed, "[1, 2]", Val::FixedLengthList(vec![Val::S8(1), Val::S8(2)]));
    refused(&fixed, "[1]");
}

#[test]
fn records_take_their_members_by_name() {
    let defined = define("row", "(record (field \"unit-price\" f64) (field \"note\" (option string)))");
    let row = named_type(&defined, "$row");
    let val = |note: Val| Val::Record(vec![("unit-price".to_owned(), Val::Float64(1.5)), ("note".to_owned(), note)]);
    let some = || Val::Option(Some(Box::new(Val::String("x".to_owned()))));
    same(&row, r#"{"unit-price": 1.5, "note": "x"}"#, val(some()));
    both(&row, r#"{"note": "x", "unit_price": 1.5}"#, val(some()), r#"{"unit-price": 1.5, "note": "x"}"#);
    both(&row, r#"{"unit-price": 1.5}"#, val(Val::Option(None)), r#"{"unit-price": 1.5, "note": null}"#);
    refused(&row, r#"{"note": "x"}"#);
    refused(&row, r#"{"unit-price": 1.5, "other": 1}"#);
    refused(&row, r#"{"unit-price": 1.5, "unit_price": 1.5}"#);
    refused(&row, "[1.5, null]");

    // Rows share their names.
    let rows = named_type(&defined, "(list $row)");
    let lifted = lift(&Val::List(vec![val(some()), val(Val::Option(None))]), &rows);
    assert_eq!(lifted, json(r#"[{"unit-price": 1.5, "note": "x"}, {"unit-price": 1.5, "note": null}]"#));
}

#[test]
fn options_of_options_are_told_apart() {
    let option = ty("(option u8)");
    same(&option, "null", Val::Option(None));
    same(&option, "1", Val::Option(Some(Box::new(Val::U8(1)))));
    let nested = ty("(option (option u8))");
    let some = |inner: Val| Val::Option(Some(Box::new(inner)));
    same(&nested, "null", Val::Option(None));
    same(&nested, r#"{"some": null}"#, some(Val::Option(None)));
    same(&nested, r#"{"some": 1}"#, some(some(Val::U8(1))));
    refused(&nested, "1");
    let deeper = ty("(option (option (option u8)))");
    same(&deeper, r#"{"some": {"some": null}}"#, some(some(Val::Option(None))));
}

#[test]
fn variants_results_enums_and_flags() {
    let shape = named_type(
        &define("shape", "(variant (case \"none\") (case \"half-circle\" f64) (case \"label\" (option string)))"),
        "$shape",
    );
    same(&shape, "\"none\"", Val::Variant("none".to_owned(), None));
    both(&shape, "{\"none\": null}", Val::Variant("none".to_owned(), None), "\"none\"");
    let round = || Val::Variant("half-circle".to_owned(), Some(Box::new(Val::Float64(0.5))));
    same(&shape, "{\"half-circle\": 0.5}", round());
    both(&shape, "{\"half_circle\": 0.5}", round(), "{\"half-circle\": 0.5}");
    same(&shape, "{\"label\": null}", Val::Variant("label".to_owned(), Some(Box::new(Val::Option(None)))));
    for bad in ["\"half-circle\"", "{\"none\": 1}", "\"square\"", "{\"none\": null, \"label\": null}", "1", "{}"] {
        refused(&shape, bad);
    }

    let result = ty("(result u8 (error string))");
    same(&result, "{\"ok\": 1}", Val::Result(Ok(Some(Box::new(Val::U8(1))))));
    same(&result, "{\"err\": \"no\"}", Val::Result(Err(Some(Box::new(Val::String("no".to_owned()))))));
    refused(&result, "{\"ok\": \"no\"}");
    refused(&result, "1");
    let bare = ty("(result)");
    same(&bare, "{\"ok\": null}", Val::Result(Ok(None)));
    both(&bare, "\"err\"", Val::Result(Err(None)), "{\"err\": null}");
    refused(&bare, "{\"ok\": 1}");

    let level = named_type(&define("level", "(enum \"low\" \"very-high\")"), "$level");
    same(&level, "\"very-high\"", Val::Enum("very-high".to_owned()));
    both(&level, "\"very_high\"", Val::Enum("very-high".to_owned()), "\"very-high\"");
    refused(&level, "\"high\"");
    refused(&level, "0");

    let flags = named_type(&define("mode", "(flags \"read\" \"write-all\")"), "$mode");
    same(&flags, "[\"read\", \"write-all\"]", Val::Flags(vec!["read".to_owned(), "write-all".to_owned()]));
    same(&flags, "[]", Val::Flags(vec![]));
    both(&flags, "[\"write_all\", \"write-all\"]", Val::Flags(vec!["write-all".to_owned()]), "[\"write-all\"]");
    refused(&flags, "[\"delete\"]");
    refused(&flags, "\"read\"");
}

#[test]
fn results_are_unwrapped() {
    let (_, results) = function("", "(result (result u8 (error string)))");
    let ok = Val::Result(Ok(Some(Box::new(Val::U8(1)))));
    let err = Val::Result(Err(Some(Box::new(Val::String("no".to_owned())))));
    assert_eq!(lift_results(&[ok], &results), Lifted::Ok(json("1")));
    assert_eq!(lift_results(&[err], &results), Lifted::Err(json("\"no\"")));
    let (_, results) = function("", "(result (result))");
    assert_eq!(lift_results(&[Val::Result(Err(None))], &results), Lifted::Err(Value::Null));
    let (_, results) = function("", "(result (option u8))");
    assert_eq!(lift_results(&[Val::Option(None)], &results), Lifted::Ok(Value::Null));
    assert_eq!(lift_results(&[], &[]), Lifted::Ok(Value::Null));
}

#[test]
fn resources_cannot_be_passed() {
    let handle = named_type("(import \"r\" (type $r (sub resource)))", "(own $r)");
    let error = lower(&json("1"), &handle, MOST).unwrap_err();
    assert!(error.to_string().contains("resources, futures and streams cannot be passed"), "{error}");
}

#[test]
fn types_are_written_as_wit() {
    let defined = define("row", "(record (field \"a\" (list (tuple u8 (option char)))) (field \"b\" f32))");
    assert_eq!(
        type_text(&named_type(&defined, "(result (list $row) (error string))")),
        "result<list<record { a: list<…>, b: f32 }>, string>"
    );
    assert_eq!(type_text(&ty("(result (error u8))")), "result<_, u8>");
    assert_eq!(type_text(&named_type(&define("e", "(enum \"x\" \"y\")"), "$e")), "enum { x, y }");
    let wide = format!("(record {})", (0..100).map(|index| format!("(field \"f{index}\" u8) ")).collect::<String>());
    assert!(type_text(&named_type(&define("wide", &wide), "$wide")).len() < 200);
}
