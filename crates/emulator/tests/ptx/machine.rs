//! A warp that runs the instructions of `kernels/instructions.cuh`, by the PTX manual's chapters on `cvt`, `cp.async`,
//! `ldmatrix` and `mma`, and by nothing of what the emulator does.

use std::collections::HashMap;

use half::{bf16, f16};

use crate::parse::{Asm, Function, Statement, split};

/// What instructions need at least.
const FIRST_ARCHITECTURE: [(&str, u32); 10] = [
    ("cvt.rn.f16.f32", 530),
    ("cvt.f32.f16", 530),
    ("cvt.rn.bf16x2.f32", 800),
    ("cvt.rna.tf32.f32", 800),
    ("cp.async.", 800),
    ("ldmatrix.", 750),
    ("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32", 750),
    ("mma.sync.aligned.m16n8k16.", 800),
    ("mma.sync.aligned.m16n8k8.row.col.f32.tf32.", 800),
    ("griddepcontrol.", 900),
];

/// A lane's variables by the names that they have in the file.
pub(crate) type Lane = HashMap<String, u64>;

pub(crate) struct Warp {
    architecture: u32,
    pub(crate) lanes: Vec<Lane>,
    /// Shared and global memory: addresses count from 0.
    pub(crate) shared: Vec<u8>,
    pub(crate) global: Vec<u8>,
    /// Copies of each lane that are not in a group yet, and groups that have not been waited for.
    open: Vec<Vec<Copy>>,
    groups: Vec<Vec<Vec<Copy>>>,
}

/// 16 bytes on their way.
#[derive(Clone)]
struct Copy {
    to: usize,
    bytes: [u8; 16],
}

impl Warp {
    pub(crate) fn new(architecture: u32) -> Self {
        Self {
            architecture,
            lanes: vec![Lane::new(); 32],
            shared: Vec::new(),
            global: Vec::new(),
            open: vec![Vec::new(); 32],
            groups: vec![Vec::new(); 32],
        }
    }

    /// Runs a function in all lanes; what each returns, if anything.
    pub(crate) fn run(&mut self, function: &Function) -> Vec<u64> {
        let mut returned = Vec::new();
        for statement in &function.statements {
            match statement {
                Statement::Asm(asm) => self.instruction(asm),
                Statement::Other(text) => returned.extend(self.statement(text)),
            }
        }
        returned
    }

    /// The few statements beside the instructions.
    fn statement(&mut self, text: &str) -> Vec<u64> {
        let float = |bits: u64| f32::from_bits(bits as u32);
        match text {
            "u16 bits" | "u32 bits" | "float x" | "uint4 value = make_uint4(0, 0, 0, 0)" => {}
            // Before sm_80 pieces are copied at once.
            "if (valid) value = *(const uint4*)from" => {}
            "*(uint4*)to = value" => {
                for lane in &self.lanes {
                    let (to, from, valid) = (lane["to"] as usize, lane["from"] as usize, lane["valid"] != 0);
                    let bytes = if valid { self.global[from..from + 16].to_vec() } else { vec![0; 16] };
                    self.shared[to..to + 16].copy_from_slice(&bytes);
                }
            }
            "return __fmul_rn(a, b)" => {
                return self.each(|lane| u64::from((float(lane["a"]) * float(lane["b"])).to_bits()));
            }
            "return __fadd_rn(a, b)" => {
                return self.each(|lane| u64::from((float(lane["a"]) + float(lane["b"])).to_bits()));
            }
            _ => {
                if let Some(name) = text.strip_prefix("return ").filter(|name| name.chars().all(char::is_alphanumeric))
                {
                    return self.each(|lane| lane[name]);
                }
                let choice = text.strip_prefix("int bytes = valid ? ").and_then(|rest| rest.split_once(" : "));
                let (yes, no) = choice.unwrap_or_else(|| panic!("this test does not know: {text}"));
                for lane in &mut self.lanes {
                    let bytes = if lane["valid"] != 0 { yes } else { no };
                    lane.insert("bytes".into(), bytes.parse().expect("a number"));
                }
            }
        }
        Vec::new()
    }

    fn each(&self, value: impl FnMut(&Lane) -> u64) -> Vec<u64> {
        self.lanes.iter().map(value).collect()
    }

    fn instruction(&mut self, asm: &Asm) {
        let text = asm.template.trim().strip_suffix(';').expect("one instruction");
        let (code, operands) = text.split_once(' ').unwrap_or((text, ""));
        let first = FIRST_ARCHITECTURE.iter().filter(|(start, _)| code.starts_with(start)).map(|(_, first)| *first);
        let first = first.max().unwrap_or_else(|| panic!("this test does not know {code}"));
        assert!(self.architecture >= first, "{code} on sm_{}", self.architecture / 10);
        let operands = split(operands, ',').into_iter().filter(|operand| !operand.is_empty()).collect();
        let given = Given { asm, operands };
        if !code.starts_with("cvt.") && !code.starts_with("mma.") {
            assert!(asm.volatile && asm.memory, "{code} reads or writes memory");
        }
        match code.split('.').next() {
            Some("cvt") => self.convert(code, &given),
            Some("cp") => self.copy(code, &given),
            Some("ldmatrix") => self.load_matrices(code, &given),
            // What it waits for is no matter of a warp.
            Some("griddepcontrol") => {}
            _ => self.multiply(code, &given),
        }
    }

    fn convert(&mut self, code: &str, given: &Given<'_>) {
        // The letters of registers: 16 bits, 32 bits, f32.
        let letters = match code {
            "cvt.rn.f16.f32" => "=h f",
            "cvt.f32.f16" => "=f h",
            "cvt.rn.bf16x2.f32" => "=r f f",
            "cvt.rna.tf32.f32" => "=r f",
            _ => panic!("this test does not know {code}"),
        };
        given.expect(letters);
        for lane in &mut self.lanes {
            let float = |number: usize| f32::from_bits(given.value(lane, number) as u32);
            let bits = match code {
                "cvt.rn.f16.f32" => u64::from(to_f16(float(1))),
                "cvt.f32.f16" => u64::from(f16::from_bits(given.value(lane, 1) as u16).to_f32().to_bits()),
                // The first source becomes the upper half.
                "cvt.rn.bf16x2.f32" => u64::from(to_bf16(float(1))) << 16 | u64::from(to_bf16(float(2))),
                _ => u64::from(to_tf32(float(1))),
            };
            given.set(lane, 0, bits);
        }
    }

    fn copy(&mut self, code: &str, given: &Given<'_>) {
        for at in 0..self.lanes.len() {
            let lane = &self.lanes[at];
            match code {
                // Around the first cache and through it.
                "cp.async.cg.shared.global" | "cp.async.ca.shared.global" => {
                    given.expect("[r] [l] 16 r");
                    let size = given.value(lane, 3) as usize;
                    let (to, from) = (given.value(lane, 0) as usize, given.value(lane, 1) as usize);
                    assert!(size <= 16 && to % 16 == 0 && from % 16 == 0, "{size} bytes from {from} to {to}");
                    // What is left of 16 bytes becomes zero.
                    let mut bytes = [0; 16];
                    bytes[..size].copy_from_slice(&self.global[from..from + size]);
                    self.open[at].push(Copy { to, bytes });
                }
                "cp.async.commit_group" => self.groups[at].push(std::mem::take(&mut self.open[at])),
                "cp.async.wait_group" => {
                    given.expect("n");
                    let left = given.value(lane, 0) as usize;
                    let done = self.groups[at].len().saturating_sub(left);
                    for Copy { to, bytes } in self.groups[at].drain(..done).flatten() {
                        self.shared[to..to + 16].copy_from_slice(&bytes);
                    }
                }
                _ => panic!("this test does not know {code}"),
            }
        }
    }

    fn load_matrices(&mut self, code: &str, given: &Given<'_>) {
        let (count, transposed) = match code {
            "ldmatrix.sync.aligned.m8n8.x2.shared.b16" => (2, false),
            "ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16" => (2, true),
            "ldmatrix.sync.aligned.m8n8.x4.shared.b16" => (4, false),
            "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16" => (4, true),
            _ => panic!("this test does not know {code}"),
        };
        given.expect(if count == 2 { "{=r,=r} [r]" } else { "{=r,=r,=r,=r} [r]" });
        // Threads 0 to 7 hold the addresses of the rows of the first matrix, the next eight those of the second, ...
        let rows: Vec<usize> = self.lanes.iter().map(|lane| given.value(lane, 1) as usize).collect();
        let element = |matrix: usize, row: usize, column: usize| {
            let at = rows[matrix * 8 + row] + 2 * column;
            u64::from(u16::from_le_bytes([self.shared[at], self.shared[at + 1]]))
        };
        for (thread, lane) in self.lanes.iter_mut().enumerate() {
            for matrix in 0..count {
                // A thread gets two neighbours of a row; of a matrix that is stored by columns, of a column.
                let (row, column) = (thread / 4, thread % 4 * 2);
                let pair = [column, column + 1].map(|column| match transposed {
                    true => element(matrix, column, row),
                    false => element(matrix, row, column),
                });
                given.set_of(lane, 0, matrix, pair[0] | pair[1] << 16);
            }
        }
    }

    fn multiply(&mut self, code: &str, given: &Given<'_>) {
        let (depth, kind) = match code {
            "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32" => (8, Kind::F16),
            "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32" => (16, Kind::F16),
            "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32" => (16, Kind::Bf16),
            "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32" => (8, Kind::Tf32),
            _ => panic!("this test does not know {code}"),
        };
        given.expect(match (depth, kind) {
            (8, Kind::F16) => "{+f,+f,+f,+f} {r,r} {r} {+f,+f,+f,+f}",
            _ => "{+f,+f,+f,+f} {r,r,r,r} {r,r} {+f,+f,+f,+f}",
        });
        let (mut a, mut b) = (vec![vec![0f64; depth]; 16], vec![vec![0f64; 8]; depth]);
        for (thread, lane) in self.lanes.iter().enumerate() {
            for i in 0..16 * depth / 32 {
                let (row, column) = kind.place_a(thread, i);
                a[row][column] = kind.element(|register| given.value_of(lane, 1, register), i);
            }
            for i in 0..depth * 8 / 32 {
                let (row, column) = kind.place_b(thread, i);
                b[row][column] = kind.element(|register| given.value_of(lane, 2, register), i);
            }
        }
        for (thread, lane) in self.lanes.iter_mut().enumerate() {
            for i in 0..4 {
                // c: row = groupID for c0, c1 and groupID + 8 for c2, c3; column = 2 threadID_in_group + (i & 1).
                let (row, column) = (thread / 4 + if i < 2 { 0 } else { 8 }, thread % 4 * 2 + (i & 1));
                let sum: f64 = (0..depth).map(|k| a[row][k] * b[k][column]).sum();
                let c = f64::from(f32::from_bits(given.value_of(lane, 3, i) as u32));
                given.set_of(lane, 0, i, u64::from(((c + sum) as f32).to_bits()));
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    F16,
    Bf16,
    Tf32,
}

impl Kind {
    /// Row and column of element i of a: with groupID = thread >> 2 and threadID_in_group = thread % 4 the manual's
    /// tables of `mma.m16n8k16` and `mma.m16n8k8`. (Those for k8 are the first half of those for k16.)
    fn place_a(self, thread: usize, i: usize) -> (usize, usize) {
        let (group, within) = (thread >> 2, thread % 4);
        match self {
            // row = groupID for a0, a1, a4, a5, else + 8; column = 2 threadID_in_group + (i & 1), from a4 on + 8.
            Self::F16 | Self::Bf16 => {
                let upper = i < 2 || (4..6).contains(&i);
                (if upper { group } else { group + 8 }, within * 2 + (i & 1) + if i < 4 { 0 } else { 8 })
            }
            // row = groupID for a0, a2, else + 8; column = threadID_in_group for a0, a1, else + 4.
            Self::Tf32 => (if i == 0 || i == 2 { group } else { group + 8 }, if i < 2 { within } else { within + 4 }),
        }
    }

    /// The same of b.
    fn place_b(self, thread: usize, i: usize) -> (usize, usize) {
        let (group, within) = (thread >> 2, thread % 4);
        match self {
            Self::F16 | Self::Bf16 => (within * 2 + (i & 1) + if i < 2 { 0 } else { 8 }, group),
            Self::Tf32 => (if i == 0 { within } else { within + 4 }, group),
        }
    }

    /// Element i of a fragment: two of 16 bits lie in a register, the first in its lower half.
    fn element(self, register: impl Fn(usize) -> u64, i: usize) -> f64 {
        let half = || (register(i / 2) >> (16 * (i % 2))) as u16;
        match self {
            Self::F16 => f16::from_bits(half()).to_f64(),
            Self::Bf16 => bf16::from_bits(half()).to_f64(),
            // The lower 13 bits are ignored.
            Self::Tf32 => f64::from(f32::from_bits(register(i) as u32 & !0x1fff)),
        }
    }
}

/// An instruction's operands: `%0`, `[%1]`, `{%2,%3}` or a number.
struct Given<'a> {
    asm: &'a Asm,
    operands: Vec<&'a str>,
}

impl Given<'_> {
    /// Fails unless operands have the forms and registers that the instruction takes.
    fn expect(&self, forms: &str) {
        let mut found: Vec<String> = self.operands.iter().map(|operand| operand.replace(' ', "")).collect();
        for operand in &mut found {
            for (number, given) in self.asm.operands.iter().enumerate().rev() {
                *operand = operand.replace(&format!("%{number}"), &given.constraint);
            }
        }
        assert_eq!(found.join(" "), forms, "the registers of {}", self.asm.template);
    }

    /// The number in operand `number`.
    fn value(&self, lane: &Lane, number: usize) -> u64 {
        self.value_of(lane, number, 0)
    }

    /// The number in a register of operand `number`.
    fn value_of(&self, lane: &Lane, number: usize, register: usize) -> u64 {
        let name = self.name(number, register);
        name.parse().unwrap_or_else(|_| *lane.get(name).unwrap_or_else(|| panic!("there is no {name}")))
    }

    fn set(&self, lane: &mut Lane, number: usize, value: u64) {
        self.set_of(lane, number, 0, value);
    }

    fn set_of(&self, lane: &mut Lane, number: usize, register: usize, value: u64) {
        lane.insert(self.name(number, register).into(), value);
    }

    /// The variable behind a register; of an address what it is the address of.
    fn name(&self, number: usize, register: usize) -> &str {
        let inside = self.operands[number].trim_matches(['{', '}', '[', ']']);
        let text = inside.split(',').nth(register).expect("as many registers").trim();
        let Some(at) = text.strip_prefix('%') else { return text };
        let name = &self.asm.operands[at.parse::<usize>().expect("a number")].expression;
        name.strip_prefix("shared_address(").and_then(|name| name.strip_suffix(')')).unwrap_or(name)
    }
}

fn to_f16(x: f32) -> u16 {
    if x.is_nan() { 0x7fff } else { f16::from_f32(x).to_bits() }
}

fn to_bf16(x: f32) -> u16 {
    if x.is_nan() { 0x7fff } else { bf16::from_f32(x).to_bits() }
}

/// To the nearest number with 10 bits of mantissa, the one farther from zero in the middle.
fn to_tf32(x: f32) -> u32 {
    if !x.is_finite() {
        return if x.is_nan() { 0x7fff_ffff } else { x.to_bits() };
    }
    let unit = 2f64.powi(((x.to_bits() >> 23 & 0xff) as i32).max(1) - 127 - 10);
    (((f64::from(x) / unit).round() * unit) as f32).to_bits()
}
