//! What all enums of [`named_enum!`](crate::named_enum) have in common.

use std::str::FromStr;

use crate::UnknownName;

/// An enum declared by [`named_enum!`](crate::named_enum), for code that is generic over them.
pub trait Named: Copy + Eq + FromStr<Err = UnknownName> + 'static {
    /// The names of all variants, in the order of the table.
    const NAMES: &'static [&'static str];
}
