//! Numbers: whole ones exactly, as long as they stay within 64 bits.

use alloc::borrow::{Cow, ToOwned as _};
use alloc::format;
use alloc::string::{String, ToString as _};

use crate::json;

/// A JSON number.
#[derive(Clone, Copy)]
enum Number {
    Whole(i128),
    Float(f64),
}

impl Number {
    /// A JSON number, or text that is one.
    fn read(json: &str) -> Option<Number> {
        let text = if json.starts_with('"') { Cow::Owned(json::text(json)?) } else { Cow::Borrowed(json) };
        let text = text.trim();
        if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.')) {
            return None;
        }
        if let Ok(whole) = text.parse::<i64>() {
            return Some(Number::Whole(whole.into()));
        }
        if let Ok(whole) = text.parse::<u64>() {
            return Some(Number::Whole(whole.into()));
        }
        text.parse().ok().map(Number::Float)
    }

    fn as_f64(self) -> f64 {
        match self {
            Number::Whole(whole) => whole as f64,
            Number::Float(float) => float,
        }
    }

    /// As JSON: a float without a fraction is a whole number. None where JSON has no such number.
    fn write(self) -> Option<String> {
        let float = match self {
            Number::Whole(whole) if i64::try_from(whole).is_ok() || u64::try_from(whole).is_ok() => {
                return Some(whole.to_string());
            }
            other => other.as_f64(),
        };
        if !float.is_finite() {
            return None;
        }
        let whole = float as i64;
        if whole as f64 == float && float.abs() < 9.2e18 {
            return Some(whole.to_string());
        }
        // The shortest digits that are this number; with an exponent where it is large or small.
        Some(format!("{float:?}"))
    }

    fn apply(self, operation: &str, other: Number) -> Option<Number> {
        if let (Number::Whole(one), Number::Whole(other)) = (self, other) {
            let whole = match operation {
                "add" => one.checked_add(other),
                "subtract" => one.checked_sub(other),
                "multiply" => one.checked_mul(other),
                "divide" if one.checked_rem(other) == Some(0) => one.checked_div(other),
                _ => None,
            };
            if let Some(whole) = whole {
                return Some(Number::Whole(whole));
            }
        }
        let (one, other) = (self.as_f64(), other.as_f64());
        Some(Number::Float(match operation {
            "add" => one + other,
            "subtract" => one - other,
            "multiply" => one * other,
            "divide" if other != 0.0 => one / other,
            _ => return None,
        }))
    }
}

/// A number and each number of a list, changed; a request `{"operation": …, "operands": [a, b]}`, answered; anything else as it is.
pub fn calculate(value: &str, operation: &str, operand: &str) -> Option<String> {
    let operand = Number::read(operand)?;
    if !matches!(operation, "add" | "subtract" | "multiply" | "divide") {
        return None;
    }
    if value.starts_with('{') {
        return request(value).unwrap_or_else(|| Some(value.to_owned()));
    }
    if value.starts_with('[') {
        let mut list = String::from("[");
        for (position, item) in json::items(value)?.into_iter().enumerate() {
            list.push_str(if position > 0 { "," } else { "" });
            list.push_str(&one(item, operation, operand)?);
        }
        list.push(']');
        return Some(list);
    }
    one(value, operation, operand)
}

fn one(value: &str, operation: &str, operand: Number) -> Option<String> {
    match Number::read(value) {
        Some(number) => number.apply(operation, operand)?.write(),
        None => Some(value.to_owned()),
    }
}

/// None where the object is no request.
fn request(value: &str) -> Option<Option<String>> {
    let members = json::members(value)?;
    let operation = json::text(members.get("operation")?)?;
    let operands = json::items(members.get("operands")?)?;
    let [one, other] = operands.as_slice() else { return Some(None) };
    let result = || Number::read(one)?.apply(&operation, Number::read(other)?)?.write();
    Some(
        result().map(|result| {
            format!("{{\"result\":{result},\"operation\":\"{operation}\",\"operands\":[{one},{other}]}}")
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::calculate;

    #[test]
    fn whole_numbers_stay_whole() {
        for (value, operation, operand, expected) in [
            ("5", "multiply", "2", "10"),
            ("9007199254740993", "add", "0", "9007199254740993"),
            ("9223372036854775807", "add", "1", "9223372036854775808"),
            ("18446744073709551615", "multiply", "18446744073709551615", "3.402823669209385e38"),
            ("7", "divide", "2", "3.5"),
            ("8", "divide", "2", "4"),
            ("2.5", "multiply", "2", "5"),
            ("\"1.5\"", "add", "1", "2.5"),
            ("-3", "subtract", "0.5", "-3.5"),
            ("[1, \"x\", 2.5]", "multiply", "2", "[2,\"x\",5]"),
            ("\"inf\"", "add", "1", "\"inf\""),
            ("true", "add", "1", "true"),
            ("null", "add", "1", "null"),
        ] {
            assert_eq!(
                calculate(value, operation, operand).as_deref(),
                Some(expected),
                "{value} {operation} {operand}"
            );
        }
    }

    #[test]
    fn there_is_no_answer_to_what_has_none() {
        for (value, operation, operand) in
            [("1", "divide", "0"), ("1", "power", "2"), ("1e308", "multiply", "10"), ("1", "add", "\"x\"")]
        {
            assert_eq!(calculate(value, operation, operand), None, "{value} {operation} {operand}");
        }
    }

    #[test]
    fn requests_are_answered() {
        let request = r#"{"operation": "divide", "operands": [100, 8]}"#;
        assert_eq!(
            calculate(request, "add", "0").as_deref(),
            Some(r#"{"result":12.5,"operation":"divide","operands":[100,8]}"#)
        );
        assert_eq!(calculate(r#"{"operation": "divide", "operands": [1, 0]}"#, "add", "0"), None);
        assert_eq!(calculate(r#"{"a": 1}"#, "add", "0").as_deref(), Some(r#"{"a": 1}"#));
    }
}
