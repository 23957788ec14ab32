//! Ask and tell: a study whose loop is the user's.

mod recall;
mod study;
mod trial;

pub use study::{Study, Told};
pub use trial::Trial;
