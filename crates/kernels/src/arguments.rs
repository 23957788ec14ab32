//! One run of a kernel, and what it is given.

use bytemuck::Pod;

use crate::{Kernel, Lanes, Span};

/// One run of a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// Which kernel is run.
    pub kernel: Kernel,
    /// Blocks in x, y, z.
    pub grid: [u32; 3],
    /// Threads of a block in x, y, z.
    pub block: [u32; 3],
    /// Dynamic shared memory of a block.
    pub shared_bytes: u32,
    /// What the kernel is given.
    pub arguments: &'a Arguments,
}

/// Whose memory it is that some of a kernel's pointers lead to: where a launch has several lanes, theirs may lie elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// The trial: everything that it trains and works with.
    Trial,
    /// Images and labels.
    Images,
    /// The tables by which bytes of images become numbers.
    Tables,
}

/// The arguments of a kernel: addresses, numbers and plain structs, in its order.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// Each argument starts at a multiple of 8 bytes.
    words: Vec<u64>,
    starts: Vec<usize>,
    sizes: Vec<usize>,
    /// Which of them are lanes, and of whose memory.
    lanes: Vec<(usize, Owner)>,
    /// The memory that they lead to.
    places: Vec<Place>,
}

/// Some memory that a kernel is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Whose it is.
    pub owner: Owner,
    /// Where it starts.
    pub address: u64,
    /// How long it is.
    pub bytes: u64,
}

impl Arguments {
    /// An empty list, to be added to.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a number or a struct of numbers.
    ///
    /// # Panics
    /// If the type is aligned to more than 8 bytes.
    #[must_use]
    pub fn value<T: Pod>(mut self, value: T) -> Self {
        assert!(align_of::<T>() <= 8, "arguments are aligned to 8 bytes");
        let start = self.words.len();
        self.starts.push(start);
        self.sizes.push(size_of::<T>());
        self.words.resize(start + size_of::<T>().div_ceil(8), 0);
        bytemuck::cast_slice_mut::<u64, u8>(&mut self.words[start..])[..size_of::<T>()]
            .copy_from_slice(bytemuck::bytes_of(&value));
        self
    }

    /// Adds where the lanes of the launch have somebody's memory: a single one, as long as
    /// [`in_lanes`](Self::in_lanes) says nothing else.
    #[must_use]
    pub fn lanes(mut self, owner: Owner) -> Self {
        self.lanes.push((self.sizes.len(), owner));
        self.value(Lanes::default())
    }

    /// The same for lanes whose memory lies where `of` says.
    #[must_use]
    pub fn in_lanes(mut self, of: impl Fn(Owner) -> Lanes) -> Self {
        for &(argument, owner) in &self.lanes {
            let words = &mut self.words[self.starts[argument]..];
            words[..Lanes::MOST].copy_from_slice(&of(owner).offset);
        }
        self
    }

    /// Adds the address of some memory of the trial.
    #[must_use]
    pub fn span<T: Pod>(self, span: Span<'_, T>) -> Self {
        self.span_of(Owner::Trial, span)
    }

    /// Adds the address of some memory of somebody.
    #[must_use]
    pub(crate) fn span_of<T: Pod>(self, owner: Owner, span: Span<'_, T>) -> Self {
        self.leading_to(owner, span).value(span.address())
    }

    /// Adds the address of some memory of the trial, or null.
    #[must_use]
    pub fn optional<T: Pod>(self, span: Option<Span<'_, T>>) -> Self {
        match span {
            Some(span) => self.span(span),
            None => self.value(0u64),
        }
    }

    /// Notes memory whose address is part of a struct among the arguments.
    #[must_use]
    pub(crate) fn leading_to<T: Pod>(mut self, owner: Owner, span: Span<'_, T>) -> Self {
        let bytes = (span.len() * size_of::<T>()) as u64;
        self.places.push(Place { owner, address: span.address(), bytes });
        self
    }

    /// The memory that the arguments lead to.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The same with another number in place of 4 bytes of an argument, for tests that plant a wrong one.
    ///
    /// # Panics
    /// If there is no such argument, or it is too short.
    #[must_use]
    pub fn with_word(mut self, argument: usize, word: usize, number: u32) -> Self {
        assert!(4 * word + 4 <= self.sizes[argument], "argument {argument} has no word {word}");
        bytemuck::cast_slice_mut::<u64, u32>(&mut self.words[self.starts[argument]..])[word] = number;
        self
    }

    /// Bytes of each argument.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// A pointer to each argument, as the driver wants them. They live as long as this does.
    pub fn pointers(&self) -> Vec<*const u64> {
        self.starts.iter().map(|&start| &raw const self.words[start]).collect()
    }
}
