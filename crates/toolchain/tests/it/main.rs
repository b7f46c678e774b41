//! Sources to units, with the real compilers, and the units called as a pipeline calls them.

mod go;
mod rust;
mod workshop;
