//! Plain scalars of YAML 1.2's core schema (section 10.3.2 of its specification).

use crate::tree::Data;

/// What a scalar without quotes is.
pub(crate) fn resolve(text: &str) -> Data {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Data::Null,
        "true" | "True" | "TRUE" => return Data::Bool(true),
        "false" | "False" | "FALSE" => return Data::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Data::Float(f64::NAN),
        _ => {}
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if matches!(digits, ".inf" | ".Inf" | ".INF") {
        return Data::Float(if sign.is_empty() { f64::INFINITY } else { f64::NEG_INFINITY });
    }
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return integer(&format!("{sign}{digits}"));
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|digit| digit.is_digit(radix))
            && let Ok(value) = u64::from_str_radix(digits, radix)
        {
            return i64::try_from(value).map_or(Data::UInt(value), Data::Int);
        }
    }
    if is_float(digits)
        && let Ok(value) = text.parse::<f64>()
    {
        return Data::Float(value);
    }
    Data::String(text.to_owned())
}

/// Exactly, where 64 bits hold it.
pub(crate) fn integer(text: &str) -> Data {
    if let Ok(value) = text.parse::<i64>() {
        return Data::Int(value);
    }
    if let Ok(value) = text.parse::<u64>() {
        return Data::UInt(value);
    }
    text.parse::<f64>().map_or_else(|_| Data::String(text.to_owned()), Data::Float)
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_is_right = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    !(whole.is_empty() && fraction.is_empty()) && all_digits(whole) && all_digits(fraction) && exponent_is_right
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        format!("{:?}", resolve(text))
    }

    #[test]
    fn the_core_schema() {
        for (text, expected) in [
            ("12", "Int(12)"),
            ("-12", "Int(-12)"),
            ("+12", "Int(12)"),
            ("0012", "Int(12)"),
            ("9223372036854775807", "Int(9223372036854775807)"),
            ("9223372036854775808", "UInt(9223372036854775808)"),
            ("0x1F", "Int(31)"),
            ("0o17", "Int(15)"),
            ("1.5", "Float(1.5)"),
            ("1e3", "Float(1000.0)"),
            (".5", "Float(0.5)"),
            ("5.", "Float(5.0)"),
            ("-.inf", "Float(-inf)"),
            ("no", "String(\"no\")"),
            ("1_000", "String(\"1_000\")"),
            ("1:30", "String(\"1:30\")"),
            (".", "String(\".\")"),
            ("-", "String(\"-\")"),
            ("e5", "String(\"e5\")"),
            ("1e", "String(\"1e\")"),
            ("inf", "String(\"inf\")"),
            ("~", "Null"),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
    }
}
