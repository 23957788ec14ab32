//! The functions of `kernels/instructions.cuh`, as far as they are written with `asm`.

use std::path::Path;

/// `DEVICE type name(...) { ... }`.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) statements: Vec<Statement>,
}

pub(crate) enum Statement {
    Asm(Asm),
    /// Anything else, with single spaces and without its semicolon.
    Other(String),
}

/// `asm volatile("template" : outputs : inputs : clobbers)`.
pub(crate) struct Asm {
    pub(crate) template: String,
    /// In the order of their numbers: outputs, then inputs.
    pub(crate) operands: Vec<Operand>,
    /// Whether the compiler must leave it in its place, and what memory holds as it is.
    pub(crate) volatile: bool,
    pub(crate) memory: bool,
}

pub(crate) struct Operand {
    pub(crate) constraint: String,
    pub(crate) expression: String,
}

/// All functions that there are for an architecture.
pub(crate) fn functions(architecture: u32) -> Vec<Function> {
    let path = Path::new(env!("EMULATOR_KERNELS")).join("instructions.cuh");
    let text = std::fs::read_to_string(&path).expect("the instructions");
    let text = preprocessed(&text, architecture);
    let mut functions = Vec::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.find("DEVICE ") {
        let head = &rest[start..];
        let open = head.find('{').expect("a body");
        let close = open + closing(&head[open..], '{', '}');
        let name = head[..head.find('(').expect("parameters")].split_whitespace().last().expect("a name");
        functions.push(Function { name: name.into(), statements: statements(&head[open + 1..close]) });
        rest = &head[close..];
    }
    functions
}

/// Without comments, and with the lines that `#if ARCH >= number` leaves.
fn preprocessed(text: &str, architecture: u32) -> String {
    let mut kept = vec![true];
    let mut lines = String::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        if let Some(condition) = line.strip_prefix("#if ARCH >= ") {
            kept.push(architecture >= condition.parse().expect("a number"));
        } else if line == "#else" {
            let last = kept.last_mut().expect("an #if");
            *last = !*last;
        } else if line == "#endif" {
            kept.pop();
        } else if line.starts_with('#') {
            assert_eq!(line, "#pragma once", "a line that this test knows");
        } else if kept.iter().all(|&kept| kept) {
            lines += line;
            lines.push('\n');
        }
    }
    lines
}

/// How far behind the first character of a text its counterpart is.
fn closing(text: &str, open: char, close: char) -> usize {
    let (mut depth, mut quoted) = (0, false);
    for (at, c) in text.char_indices() {
        quoted ^= c == '"';
        depth += i32::from(!quoted && c == open) - i32::from(!quoted && c == close);
        if depth == 0 {
            return at;
        }
    }
    panic!("{open} is never closed: {text}")
}

/// The parts of a text between a character, where it stands in no quotes, brackets or braces.
pub(crate) fn split(text: &str, by: char) -> Vec<&str> {
    let (mut depth, mut quoted, mut start, mut parts) = (0, false, 0, Vec::new());
    for (at, c) in text.char_indices() {
        quoted ^= c == '"';
        if quoted {
            continue;
        }
        depth += i32::from("([{".contains(c)) - i32::from(")]}".contains(c));
        if c == by && depth == 0 {
            parts.push(text[start..at].trim());
            start = at + 1;
        }
    }
    parts.push(text[start..].trim());
    parts
}

fn statements(body: &str) -> Vec<Statement> {
    let all = split(body, ';').into_iter().filter(|statement| !statement.is_empty());
    all.map(|statement| match statement.strip_prefix("asm") {
        Some(asm) => Statement::Asm(Asm::new(asm.trim())),
        None => Statement::Other(statement.split_whitespace().collect::<Vec<_>>().join(" ")),
    })
    .collect()
}

impl Asm {
    fn new(text: &str) -> Self {
        let volatile = text.starts_with("volatile");
        let open = text.find('(').expect("an argument");
        let sections = split(&text[open + 1..open + closing(&text[open..], '(', ')')], ':');
        let section = |number: usize| sections.get(number).copied().unwrap_or_default();
        let operands = [section(1), section(2)].map(|section| split(section, ',')).concat();
        let operands = operands.into_iter().filter(|operand| !operand.is_empty()).map(|operand| {
            let (constraint, expression) = operand[1..].split_once('"').expect("a constraint");
            let expression = expression.trim().strip_prefix('(').and_then(|e| e.strip_suffix(')'));
            Operand { constraint: constraint.into(), expression: expression.expect("an expression").trim().into() }
        });
        Self {
            template: section(0).split('"').skip(1).step_by(2).collect(),
            operands: operands.collect(),
            volatile,
            memory: section(3).contains("\"memory\""),
        }
    }
}
