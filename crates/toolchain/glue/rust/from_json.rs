//! Values from JSON.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::rc::Rc;
use std::sync::Arc;

use super::{Error, Reader};

/// What can be a parameter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from JSON",
    note = "bool, numbers, char, String, &str, Option, Vec, slices, arrays, tuples, maps with string keys, sets, Json, and structs and enums of these"
)]
pub trait FromJson: Sized {
    /// Reads the value that comes next.
    fn read(input: &mut Reader<'_>) -> Result<Self, Error>;

    /// The value of what is not there at all.
    fn missing() -> Option<Self> {
        None
    }
}

impl FromJson for bool {
    fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
        match (input.word("true"), input.word("false")) {
            (true, _) => Ok(true),
            (_, true) => Ok(false),
            _ => Err(input.expected("true or false")),
        }
    }
}

impl FromJson for () {
    fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
        match input.word("null") {
            true => Ok(()),
            false => Err(input.expected("null")),
        }
    }

    fn missing() -> Option<Self> {
        Some(())
    }
}

/// An integer as JSON may also write it: `1.0`, `1e3`.
#[cold]
fn whole(text: &str) -> Option<i128> {
    /// Above this, neighbours of a double are more than 1 apart.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number: f64 = text.parse().ok()?;
    (number.trunc() == number && number.abs() <= EXACT).then_some(number as i128)
}

macro_rules! integers {
    ($($kind:ident)*) => { $(
        impl FromJson for $kind {
            fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
                let text = match input.peek() {
                    Some(b'-' | b'0'..=b'9') => input.number()?,
                    _ => return Err(input.expected("an integer")),
                };
                if let Ok(number) = text.parse() {
                    return Ok(number);
                }
                if text == "-0" {
                    return Ok(0);
                }
                match whole(text).map($kind::try_from) {
                    Some(Ok(number)) => Ok(number),
                    None if text.contains(['.', 'e', 'E']) => Err(Error::new(["expected an integer, found ", text].concat())),
                    _ => Err(Error::new([text, " is out of the range of ", stringify!($kind)].concat())),
                }
            }
        }
    )* };
}

integers!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

macro_rules! floats {
    ($($kind:ident)*) => { $(
        impl FromJson for $kind {
            fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
                let text = input.number()?;
                match text.parse::<$kind>() {
                    Ok(number) if number.is_finite() => Ok(number),
                    _ => Err(Error::new([text, " is out of the range of ", stringify!($kind)].concat())),
                }
            }
        }
    )* };
}

floats!(f32 f64);

impl FromJson for String {
    fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
        input.string().map(Cow::into_owned)
    }
}

impl FromJson for char {
    fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
        let text = input.string()?;
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(Error::new(["expected one character, found \"", &text, "\""].concat())),
        }
    }
}

/// What is borrowed lives as long as the call, and that is as long as the instance.
impl FromJson for &'static str {
    fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(String::read(input)?.leak())
    }
}

impl<T: FromJson> FromJson for &'static [T] {
    fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Vec::read(input)?.leak())
    }
}

impl<T: FromJson> FromJson for &'static mut [T] {
    fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Vec::read(input)?.leak())
    }
}

impl<T: FromJson> FromJson for &'static T {
    fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Box::leak(Box::new(T::read(input)?)))
    }

    fn missing() -> Option<Self> {
        Some(Box::leak(Box::new(T::missing()?)))
    }
}

impl<T: FromJson> FromJson for &'static mut T {
    fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Box::leak(Box::new(T::read(input)?)))
    }
}

impl FromJson for Cow<'static, str> {
    fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
        String::read(input).map(Cow::Owned)
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
        match input.word("null") {
            true => Ok(None),
            false => T::read(input).map(Some),
        }
    }

    fn missing() -> Option<Self> {
        Some(None)
    }
}

macro_rules! owners {
    ($($owner:ident)*) => { $(
        impl<T: FromJson> FromJson for $owner<T> {
            fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
                T::read(input).map($owner::new)
            }

            fn missing() -> Option<Self> {
                T::missing().map($owner::new)
            }
        }

        impl FromJson for $owner<str> {
            fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
                String::read(input).map($owner::from)
            }
        }

        impl<T: FromJson> FromJson for $owner<[T]> {
            fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
                Vec::read(input).map($owner::from)
            }
        }
    )* };
}

owners!(Box Rc Arc);

impl<T: FromJson> FromJson for Vec<T> {
    fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
        let mut items = Vec::new();
        input.array(&mut |input| {
            items.push(T::read(input)?);
            Ok(())
        })?;
        Ok(items)
    }
}

impl<T: FromJson, const N: usize> FromJson for [T; N] {
    fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
        let items: Vec<T> = Vec::read(input)?;
        let found = items.len();
        items.try_into().map_err(|_| Error::new(format!("expected {N} items, found {found}")))
    }
}

macro_rules! collections {
    ($($kind:ty, [$($bound:tt)*];)*) => { $(
        impl<T: FromJson + $($bound)*> FromJson for $kind {
            fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
                Vec::read(input).map(|items: Vec<T>| items.into_iter().collect())
            }
        }
    )* };
}

collections! {
    VecDeque<T>, [];
    BTreeSet<T>, [Ord];
}

impl<T: FromJson + Eq + Hash, S: BuildHasher + Default> FromJson for HashSet<T, S> {
    fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
        Vec::read(input).map(|items: Vec<T>| items.into_iter().collect())
    }
}

/// The name of a member: text, or a number that is written in one.
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be the key of a map from JSON: keys are text or integers")]
pub trait FromKey: Sized {
    /// Reads the name.
    fn from_key(name: &str) -> Result<Self, Error>;
}

impl FromKey for String {
    fn from_key(name: &str) -> Result<Self, Error> {
        Ok(name.into())
    }
}

impl FromKey for &'static str {
    fn from_key(name: &str) -> Result<Self, Error> {
        Ok(String::from(name).leak())
    }
}

macro_rules! keys {
    ($($kind:ident)*) => { $(
        impl FromKey for $kind {
            fn from_key(name: &str) -> Result<Self, Error> {
                name.parse().map_err(|_| Error::new(["expected a name that is ", stringify!($kind), ", found \"", name, "\""].concat()))
            }
        }
    )* };
}

keys!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize char bool);

impl<K: FromKey + Ord, V: FromJson> FromJson for BTreeMap<K, V> {
    fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
        let mut members = BTreeMap::new();
        input.object(&mut |input, name| {
            members.insert(K::from_key(name)?, V::read(input)?);
            Ok(())
        })?;
        Ok(members)
    }
}

impl<K: FromKey + Eq + Hash, V: FromJson, S: BuildHasher + Default> FromJson for HashMap<K, V, S> {
    fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
        let mut members = HashMap::default();
        input.object(&mut |input, name| {
            members.insert(K::from_key(name)?, V::read(input)?);
            Ok(())
        })?;
        Ok(members)
    }
}

macro_rules! tuples {
    ($($count:literal: $($name:ident)*;)*) => { $(
        impl<$($name: FromJson),*> FromJson for ($($name,)*) {
            #[allow(non_snake_case)]
            fn read(input: &mut Reader<'_>) -> Result<Self, Error> {
                $(let mut $name = None;)*
                let mut found = 0;
                input.array(&mut |input| {
                    found += 1;
                    let mut index = 0;
                    $(
                        index += 1;
                        if found == index {
                            return super::__private::set(&mut $name, input);
                        }
                    )*
                    input.skip()
                })?;
                match ($($name,)*) {
                    ($(Some($name),)*) if found == $count => Ok(($($name,)*)),
                    _ => Err(Error::new(format!("expected {} items, found {found}", $count))),
                }
            }
        }
    )* };
}

tuples! {
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
    7: A B C D E F G;
    8: A B C D E F G H;
}
