//! How structs, constants and addresses are declared for Rust, and with it for the header.

/// Declares structs, and for the header how they are written in C.
macro_rules! structs {
    ($(
        $(#[doc = $text:literal])*
        $visibility:vis struct $Name:ident {
            $($(#[doc = $of_field:literal])* $of:vis $field:ident: $Type:ty,)*
        }
    )*) => {
        $(
            $(#[doc = $text])*
            #[repr(C)]
            #[derive(Clone, Copy, PartialEq, Debug, Default, Pod, Zeroable)]
            $visibility struct $Name {
                $($(#[doc = $of_field])* $of $field: $Type,)*
            }

            #[cfg(test)]
            impl header::Declare for $Name {
                fn declare(name: &str) -> String {
                    format!("{} {name}", stringify!($Name))
                }
            }
        )*

        #[cfg(test)]
        fn add_structs(header: &mut header::Header) {
            $(
                header.comment("", &[$($text),*]);
                header.line(concat!("struct ", stringify!($Name), " {"));
                $(header.field::<$Type>(stringify!($field), &[$($of_field),*]);)*
                header.line("};\n");
            )*
        }
    };
}

/// Declares constants, for the header too: `u32` there is `usize` here.
macro_rules! constants {
    ($($(#[doc = $text:literal])* $NAME:ident = $value:expr;)*) => {
        $($(#[doc = $text])* pub(crate) const $NAME: usize = $value;)*

        #[cfg(test)]
        fn add_constants(header: &mut header::Header) {
            $(header.constant(stringify!($NAME), $NAME, &[$($text),*]);)*
            header.line("");
        }
    };
}

/// Addresses in structs that kernels are given by value.
macro_rules! addresses {
    ($($(#[doc = $text:literal])* $Name:ident as $c:literal;)*) => {
        $(
            $(#[doc = $text])*
            #[repr(transparent)]
            #[derive(Clone, Copy, PartialEq, Debug, Default, Pod, Zeroable)]
            pub(crate) struct $Name(pub(crate) u64);

            #[cfg(test)]
            impl header::Declare for $Name {
                fn declare(name: &str) -> String {
                    format!("{} {name}", $c)
                }
            }
        )*
    };
}
