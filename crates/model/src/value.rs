//! The values that travel between steps, and their one JSON form.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use indexmap::IndexMap;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::Digest;

/// The members of a JSON object, in the order in which they were written.
pub type Object = IndexMap<Arc<str>, Value>;

/// The member name that marks bytes in JSON: `{"$base64": "…"}`.
pub(crate) const BYTES_KEY: &str = "$base64";

/// A value between steps: JSON's data model, plus bytes, plus integers that never lose a digit.
///
/// A clone costs a reference count, whatever the size: a fan-out of 10,000 steps shares one copy.
///
/// In JSON, [`Value::Bytes`] is `{"$base64": "…"}`, and a float that JSON cannot write is one of the strings `"NaN"`,
/// `"Infinity"`, `"-Infinity"`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// JSON `null`.
    #[default]
    Null,
    /// JSON `true` or `false`.
    Bool(bool),
    /// An integer that fits 64 bits with a sign.
    Int(i64),
    /// An integer past `i64::MAX`; smaller ones are always [`Value::Int`], so that equal numbers compare equal.
    UInt(u64),
    /// Any other number.
    Float(f64),
    /// Text.
    String(Arc<String>),
    /// Bytes that are not (or need not be) text.
    Bytes(Bytes),
    /// A list.
    List(Arc<Vec<Value>>),
    /// An object; its members keep the order in which they were written.
    Object(Arc<Object>),
}

/// What a step's unit is called with.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// `with: { name: … }`: parameters by name; for `bytes` and `command`, one JSON object.
    Named(Object),
    /// `with: [ … ]`: parameters by position; for `bytes` and `command`, one JSON array.
    Positional(Vec<Value>),
    /// `with: <one value>`: the only parameter; for `bytes` and `command`, the input itself.
    Single(Value),
}

impl Input {
    /// The value whose digest stands in the receipt.
    pub fn to_value(&self) -> Value {
        match self {
            Input::Named(object) => Value::from(object.clone()),
            Input::Positional(list) => Value::from(list.clone()),
            Input::Single(value) => value.clone(),
        }
    }

    /// The digest that stands in the receipt: that of [`Input::to_value`], without making it.
    pub fn digest(&self) -> Digest {
        match self {
            Input::Named(object) => digest_json(&CanonicalObject(object)),
            Input::Positional(list) => digest_json(&CanonicalList(list)),
            Input::Single(value) => value.digest(),
        }
    }

    /// The bytes that a `bytes` unit or a `command` is given: text as UTF-8, bytes as they are, anything else as JSON.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Input::Single(value) => value.to_bytes(),
            other => Bytes::from(other.to_value().to_json().into_bytes()),
        }
    }
}

impl<T: Into<Value>> From<T> for Input {
    fn from(value: T) -> Self {
        Input::Single(value.into())
    }
}

/// Text that several values share, as bytes.
struct SharedText(Arc<String>);

impl AsRef<[u8]> for SharedText {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Value {
    /// A text value.
    pub fn text(text: impl Into<String>) -> Self {
        Value::String(Arc::new(text.into()))
    }

    /// What a user calls this kind of value: `null`, `boolean`, `integer`, `number`, `string`, `bytes`, `array`, `object`.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Int(_) | Value::UInt(_) => "integer",
            Value::Float(_) => "number",
            Value::String(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "array",
            Value::Object(_) => "object",
        }
    }

    /// The text, where this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The member `name`, where this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Object(object) => object.get(name),
            _ => None,
        }
    }

    /// The bytes that this value is as the input of a `bytes` unit or a `command`. Text and bytes are shared, not copied.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Value::String(text) => Bytes::from_owner(SharedText(text.clone())),
            Value::Bytes(bytes) => bytes.clone(),
            other => Bytes::from(other.to_json().into_bytes()),
        }
    }

    /// Compact JSON.
    pub fn to_json(&self) -> String {
        // A `Value` has string keys and no failing member: serialising it into memory cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads one JSON document.
    ///
    /// # Errors
    /// What is wrong and where (line and column), in `serde_json`'s words.
    pub fn from_json(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// The digest that stands in receipts: SHA-256 of one kind byte and the content.
    ///
    /// `s` and the UTF-8 for text, `b` and the bytes for bytes, `j` and compact JSON with sorted keys for anything else.
    /// Check one by hand with `(printf s; cat output.txt) | sha256sum`.
    pub fn digest(&self) -> Digest {
        let of = |kind: &[u8], content: &[u8]| {
            Digest::from_bytes(Sha256::new().chain_update(kind).chain_update(content).finalize().into())
        };
        match self {
            Value::String(text) => of(b"s", text.as_bytes()),
            Value::Bytes(bytes) => of(b"b", bytes),
            other => digest_json(&Canonical(other)),
        }
    }

    /// About how many bytes this value keeps alive; used to bound what a run holds.
    pub fn size(&self) -> usize {
        match self {
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => 0,
            Value::String(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::List(list) => list.iter().map(|item| item.size() + size_of::<Value>()).sum(),
            Value::Object(object) => {
                object.iter().map(|(key, item)| key.len() + item.size() + size_of::<Value>()).sum()
            }
        }
    }
}

struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.0.update(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn digest_json(content: &impl Serialize) -> Digest {
    let mut hasher = Sha256::new_with_prefix(b"j");
    // Writing to a hasher cannot fail, nor can serialising a `Value`.
    let _ = serde_json::to_writer(HashWriter(&mut hasher), content);
    Digest::from_bytes(hasher.finalize().into())
}

/// A value that serialises with its keys sorted.
struct Canonical<'a>(&'a Value);

struct CanonicalList<'a>(&'a [Value]);

struct CanonicalObject<'a>(&'a Object);

impl Serialize for Canonical<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::List(list) => CanonicalList(list).serialize(serializer),
            Value::Object(object) => CanonicalObject(object).serialize(serializer),
            other => other.serialize(serializer),
        }
    }
}

impl Serialize for CanonicalList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Canonical))
    }
}

impl Serialize for CanonicalObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members: Vec<_> = self.0.iter().collect();
        members.sort_by_key(|(name, _)| *name);
        serializer.collect_map(members.into_iter().map(|(name, value)| (name, Canonical(value))))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::UInt(value) => serializer.serialize_u64(*value),
            Value::Float(value) if value.is_nan() => serializer.serialize_str("NaN"),
            Value::Float(value) if value.is_infinite() => {
                serializer.serialize_str(if *value > 0.0 { "Infinity" } else { "-Infinity" })
            }
            Value::Float(value) => serializer.serialize_f64(*value),
            Value::String(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(BYTES_KEY, &BASE64.encode(bytes))?;
                map.end()
            }
            Value::List(list) => {
                let mut seq = serializer.serialize_seq(Some(list.len()))?;
                for item in list.iter() {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Value::Object(object) => serializer.collect_map(object.iter()),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::text(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::text(value))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(Bytes::copy_from_slice(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = access.next_element()? {
            list.push(item);
        }
        Ok(Value::from(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut object = Object::new();
        while let Some((key, value)) = access.next_entry::<String, Value>()? {
            object.insert(key.into(), value);
        }
        if object.len() == 1
            && let Some(Value::String(encoded)) = object.get(BYTES_KEY)
        {
            let bytes = BASE64.decode(encoded.as_bytes()).map_err(de::Error::custom)?;
            return Ok(Value::Bytes(bytes.into()));
        }
        Ok(Value::from(object))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Value::UInt(value), Value::Int)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::text(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::text(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(value: Vec<Value>) -> Self {
        Value::List(Arc::new(value))
    }
}

impl From<Object> for Value {
    fn from(value: Object) -> Self {
        Value::Object(Arc::new(value))
    }
}

impl From<Bytes> for Value {
    fn from(value: Bytes) -> Self {
        Value::Bytes(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_digits_order_and_bytes() {
        let text = r#"{"z":9007199254740993,"a":18446744073709551615,"f":0.1,"b":{"$base64":"AAH/"},"l":[null,true]}"#;
        let value = Value::from_json(text.as_bytes()).unwrap();
        assert_eq!(value.to_json(), text);
        assert_eq!(value.get("b"), Some(&Value::Bytes(Bytes::from_static(&[0, 1, 255]))));
    }

    #[test]
    fn equal_objects_have_one_digest_whatever_the_order() {
        let one = Value::from_json(br#"{"a":1,"b":{"c":2,"d":3}}"#).unwrap();
        let two = Value::from_json(br#"{"b":{"d":3,"c":2},"a":1}"#).unwrap();
        assert_eq!(one.digest(), two.digest());
    }

    #[test]
    fn an_input_has_the_digest_of_its_value() {
        let object = Value::from_json(br#"{"b":[{"d":1,"c":2}],"a":"x"}"#).unwrap();
        let Value::Object(members) = &object else { panic!("no object") };
        let list = vec![object.clone(), Value::Null];
        for input in [Input::Named((**members).clone()), Input::Positional(list), Input::Single(object.clone())] {
            assert_eq!(input.digest(), input.to_value().digest());
        }
    }

    #[test]
    fn kinds_never_share_a_digest() {
        let kinds =
            [Value::from("1"), Value::from(1_i64), Value::Bytes(Bytes::from_static(b"1")), Value::from("\"1\"")];
        for (index, left) in kinds.iter().enumerate() {
            for right in &kinds[index + 1..] {
                assert_ne!(left.digest(), right.digest(), "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn floats_keep_their_last_digit() {
        for float in [4.971086460665087e272, 0.1 + 0.2, f64::MIN_POSITIVE, f64::MAX, 5e-324, 1.0 / 3.0] {
            let text = Value::from(float).to_json();
            assert_eq!(Value::from_json(text.as_bytes()).unwrap(), Value::Float(float), "{text}");
        }
    }

    #[test]
    fn floats_that_json_lacks_are_named() {
        assert_eq!(Value::from(f64::NEG_INFINITY).to_json(), "\"-Infinity\"");
        assert_eq!(Value::from(f64::NAN).to_json(), "\"NaN\"");
    }
}
