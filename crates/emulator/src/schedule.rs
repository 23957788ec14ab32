//! The order in which threads and blocks take turns.

/// In which order the threads of a block, and the blocks of a grid, take turns. A kernel that gives the
/// same bits under all of them does not depend on what a GPU leaves open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Schedule {
    /// One after the other; the first block first.
    RoundRobin,
    /// The same from the last to the first.
    Reverse,
    /// Shuffled by a seed, differently in each block; the blocks too, and each of them finds memory as it was when
    /// the launch began. What a block writes before a `__threadfence` is shown to those that go through an atomic
    /// operation on global memory after it has; two blocks that write the same byte otherwise are an error.
    Isolated(u32),
    /// The first that can go on does: one warp runs ahead of all others, as far as barriers let it.
    GreedyUp,
    /// The last that can go on does; the last block first.
    GreedyDown,
}

impl Schedule {
    /// One of each kind.
    pub const ALL: [Self; 5] = [Self::RoundRobin, Self::Reverse, Self::Isolated(7), Self::GreedyUp, Self::GreedyDown];

    /// What `cpp/block.h` calls it, and the seed.
    pub(crate) fn code(self) -> (i32, u32) {
        match self {
            Self::RoundRobin => (0, 0),
            Self::Reverse => (1, 0),
            Self::Isolated(seed) => (2, seed),
            Self::GreedyUp => (3, 0),
            Self::GreedyDown => (4, 0),
        }
    }
}
