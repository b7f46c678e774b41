//! Data of any shape.

use std::collections::BTreeMap;
use std::ops::Index;

use super::{Error, FromJson, Reader, ToJson, Writer};

/// Any JSON, for what has no type of its own: `wasmill::Json`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Json {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without a fraction. All of `i64` and `u64` are exact.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// Text.
    String(String),
    /// A list.
    Array(Vec<Json>),
    /// Members by name.
    Object(BTreeMap<String, Json>),
}

/// What is not there.
static NULL: Json = Json::Null;

impl Json {
    /// Whether there is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Json::Null)
    }

    /// The member of an object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.as_object()?.get(name)
    }

    /// `true` or `false`, where it is one of them.
    pub fn as_bool(&self) -> Option<bool> {
        if let Json::Bool(value) = self { Some(*value) } else { None }
    }

    /// The integer, where it is one and fits.
    pub fn as_i64(&self) -> Option<i64> {
        if let Json::Integer(value) = self { i64::try_from(*value).ok() } else { None }
    }

    /// The number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Json::Integer(value) => Some(*value as f64),
            Json::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The text.
    pub fn as_str(&self) -> Option<&str> {
        if let Json::String(value) = self { Some(value) } else { None }
    }

    /// The list.
    pub fn as_array(&self) -> Option<&[Json]> {
        if let Json::Array(value) = self { Some(value) } else { None }
    }

    /// The members.
    pub fn as_object(&self) -> Option<&BTreeMap<String, Json>> {
        if let Json::Object(value) = self { Some(value) } else { None }
    }
}

/// A member; null where there is none.
impl Index<&str> for Json {
    type Output = Json;

    fn index(&self, name: &str) -> &Json {
        self.get(name).unwrap_or(&NULL)
    }
}

/// An item; null where there is none.
impl Index<usize> for Json {
    type Output = Json;

    fn index(&self, index: usize) -> &Json {
        self.as_array().and_then(|items| items.get(index)).unwrap_or(&NULL)
    }
}

impl FromJson for Json {
    fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(match input.peek() {
            Some(b'{') => Json::Object(FromJson::read(input)?),
            Some(b'[') => Json::Array(FromJson::read(input)?),
            Some(b'"') => Json::String(FromJson::read(input)?),
            Some(b'-' | b'0'..=b'9') => {
                let text = input.number()?;
                match text.parse() {
                    Ok(number) if text != "-0" => Json::Integer(number),
                    _ => match text.parse::<f64>() {
                        Ok(number) if number.is_finite() => Json::Float(number),
                        _ => return Err(Error::new([text, " is out of the range of f64"].concat())),
                    },
                }
            }
            _ if input.word("null") => Json::Null,
            _ => Json::Bool(bool::read(input)?),
        })
    }
}

impl ToJson for Json {
    fn write(&self, output: &mut Writer) -> Result<(), Error> {
        match self {
            Json::Null => ().write(output),
            Json::Bool(value) => value.write(output),
            Json::Integer(value) => {
                output.integer(*value);
                Ok(())
            }
            Json::Float(value) => value.write(output),
            Json::String(value) => value.write(output),
            Json::Array(value) => value.write(output),
            Json::Object(value) => value.write(output),
        }
    }
}

macro_rules! from {
    ($($kind:ty, $value:ident => $json:expr;)*) => { $(
        impl From<$kind> for Json {
            fn from($value: $kind) -> Self {
                $json
            }
        }
    )* };
}

from! {
    (), _value => Json::Null;
    bool, value => Json::Bool(value);
    i32, value => Json::Integer(value.into());
    i64, value => Json::Integer(value.into());
    u32, value => Json::Integer(value.into());
    u64, value => Json::Integer(value.into());
    usize, value => Json::Integer(value as i128);
    f64, value => Json::Float(value);
    &str, value => Json::String(value.into());
    String, value => Json::String(value);
}

impl<T: Into<Json>> From<Vec<T>> for Json {
    fn from(items: Vec<T>) -> Self {
        Json::Array(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Json::Null, Into::into)
    }
}

impl<T: Into<Json>> From<BTreeMap<String, T>> for Json {
    fn from(members: BTreeMap<String, T>) -> Self {
        Json::Object(members.into_iter().map(|(name, value)| (name, value.into())).collect())
    }
}
