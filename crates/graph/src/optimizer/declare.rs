//! What follows from the table of the optimizers.

use super::OptimizerKind;

/// Declares the optimizers: for each its name in study files, and its scalars with their defaults
/// and bounds, which are constructors of [`Bounded`](super::Bounded).
macro_rules! update_rules {
    ($($(#[$about:meta])* $kind:ident = $name:literal {
        $($(#[$meaning:meta])* $scalar:ident: $type:ty = $default:literal, $bound:ident;)*
    })*) => {
        tunefork_names::named_enum! {
            /// The optimizers by name.
            pub enum OptimizerKind: "optimizer" {
                $($(#[$about])* $kind = $name,)*
            }
        }

        /// An optimizer with its scalars, which do not change during a run.
        #[derive(Clone, Copy, PartialEq, Debug)]
        pub enum UpdateRule {
            $($(#[$about])* $kind {
                $(
                    $(#[$meaning])*
                    #[doc = concat!("Must be ", allowed!($bound), ".")]
                    $scalar: $type,
                )*
            },)*
        }

        impl OptimizerKind {
            /// What the scalars of this optimizer are called in formulae and study files.
            pub const fn scalars(self) -> &'static [&'static str] {
                match self {
                    $(Self::$kind => &[$(stringify!($scalar)),*],)*
                }
            }

            /// The rule with what a user has said, and its authors' defaults for all the rest.
            pub const fn rule(self, given: &GivenScalars) -> UpdateRule {
                match self {
                    $(Self::$kind => UpdateRule::$kind {
                        $($scalar: match given.$scalar {
                            Some(given) => given,
                            None => $default,
                        },)*
                    },)*
                }
            }
        }

        impl UpdateRule {
            /// Which optimizer it is.
            pub const fn kind(&self) -> OptimizerKind {
                match self {
                    $(Self::$kind { .. } => OptimizerKind::$kind,)*
                }
            }

            /// Each scalar with the bounds that it has by itself.
            fn own_bounds(&self) -> Vec<Bounded> {
                match *self {
                    $(Self::$kind { $($scalar),* } => vec![$(Bounded::$bound(stringify!($scalar), $scalar)),*],)*
                }
            }
        }
    };
}

pub(super) use update_rules;

impl OptimizerKind {
    /// How many optimizers have this scalar.
    pub const fn count_with(scalar: &str) -> usize {
        let (mut count, mut at) = (0, 0);
        while at < Self::ALL.len() {
            count += Self::ALL[at].has(scalar) as usize;
            at += 1;
        }
        count
    }

    /// The names of the `COUNT` optimizers that have this scalar.
    ///
    /// # Panics
    /// If there are fewer, or none.
    pub const fn names_with<const COUNT: usize>(scalar: &str) -> [&'static str; COUNT] {
        assert!(COUNT > 0, "an optimizer has this scalar");
        let (mut names, mut at, mut kind) = ([""; COUNT], 0, 0);
        while at < COUNT {
            if Self::ALL[kind].has(scalar) {
                names[at] = Self::ALL[kind].name();
                at += 1;
            }
            kind += 1;
        }
        names
    }

    const fn has(self, scalar: &str) -> bool {
        let (mut at, scalars) = (0, self.scalars());
        while at < scalars.len() {
            if is_same(scalars[at], scalar) {
                return true;
            }
            at += 1;
        }
        false
    }
}

/// `==`, which does not yet run while compiling.
const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}
