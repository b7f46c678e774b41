//! Which processor or node is meant, and what it is given.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;

use crate::{json, number, text};

/// The members of the input.
struct Call<'a>(json::Members<'a>);

impl<'a> Call<'a> {
    fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).filter(|json| *json != "null")
    }

    /// A parameter that is text; none where it is left out is not the same as none where it is no text.
    fn text(&self, name: &str) -> Option<Option<String>> {
        match self.raw(name) {
            None => Some(None),
            Some(json) => json::text(json).map(Some),
        }
    }

    /// The input, where it is text.
    fn input(&self) -> Option<String> {
        self.text("input").flatten()
    }
}

/// What the call in these bytes gives.
pub fn answer(input: &[u8]) -> Option<String> {
    let call = Call(json::members(core::str::from_utf8(input).ok()?)?);
    // Nothing at all is `null`.
    let value = call.raw("input").unwrap_or("null");
    match call.text("call")??.as_str() {
        "change_text_case_upper" => Some(call.input()?.to_uppercase()),
        "change_text_case_lower" => Some(call.input()?.to_lowercase()),
        "change_text_case_proper" => Some(text::proper(&call.input()?)),
        "change_text_case_title" => Some(text::title(&call.input()?)),
        "reverse_text" => Some(text::reversed(&call.input()?)),
        "prefix_suffix_adder" => {
            let mut joined = call.text("prefix")?.unwrap_or_default();
            joined.push_str(&call.input()?);
            joined.push_str(&call.text("suffix")?.unwrap_or_default());
            Some(joined)
        }
        "token_counter" => text::counts(&call.input()?, call.text("count_type")?.as_deref().unwrap_or("all")),
        "word_frequency_analyzer" => Some(text::frequencies(&call.input()?)),
        "PassThrough" => Some(value.to_owned()),
        "Echo" => {
            let counter = call.raw("counter").unwrap_or("1");
            Some(format!("{{\"input\":{value},\"counter\":{counter},\"node\":\"Echo\"}}"))
        }
        "CalculatorNode" => {
            let operation = call.text("operation")?.unwrap_or_else(|| "add".to_owned());
            number::calculate(value, &operation, call.raw("operand").unwrap_or("0"))
        }
        "MultiplyNode" => number::calculate(value, "multiply", call.raw("factor").unwrap_or("2")),
        "AddNode" => number::calculate(value, "add", call.raw("addend").unwrap_or("0")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::answer;

    fn call(json: &str) -> Option<String> {
        answer(json.as_bytes())
    }

    #[test]
    fn a_call_is_an_object_that_names_what_there_is() {
        for json in ["", "null", "[]", "{}", r#"{"call": 1}"#, r#"{"call": "nothing", "input": "x"}"#, "\u{feff}{}"] {
            assert_eq!(call(json), None, "{json}");
        }
        assert_eq!(answer(b"{\"call\": \"reverse_text\", \"input\": \"\xff\"}"), None);
    }

    #[test]
    fn text_is_asked_for_where_text_is_needed() {
        assert_eq!(call(r#"{"call": "reverse_text", "input": 12}"#), None);
        assert_eq!(call(r#"{"call": "reverse_text"}"#), None);
        assert_eq!(call(r#"{"call": "prefix_suffix_adder", "input": "x", "prefix": 1}"#), None);
        assert_eq!(call(r#"{"call": "reverse_text", "input": ""}"#).as_deref(), Some(""));
    }

    #[test]
    fn prefix_and_suffix_are_added() {
        let added = call(r#"{"call": "prefix_suffix_adder", "input": "x", "prefix": "🔄 ", "suffix": "\n]"}"#);
        assert_eq!(added.as_deref(), Some("🔄 x\n]"));
        let added = call(r#"{"call": "prefix_suffix_adder", "input": "x", "prefix": "> ", "suffix": null}"#);
        assert_eq!(added.as_deref(), Some("> x"));
    }

    #[test]
    fn values_pass_as_they_are() {
        let value = r#"{"a": [1.50, 18446744073709551616, "é"]}"#;
        assert_eq!(call(&format!(r#"{{"call": "PassThrough", "input": {value}}}"#)).as_deref(), Some(value));
        assert_eq!(call(r#"{"call": "PassThrough"}"#).as_deref(), Some("null"));
        let echo = call(r#"{"call": "Echo", "input": [1], "counter": 3}"#);
        assert_eq!(echo.as_deref(), Some(r#"{"input":[1],"counter":3,"node":"Echo"}"#));
    }
}
