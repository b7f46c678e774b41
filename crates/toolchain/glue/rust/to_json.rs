//! Values as JSON.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Display;
use std::rc::Rc;
use std::sync::Arc;

use super::{Error, Writer};

/// What can be a result.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written as JSON",
    note = "bool, numbers, char, String, &str, Option, Result, Vec, slices, arrays, tuples, maps with string keys, sets, Json, and structs and enums of these"
)]
pub trait ToJson {
    /// Writes the value.
    fn write(&self, output: &mut Writer) -> Result<(), Error>;
}

/// What went wrong in the user's function has no result.
impl<T: ToJson, E: Display> ToJson for Result<T, E> {
    fn write(&self, output: &mut Writer) -> Result<(), Error> {
        match self {
            Ok(value) => value.write(output),
            Err(error) => Err(Error::own(error.to_string())),
        }
    }
}

impl ToJson for bool {
    fn write(&self, output: &mut Writer) -> Result<(), Error> {
        output.raw(if *self { "true" } else { "false" });
        Ok(())
    }
}

impl ToJson for () {
    fn write(&self, output: &mut Writer) -> Result<(), Error> {
        output.raw("null");
        Ok(())
    }
}

macro_rules! integers {
    ($($kind:ident)*) => { $(
        impl ToJson for $kind {
            fn write(&self, output: &mut Writer) -> Result<(), Error> {
                output.raw(&self.to_string());
                Ok(())
            }
        }
    )* };
}

integers!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

macro_rules! floats {
    ($($kind:ident)*) => { $(
        impl ToJson for $kind {
            fn write(&self, output: &mut Writer) -> Result<(), Error> {
                output.float(*self)
            }
        }
    )* };
}

floats!(f32 f64);

impl ToJson for str {
    fn write(&self, output: &mut Writer) -> Result<(), Error> {
        output.string(self);
        Ok(())
    }
}

impl ToJson for String {
    fn write(&self, output: &mut Writer) -> Result<(), Error> {
        output.string(self);
        Ok(())
    }
}

impl ToJson for char {
    fn write(&self, output: &mut Writer) -> Result<(), Error> {
        output.string(self.encode_utf8(&mut [0; 4]));
        Ok(())
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn write(&self, output: &mut Writer) -> Result<(), Error> {
        match self {
            Some(value) => value.write(output),
            None => ().write(output),
        }
    }
}

macro_rules! behind {
    ($($kind:ty),*) => { $(
        impl<T: ToJson + ?Sized> ToJson for $kind {
            fn write(&self, output: &mut Writer) -> Result<(), Error> {
                (**self).write(output)
            }
        }
    )* };
}

behind!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

impl<T: ToJson + ToOwned + ?Sized> ToJson for Cow<'_, T> {
    fn write(&self, output: &mut Writer) -> Result<(), Error> {
        (**self).write(output)
    }
}

impl<T: ToJson> ToJson for [T] {
    fn write(&self, output: &mut Writer) -> Result<(), Error> {
        output.array(self)
    }
}

impl<T: ToJson, const N: usize> ToJson for [T; N] {
    fn write(&self, output: &mut Writer) -> Result<(), Error> {
        output.array(self)
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn write(&self, output: &mut Writer) -> Result<(), Error> {
        output.array(self)
    }
}

impl<T: ToJson> ToJson for VecDeque<T> {
    fn write(&self, output: &mut Writer) -> Result<(), Error> {
        output.array(self)
    }
}

impl<T: ToJson> ToJson for BTreeSet<T> {
    fn write(&self, output: &mut Writer) -> Result<(), Error> {
        output.array(self)
    }
}

/// In the order of the items' JSON: the same set is the same text every time.
impl<T: ToJson, S> ToJson for HashSet<T, S> {
    fn write(&self, output: &mut Writer) -> Result<(), Error> {
        let mut items: Vec<String> = self.iter().map(super::to_string).collect::<Result<_, _>>()?;
        items.sort_unstable();
        output.raw("[");
        output.raw(&items.join(","));
        output.raw("]");
        Ok(())
    }
}

fn members<'a, V: ToJson + 'a>(
    output: &mut Writer,
    members: impl Iterator<Item = (String, &'a V)>,
) -> Result<(), Error> {
    let mut count = 0;
    for (name, value) in members {
        output.member(&name, value, count == 0)?;
        count += 1;
    }
    output.end(count);
    Ok(())
}

impl<K: ToString, V: ToJson> ToJson for BTreeMap<K, V> {
    fn write(&self, output: &mut Writer) -> Result<(), Error> {
        members(output, self.iter().map(|(name, value)| (name.to_string(), value)))
    }
}

/// In the order of the names: the same map is the same text every time.
impl<K: ToString, V: ToJson, S> ToJson for HashMap<K, V, S> {
    fn write(&self, output: &mut Writer) -> Result<(), Error> {
        let mut sorted: Vec<(String, &V)> = self.iter().map(|(name, value)| (name.to_string(), value)).collect();
        sorted.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        members(output, sorted.into_iter())
    }
}

macro_rules! tuples {
    ($($($name:ident)*;)*) => { $(
        impl<$($name: ToJson),*> ToJson for ($($name,)*) {
            #[allow(non_snake_case, unused_assignments)]
            fn write(&self, output: &mut Writer) -> Result<(), Error> {
                let ($($name,)*) = self;
                let mut index = 0;
                $(
                    output.raw(if index == 0 { "[" } else { "," });
                    $name.write(output).map_err(|error| error.item(index))?;
                    index += 1;
                )*
                output.raw("]");
                Ok(())
            }
        }
    )* };
}

tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}
