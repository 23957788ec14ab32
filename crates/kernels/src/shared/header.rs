//! The text of `kernels/shared.cuh`.

use std::fmt::Display;

/// Longest line of the header.
const WIDTH: usize = 120;

/// A type that C has too.
pub(super) trait Declare {
    /// The declaration of `name` with this type.
    fn declare(name: &str) -> String;
}

macro_rules! numbers {
    ($($Type:ty as $c:literal),*) => {
        $(impl Declare for $Type {
            fn declare(name: &str) -> String {
                format!("{} {name}", $c)
            }
        })*
    };
}
numbers!(u64 as "u64", u32 as "u32", i32 as "int", f32 as "float", f64 as "double");

impl<T: Declare, const N: usize> Declare for [T; N] {
    fn declare(name: &str) -> String {
        T::declare(&format!("{name}[{N}]"))
    }
}

/// The header while it grows.
pub(super) struct Header(String);

impl Header {
    pub(super) fn new() -> Self {
        Self(
            "// Structs, codes and constants that the host knows too. Written by `cargo xtask shared` from\n\
             // crates/kernels/src/shared/mod.rs; a test compares.\n\
             #pragma once\n\n"
                .into(),
        )
    }

    pub(super) fn finish(self) -> String {
        format!("{}\n", self.0.trim_end())
    }

    pub(super) fn line(&mut self, line: &str) {
        self.0 += line;
        self.0.push('\n');
    }

    /// Lines of a Rust comment as lines of a comment.
    pub(super) fn comment(&mut self, indent: &str, lines: &[&str]) {
        lines.iter().for_each(|line| self.line(&format!("{indent}//{line}")));
    }

    /// A line with its comment behind it, or above where it is too long.
    fn commented(&mut self, indent: &str, line: &str, comment: &[&str]) {
        match comment {
            [one] if indent.len() + line.len() + one.len() + 4 <= WIDTH => {
                self.line(&format!("{indent}{line}  //{one}"));
            }
            _ => {
                self.comment(indent, comment);
                self.line(&format!("{indent}{line}"));
            }
        }
    }

    pub(super) fn field<T: Declare>(&mut self, name: &str, comment: &[&str]) {
        self.commented("    ", &format!("{};", T::declare(name)), comment);
    }

    pub(super) fn constant(&mut self, name: &str, value: usize, comment: &[&str]) {
        self.commented("", &format!("constexpr u32 {name} = {value};"), comment);
    }

    pub(super) fn codes(&mut self, name: &str, names: &[String]) {
        let numbered: Vec<String> = names.iter().enumerate().map(|(code, name)| format!("{name} = {code}")).collect();
        self.line(&format!("enum {name} {{ {} }};\n", numbered.join(", ")));
    }

    /// A macro that goes through a list.
    pub(super) fn each(&mut self, name: &str, entries: impl IntoIterator<Item: Display>) {
        let entries: Vec<String> = entries.into_iter().map(|entry| format!("    each({entry})")).collect();
        self.line(&format!("#define EACH_{name}(each) \\\n{}\n", entries.join(" \\\n")));
    }
}
